"""`heylookllm conformance`: every feature of every API works on every test model, or is refused with a reason."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from heylook_core.plugins import Plugins
from heylook_core.testkit.conformance import Cell, matrix
from heylook_core.testkit.models import installed_models

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def cells() -> list[Cell]:
    plugins = Plugins()
    plugins.load_hooks()
    return list(matrix(plugins, installed_models((), plugins)))


def test_nothing_fails(cells: list[Cell]):
    assert [cell for cell in cells if cell.state == "fails"] == []


def test_every_refusal_has_a_reason(cells: list[Cell]):
    assert all(cell.reason.strip() for cell in cells if cell.state == "refused")


def test_every_provider_and_every_feature_is_tried(cells: list[Cell]):
    assert {cell.provider for cell in cells} >= {"toy", "scripted"}
    by_provider = {cell.provider: [] for cell in cells}
    for cell in cells:
        by_provider[cell.provider].append((cell.dialect, cell.feature))
    assert len({tuple(tried) for tried in by_provider.values()}) == 1, "providers were asked for different things"


def test_both_apis_are_tried(cells: list[Cell]):
    tried = {dialect: {cell.feature for cell in cells if cell.dialect == dialect} for dialect in ("openai", "ollama")}
    assert len(tried["openai"]) > 30
    assert len(tried["ollama"]) > 20


def test_the_scripted_provider_has_all_but_eyes_and_ears(cells: list[Cell]):
    refused = {cell.feature for cell in cells if cell.provider == "scripted" and cell.state == "refused"}
    assert refused <= {"images", "audio"}


def test_the_command_prints_the_matrix():
    command = [str(Path(sys.executable).with_name("heylookllm")), "conformance", "--json", "scripted"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {cell["provider"] for cell in found} == {"scripted"}
    assert {cell["state"] for cell in found} == {"works", "refused"}
