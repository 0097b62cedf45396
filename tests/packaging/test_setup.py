"""What setup.sh says and does, with a stand-in for uv: the real installation is what `setup.sh test` itself does."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]

UV = """#!/bin/sh
echo "$@" >> "$UV_CALLS"
case $1 in
    venv) for last in "$@"; do :; done; mkdir -p "$last/bin"; ln -sf "$REAL_PYTHON" "$last/bin/python" ;;
    pip) echo "$UV_SAYS"; exit "${UV_EXIT:-0}" ;;
esac
"""


@dataclass(frozen=True)
class Checkout:
    folder: Path

    @property
    def calls(self) -> list[str]:
        log = self.folder / "uv-calls"
        return log.read_text().splitlines() if log.exists() else []

    def environment(self, **more: str) -> dict[str, str]:
        names = {"PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "REAL_PYTHON": sys.executable}
        return os.environ | names | {"PYTHON": sys.executable, "UV_CALLS": str(self.folder / "uv-calls")} | more

    def setup(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.folder / "setup.sh"), *arguments],
            env=self.environment(**environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )


def executable(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    for name in ("setup.sh", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "heylook_core").mkdir()
    shutil.copy(ROOT / "heylook_core/__init__.py", tmp_path / "heylook_core")
    for name in ("demo_model", "gguf"):
        package = tmp_path / f"plugins/{name}/heylook_{name}"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        shutil.copy(ROOT / f"plugins/{name}/pyproject.toml", package.parent)
    executable(tmp_path / "bin/uv", UV)
    return Checkout(tmp_path)


def test_without_a_terminal_it_says_what_to_type(checkout: Checkout) -> None:
    done = checkout.setup()
    assert done.returncode == 2
    assert "./setup.sh serve [options]" in done.stderr
    assert "plugins here: demo_model gguf" in done.stderr


def test_install_passes_plugins_and_pins_to_the_installer(checkout: Checkout) -> None:
    done = checkout.setup("install", "gguf", "demo_model")
    assert done.returncode == 0, done.stderr
    assert checkout.calls[-1].endswith("-c constraints.txt -e . -e plugins/gguf -e plugins/demo_model")


def test_where_it_tests_the_extras_for_images_are_tested_too(checkout: Checkout) -> None:
    project = checkout.folder / "plugins/gguf/pyproject.toml"
    project.write_text(f'{project.read_text()}\n[project.optional-dependencies]\nvision = ["pillow"]\n')
    checkout.setup("install", "gguf")
    assert checkout.calls[-1].endswith("-c constraints.txt -e . -e plugins/gguf")
    checkout.setup("test")
    assert "-e plugins/gguf[vision]" in checkout.calls[-1]


def test_where_coreml_does_not_run_its_plugin_is_installed_for_tests_and_on_request(checkout: Checkout) -> None:
    package = checkout.folder / "plugins/coreml_stt/heylook_coreml_stt"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    shutil.copy(ROOT / "plugins/coreml_stt/pyproject.toml", package.parent)
    executable(checkout.folder / "bin/uname", "#!/bin/sh\ncase $1 in -m) echo x86_64 ;; *) echo Linux ;; esac\n")
    assert "leaving out coreml_stt: coreml_stt needs macOS" in checkout.setup("install", "all").stderr
    assert "coreml_stt" not in checkout.calls[-1]
    checkout.setup("test")
    assert "-e plugins/coreml_stt" in checkout.calls[-1]
    (checkout.folder / ".venv/heylook-setup").unlink()
    assert checkout.setup("install", "coreml_stt").returncode == 0
    assert checkout.calls[-1].endswith("-c constraints.txt -e . -e plugins/coreml_stt")


def test_a_second_run_installs_nothing(checkout: Checkout) -> None:
    checkout.setup("install", "all")
    before = checkout.calls
    assert "everything is installed already" in checkout.setup("install", "gguf").stdout
    assert checkout.calls == before


def test_a_changed_pin_installs_again_what_was_there(checkout: Checkout) -> None:
    checkout.setup("install", "gguf")
    with (checkout.folder / "constraints.txt").open("a") as constraints:
        constraints.write("something==1\n")
    checkout.setup("install", "demo_model")
    assert checkout.calls[-1].endswith("-e plugins/demo_model -e plugins/gguf")


def test_a_failed_installation_is_tried_again(checkout: Checkout) -> None:
    assert checkout.setup("install", "gguf", UV_EXIT="1").returncode == 1
    assert "installing: heylook gguf" in checkout.setup("install", "gguf").stdout


def test_an_unknown_plugin_is_named_with_those_that_exist(checkout: Checkout) -> None:
    done = checkout.setup("install", "gufg")
    assert done.returncode == 1
    assert done.stderr.strip() == "setup.sh: there is no plugin 'gufg'; plugins here: demo_model gguf, or all."


def test_a_python_that_is_too_old_is_refused(checkout: Checkout) -> None:
    executable(checkout.folder / "bin/old-python", "#!/bin/sh\nexit 1\n")
    done = checkout.setup("install", "gguf", PYTHON="old-python")
    assert done.returncode == 1
    assert "PYTHON=old-python is not Python 3.11 or newer" in done.stderr


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("cause: dns error", "the package index could not be reached"),
        ("WARNING: Retrying: NewConnectionError('...')", "the package index could not be reached"),
        ("CMake Error: CMAKE_CXX_COMPILER not set", "llama.cpp could not be compiled; install"),
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("ERROR: No matching distribution found for x", "a package has no build for Python 3"),
        ("something else", "installing failed; the last lines above say why"),
    ],
)
def test_a_failed_installation_ends_in_one_sentence(checkout: Checkout, said: str, sentence: str) -> None:
    done = checkout.setup("install", "gguf", UV_EXIT="1", UV_SAYS=said)
    assert done.returncode == 1
    assert done.stderr.startswith(f"setup.sh: {sentence}")
    assert len(done.stderr.splitlines()) == 1


def test_the_menu_asks_again_until_the_answer_is_a_number_of_it(checkout: Checkout) -> None:
    controller, terminal = pty.openpty()
    with subprocess.Popen(
        [str(checkout.folder / "setup.sh")],
        env=checkout.environment(CMAKE_ARGS="-DGGML_CUDA=off"),
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        os.close(terminal)
        os.write(controller, b"banana\n99\n\n1\n")
        said, _ = process.communicate(timeout=60)
    os.close(controller)
    assert process.returncode == 0, said
    assert "1  llama.cpp: models in the GGUF format  (gguf demo_model)" in said
    assert [f"'{answer}' is not one of the numbers." in said for answer in ("banana", "99", "")] == [True] * 3
    assert checkout.calls[-1].endswith("-e plugins/gguf -e plugins/demo_model")


NODE = """#!/bin/sh
case $1 in
    --version) echo "$NODE_VERSION" ;;
    *) exit "$NODE_EXIT" ;;
