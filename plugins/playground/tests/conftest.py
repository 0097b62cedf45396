"""The app's own tools, where Node.js is; and an environment with the wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
APP = ROOT / "apps/HeylookPlayground-web"
PLUGIN = ROOT / "plugins/playground"
BUILD_WHEEL = "import sys; from hatchling import build; print(build.build_wheel(sys.argv[1]))"


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """What the command says. Fails with all of it where the command does."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, "CI": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, f"{command} ended with {done.returncode}\n{done.stdout}"
    return done.stdout


@pytest.fixture(scope="session")
def npm() -> Callable[..., str]:
    """Runs a script of the app, built from the sources that are here."""
    program = shutil.which("npm")
    said = run(ROOT / "scripts/build-playground", cwd=ROOT)
    if program is None or "not building" in said:
        pytest.skip(said.strip() or "npm is not installed")

    def script(name: str, *arguments: str, **environment: str) -> str:
        return run(program, "run", "--silent", name, "--", *arguments, cwd=APP, **environment)

    return script


@pytest.fixture(scope="session")
def installed(npm: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment in which the wheel stands before what else is installed here."""
    folder = tmp_path_factory.mktemp("wheel")
    name = run(sys.executable, "-c", BUILD_WHEEL, folder, cwd=PLUGIN).split()[-1]
    run(sys.executable, "-m", "venv", "--without-pip", folder / "environment", cwd=folder)
    python = folder / "environment/bin/python"
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    shutil.unpack_archive(folder / name, packages, "zip")  # a pure wheel is installed by that
    here = sysconfig.get_path("purelib")
    (packages / "others.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    return python
