"""Real distributions on a temporary path: what the tests install is found as any installed plugin is."""

from __future__ import annotations

import importlib
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest


class Site:
    """A place to install distributions to; each has a folder of its own, the last one first on the path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._modules: set[str] = set()

    def install(self, dist: str, entry_points: str, version: str = "1.0", **modules: str) -> Path:
        """`entry_points` is the text of entry_points.txt, `modules` are sources by module name."""
        place = self.folder / dist
        info = place / f"{dist.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {dist}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(textwrap.dedent(entry_points))
        for name, source in modules.items():
            (place / f"{name}.py").write_text(textwrap.dedent(source))
        self._modules |= modules.keys()
        sys.path.insert(0, str(place))
        importlib.invalidate_caches()
        return place

    def close(self) -> None:
        sys.path[:] = [path for path in sys.path if not path.startswith(str(self.folder))]
        for name in self._modules:
            sys.modules.pop(name, None)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path / "site")
    yield made
    made.close()