esac
"""

NPM = """#!/bin/sh
echo "npm $@" >> "$UV_CALLS"
case $* in
    *build*) mkdir -p "$STATIC" && touch "$STATIC/index.html" ;;
    ci*) mkdir -p node_modules ;;
esac
"""


@pytest.fixture
def with_app(checkout: Checkout) -> Checkout:
    """A checkout with the playground's plugin and its sources, and stand-ins for node and npm."""
    package = checkout.folder / "plugins/playground/heylook_playground"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    shutil.copy(ROOT / "plugins/playground/pyproject.toml", package.parent)
    app = checkout.folder / "apps/HeylookPlayground-web"
    (app / "src").mkdir(parents=True)
    (app / "package-lock.json").write_text("{}")
    (app / "package.json").write_text("{}")
    executable(checkout.folder / "scripts/build-playground", (ROOT / "scripts/build-playground").read_text())
    executable(checkout.folder / "bin/node", NODE)
    executable(checkout.folder / "bin/npm", NPM)
    return checkout


def npm_calls(checkout: Checkout) -> list[str]:
    return [call for call in checkout.calls if call.startswith("npm ")]


def test_the_playground_is_built_when_its_sources_have_changed(with_app: Checkout) -> None:
    static = with_app.folder / "plugins/playground/heylook_playground/static"
    node = {"NODE_VERSION": "v22.12.0", "NODE_EXIT": "0", "STATIC": str(static)}
    assert with_app.setup("install", "playground", **node).returncode == 0
    assert npm_calls(with_app) == ["npm ci --no-audit --no-fund", "npm run --silent build"]
    assert with_app.setup("install", "playground", **node).returncode == 0
    assert len(npm_calls(with_app)) == 2
    (with_app.folder / "apps/HeylookPlayground-web/src/new.ts").write_text("new")
    with_app.setup("install", "playground", **node)
    assert npm_calls(with_app)[2:] == ["npm run --silent build"]
    with_app.setup("install", "gguf", **node)
    assert len(npm_calls(with_app)) == 3


def test_where_node_is_too_old_that_is_said_and_the_rest_is_installed(with_app: Checkout) -> None:
    done = with_app.setup("install", "playground", NODE_VERSION="v18.1.0", NODE_EXIT="1")
    assert done.returncode == 0, done.stderr
    assert "not building the playground: it needs Node.js 20.19" in done.stdout
    assert "found: v18.1.0" in done.stdout
    assert npm_calls(with_app) == []
