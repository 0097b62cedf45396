"""`memory_budget: auto`, and how long models stay by their entries."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from heylook_core import memory
from heylook_core.hookspecs import hookimpl
from heylook_core.memory import SHARE, memory_budget, physical_memory
from heylook_core.plugins import Plugins
from heylook_core.residency.residency import stay_of
from heylook_core.settings import ModelEntry, Settings

pytestmark = pytest.mark.unit


class Limit:
    def __init__(self, nbytes: int | None) -> None:
        self.nbytes = nbytes

    @hookimpl
    def memory_limit(self) -> int | None:
        return self.nbytes


def budget(given: int | str, *limits: int | None) -> int:
    plugins = Plugins()
    for number, limit in enumerate(limits):
        plugins.add(f"limit{number}", Limit(limit))
    return asyncio.run(memory_budget(Settings(memory_budget=given), plugins))


def test_auto_is_a_share_of_the_machine() -> None:
    assert budget("auto") == budget("auto", None) == round(physical_memory() * SHARE)


def test_the_lowest_limit_of_a_backend_counts_as_it_is() -> None:
    assert budget("auto", 5 << 30, 3 << 30, 0, None) == 3 << 30
    assert budget("auto", 1 << 60) == round(physical_memory() * SHARE)


def test_what_is_configured_is_not_lowered() -> None:
    assert budget("64GB", 3 << 30) == 64 * 10**9
    assert budget(12345) == 12345


@pytest.mark.parametrize(("text", "expected"), [("1000000", 1_000_000), ("max", None), ("", None)])
def test_a_container_has_what_its_limit_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: int | None
) -> None:
    whole = physical_memory()
    (tmp_path / "memory.max").write_text(f"{text}\n")
    monkeypatch.setattr(memory, "_CGROUP", tmp_path / "memory.max")
    assert physical_memory() == (expected or whole)


@pytest.mark.parametrize(
    ("entry", "settings", "seconds"),
    [(None, None, float("inf")), (None, "5m", 300.0), ("1h", "5m", 3600.0), (0, "5m", 0.0), (-1, 5, float("inf"))],
)
def test_the_entry_decides_before_the_settings(
    entry: float | str | None, settings: float | str | None, seconds: float
) -> None:
    one = ModelEntry(id="a", provider="toy", keep_alive=entry)
    assert stay_of(one, Settings(keep_alive=settings)) == seconds
