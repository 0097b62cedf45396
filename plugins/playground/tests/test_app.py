"""The app: its sources by its own tools, and the built one from the installed wheel in Chromium."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from heylook_core.plugins import Plugins
from heylook_core.testkit.server import live_server, toy_settings

APP = Path(__file__).resolve().parents[3] / "apps/HeylookPlayground-web"

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(600)]

# With all of these no browser test may be left out.
PICTURES_AND_SPEECH = ("mlx", "mlx_vlm", "heylook_mlx", "onnx", "onnxruntime", "heylook_onnx_stt")
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")

Npm = Callable[..., str]


@pytest.fixture(scope="session")
def chromium() -> str:
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUM)), None)
    if found is None and MAC.exists():
        found = str(MAC)
    if found is None:
        pytest.skip("Chromium is not installed")
    return found


def test_types_lint_and_format(npm: Npm):
    npm("check")


def test_units(npm: Npm):
    said = npm("test")
    assert int(re.search(r"Tests\s+(\d+) passed", re.sub(r"\x1b\[\d+m", "", said))[1]) > 50  # type: ignore[index]


def test_types_are_those_of_the_servers_description(npm: Npm):
    plugins = Plugins()
    plugins.load_hooks()
    with live_server(toy_settings(), plugins) as server:
        npm("api:check", "--url", server.url)


def test_the_wheel_is_what_is_served(installed: Path):
    code = "import heylook_playground.files as it; print(it.__file__, it.Files().built)"
    path, built = subprocess.check_output([installed, "-c", code], text=True).split()
    assert Path(path).is_relative_to(installed.parents[1])
    assert built == "True"


def test_the_wheel_has_the_licences_of_what_is_bundled(installed: Path):
    code = "import heylook_playground.files as it, pathlib; print(pathlib.Path(it.__file__).parent)"
    folder = Path(subprocess.check_output([installed, "-c", code], text=True).strip())
    found = re.findall(r"^## (\S+) - \S+ \((.+)\)$", (folder / "static/licenses.txt").read_text(encoding="utf-8"), re.M)
    assert {"react", "axios", "highlight.js", "@fontsource-variable/inter"} <= {name for name, _ in found}
    assert {license for _, license in found} <= {"MIT", "BSD-3-Clause", "ISC", "Unlicense", "OFL-1.1"}


def test_it_works_from_the_installed_wheel(npm: Npm, installed: Path, chromium: str):
    said = npm("test:e2e", HEYLOOK_PYTHON=str(installed), CHROMIUM=chromium)
    assert int(re.search(r"(\d+) passed", said)[1]) > 20  # type: ignore[index]
    if all(map(find_spec, PICTURES_AND_SPEECH)):
        assert "skipped" not in said


@pytest.mark.skipif(sys.platform != "linux", reason="another system draws letters otherwise")
def test_it_looks_as_it_did(npm: Npm, installed: Path, chromium: str):
    npm("test:visual", HEYLOOK_PYTHON=str(installed), CHROMIUM=chromium)


def test_the_lock_file_names_no_address():
    text = (APP / "package-lock.json").read_text()
    assert '"resolved"' not in text
    assert "omit-lockfile-registry-resolved=true" in (APP / ".npmrc").read_text()
