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

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(300)]

PLUGIN = Path(__file__).resolve().parents[1]
UV = shutil.which("uv")
INDEX = "heylook_playground/static/index.html"
SCRIPT = "heylook_playground/static/assets/index-a1b2c3d4.js"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The plugin without what was built, far from the app's sources."""
    return Path(shutil.copytree(PLUGIN, tmp_path / "plugin", ignore=shutil.ignore_patterns("static", "__pycache__")))


@pytest.fixture
def no_npm(tmp_path: Path) -> str:
    """A PATH with Python and uv and nothing else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    if UV:
        (folder / "uv").symlink_to(UV)
    (folder / "python3").symlink_to(sys.executable)
    return str(folder)


def put_app(source: Path) -> None:
    for name in (INDEX, SCRIPT):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text("built")


def build(source: Path, path: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    out = source.parent / "dist"
    if UV:
        command = [UV, "build", "--quiet", "--out-dir", str(out), *arguments, str(source)]
    else:
        command = [sys.executable, "-m", "build", "--outdir", str(out), *arguments, str(source)]
    return subprocess.run(command, capture_output=True, text=True, cwd=source.parent, env={**os.environ, "PATH": path})


def test_sdist_and_the_wheel_made_of_it_hold_the_app_without_npm(source: Path, no_npm: str):
    put_app(source)
    done = build(source, no_npm)
    assert done.returncode == 0, done.stderr
    (sdist,) = (source.parent / "dist").glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[-1] for name in archive.getnames()}
    assert {INDEX, SCRIPT, "hatch_build.py"} <= names
    (wheel,) = (source.parent / "dist").glob("*.whl")
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert {INDEX, SCRIPT} <= set(archive.namelist())


def test_without_the_app_and_its_sources_nothing_is_built(source: Path, no_npm: str):
    done = build(source, no_npm, "--wheel")
    assert done.returncode != 0
    assert "neither built" in done.stdout + done.stderr
    assert not list((source.parent / "dist").glob("*.whl"))


def test_without_npm_no_wheel_is_built_of_a_checkout(tmp_path: Path, no_npm: str):
    source = tmp_path / "plugins/playground"
    shutil.copytree(PLUGIN, source, ignore=shutil.ignore_patterns("static", "__pycache__"))
    app = tmp_path / "apps/HeylookPlayground-web"
    app.mkdir(parents=True)
    (app / "package.json").write_text("{}")
    done = build(source, no_npm, "--wheel")
    assert done.returncode != 0
    assert "npm is not here" in done.stdout + done.stderr


def test_an_editable_installation_builds_nothing(source: Path, no_npm: str, tmp_path: Path):
    """It would fail here: there are no sources of the app."""
    target = tmp_path / "installed"
    arguments = ["install", "--quiet", "--no-deps", "--target", str(target), "-e", str(source)]
    installer = [UV, "pip"] if UV else [sys.executable, "-m", "pip"]
    done = subprocess.run([*installer, *arguments], capture_output=True, text=True, env={**os.environ, "PATH": no_npm})
    assert done.returncode == 0, done.stderr
    assert list(target.glob("*.pth"))
