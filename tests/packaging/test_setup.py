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
