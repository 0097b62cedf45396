"""What is built here, and environments to install it into: as a stranger has them, without this checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
UV = shutil.which("uv")


def plugin_folders() -> list[Path]:
    """Plugins whose code is here and that can be built; a folder may hold only its packaging."""
    found = [folder for folder in sorted(ROOT.glob("plugins/*")) if list(folder.glob("heylook_*/__init__.py"))]
    return [folder for folder in found if folder.name != "playground" or app_is_built(folder) or shutil.which("npm")]


def app_is_built(folder: Path) -> bool:
    return (folder / "heylook_playground/static/index.html").is_file()


FOLDERS = {"heylook": ROOT} | {f"heylook-{folder.name.replace('_', '-')}": folder for folder in plugin_folders()}


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run([str(part) for part in command], cwd=cwd, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def environment() -> dict[str, str]:
    """The caller's, without what could make the checkout or another environment visible."""
    hidden = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}
    return {key: value for key, value in os.environ.items() if key not in hidden and not key.startswith("HEYLOOK_")}


@dataclass(frozen=True)
class Distribution:
    """A built distribution: its wheel and its source archive."""

    name: str
    wheel: Path
    sdist: Path


@dataclass(frozen=True)
class Environment:
    """A virtual environment, used from a directory that is not the checkout."""

    folder: Path

    @classmethod
    def new(cls, folder: Path) -> Environment:
        if UV:
            run(UV, "venv", "--quiet", "--python", sys.executable, folder, cwd=folder.parent)
        else:
            run(sys.executable, "-m", "venv", folder, cwd=folder.parent)
        return cls(folder)

    @property
    def work(self) -> Path:
        return self.folder.parent

    def install(self, *arguments: str | Path) -> None:
        """Pip would compile every module, which takes longer than all else; what is imported is compiled then."""
        options = [] if UV else ["--no-compile", "--disable-pip-version-check"]
        self._pip("install", *options, "-c", ROOT / "constraints.txt", *arguments)

    def uninstall(self, name: str) -> None:
        self._pip("uninstall", *([] if UV else ["--yes"]), name)

    def _pip(self, command: str, *arguments: str | Path) -> None:
        python = self.folder / "bin/python"
        if UV:
            run(UV, "pip", command, "--quiet", "--python", python, *arguments, cwd=self.work)
        else:
            run(python, "-m", "pip", command, "--quiet", *arguments, cwd=self.work)

    def run(self, command: str, *arguments: str | Path, cwd: Path | None = None) -> str:
        return run(self.folder / "bin" / command, *arguments, cwd=cwd or self.work)

    def plugins(self, *options: str) -> list[dict[str, Any]]:
        """What `heylookllm plugins` tells."""
        rows = json.loads(self.run("heylookllm", "plugins", "--json", *options))
        assert isinstance(rows, list)
        return rows
