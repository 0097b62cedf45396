"""Every distribution of this checkout, built once."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from environments import FOLDERS, UV, Distribution, Environment, run


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Distribution]:
    """By their names."""
    out = tmp_path_factory.mktemp("dist")
    command: list[str | Path] = [UV, "build", "--quiet", "--out-dir", out] if UV else [*builder(out), "--outdir", out]
    for folder in FOLDERS.values():
        run(*command, folder, cwd=out)
    files = {name: name.replace("-", "_") for name in FOLDERS}
    return {
        name: Distribution(name, next(out.glob(f"{file}-[0-9]*.whl")), next(out.glob(f"{file}-[0-9]*.tar.gz")))
        for name, file in files.items()
    }


def builder(out: Path) -> list[str | Path]:
    """How pip's users build, in one environment with what the projects say that they need for it."""
    projects = [tomllib.loads((folder / "pyproject.toml").read_text()) for folder in FOLDERS.values()]
    needed = {name for project in projects for name in project["build-system"]["requires"]}
    environment = Environment.new(out / "environment")
    environment.install("build", *sorted(needed))
    return [environment.folder / "bin/python", "-m", "build", "--no-isolation"]
