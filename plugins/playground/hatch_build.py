"""Has npm build the app where a distribution is made without its files: from a checkout, not from an sdist."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

INDEX = "heylook_playground/static/index.html"
SOURCE = "../../apps/HeylookPlayground-web"


class BuiltApp(BuildHookInterface[Any]):
    """An editable installation is left alone: what it serves is built by setup.sh, or by npm."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        if version == "editable" or (root / INDEX).is_file():
            return
        source = (root / SOURCE).resolve()
        if not (source / "package.json").is_file():
            raise RuntimeError(f"The app is neither built ({INDEX} is missing) nor are its sources here ({SOURCE}).")
        npm = shutil.which("npm")
        if npm is None:
            raise RuntimeError("The app has to be built, and npm is not here; install Node.js 20.19 or newer.")
        for command in ("ci", "run build"):
            subprocess.run([npm, *command.split()], cwd=source, check=True)
