"""The distributions hold the app; where it is not built and cannot be, that is said."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

PLUGIN = Path(__file__).resolve().parents[1]
INDEX = "heylook_playground/static/index.html"
SCRIPT = "heylook_playground/static/assets/index-a1b2c3d4.js"
BUILD = "import sys; from hatchling import build; getattr(build, sys.argv[1])(sys.argv[2])"


def copied(folder: Path) -> Path:
    """The plugin without what was built."""
    return Path(shutil.copytree(PLUGIN, folder, ignore=shutil.ignore_patterns("static", "__pycache__")))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The plugin far from the app's sources."""
    return copied(tmp_path / "plugin")


def put_app(source: Path) -> None:
    for name in (INDEX, SCRIPT):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text("built")


def build(step: str, source: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """A step of the build backend (PEP 517, 660), where there is no npm."""
    out.mkdir(exist_ok=True)
    command = [sys.executable, "-c", BUILD, step, str(out)]
    return subprocess.run(command, capture_output=True, text=True, cwd=source, env={**os.environ, "PATH": "/nowhere"})


def test_sdist_and_the_wheel_made_of_it_hold_the_app(source: Path, tmp_path: Path):
    put_app(source)
    assert build("build_sdist", source, tmp_path).returncode == 0
    (sdist,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    assert all((unpacked / name).is_file() for name in (INDEX, SCRIPT, "hatch_build.py"))
    assert build("build_wheel", unpacked, tmp_path).returncode == 0
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert {INDEX, SCRIPT} <= set(archive.namelist())


@pytest.mark.parametrize("step", ["build_wheel", "build_sdist"])
def test_without_the_app_and_its_sources_nothing_is_built(source: Path, tmp_path: Path, step: str):
    done = build(step, source, tmp_path / "dist")
    assert done.returncode != 0
    assert "neither built" in done.stderr
    assert list((tmp_path / "dist").iterdir()) == []


def test_without_npm_no_wheel_is_built_of_a_checkout(tmp_path: Path):
    source = copied(tmp_path / "plugins/playground")
    app = tmp_path / "apps/HeylookPlayground-web"
    app.mkdir(parents=True)
    (app / "package.json").write_text("{}")
    done = build("build_wheel", source, tmp_path / "dist")
    assert done.returncode != 0
    assert "npm is not here" in done.stderr


def test_an_editable_installation_builds_nothing(source: Path, tmp_path: Path):
    """A wheel could not be built here, see above."""
    done = build("build_editable", source, tmp_path / "dist")
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "dist").glob("*.whl"))) == 1
