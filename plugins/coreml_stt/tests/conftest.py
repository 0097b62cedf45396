"""Model sets as real packages, and the providers that run them: CoreML where there is one, else the interpreter.

A child process finds the interpreter as the server finds any plugin: by its distribution, which lies beside its package
in `interpreter`.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
INTERPRETER = str(Path(__file__).parent / "interpreter")
sys.path.insert(0, INTERPRETER)

from heylook_core.provider import ModelSpec  # noqa: E402
from heylook_coreml_stt.config import CoreMLConfig  # noqa: E402
from heylook_coreml_stt.machine import obstacle  # noqa: E402
from heylook_coreml_stt.provider import CoreMLProvider  # noqa: E402

PROVIDERS = ("coreml_interpreted", "coreml_stt")


def runs(provider: str) -> Any:
    """A parameter that is skipped where CoreML is not."""
    reason = obstacle() if provider == "coreml_stt" else None
    return pytest.param(provider, marks=pytest.mark.skipif(reason is not None, reason=str(reason)))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test of all waits for the sets."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(400))


@pytest.fixture(scope="session", autouse=True)
def children_find_the_interpreter() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", INTERPRETER, prepend=os.pathsep)
        yield


@pytest.fixture(scope="session")
def sets(tmp_path_factory: pytest.TempPathFactory, children_find_the_interpreter: None) -> Path:
    """A folder with a set of each form: PUBLISHED, EXPORTED, SMALL."""
    if importlib.util.find_spec("coremltools") is None:
        pytest.skip("coremltools is not published for this Python, or this processor")
    folder = tmp_path_factory.mktemp("sets")
    command = [sys.executable, "-m", "mil_numpy.build", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def published(sets: Path) -> Path:
    return sets / "PUBLISHED"


Load = Callable[..., CoreMLProvider]


@pytest.fixture(scope="session", params=[runs(name) for name in PROVIDERS])
def provider(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def load(provider: str) -> Load:
    """A loaded provider of a set; once for each set and config."""
    loaded: dict[tuple[Path, str], CoreMLProvider] = {}

    def get(folder: Path, **config: Any) -> CoreMLProvider:
        key = (folder, repr(config))
        if key not in loaded:
            found = provider_class(provider)(
                ModelSpec(id="m", provider=provider), CoreMLConfig(model_path=str(folder), **config)
            )
            found.load()
            loaded[key] = found
        return loaded[key]

    return get


def provider_class(name: str) -> type[CoreMLProvider]:
    if name == "coreml_stt":
        return CoreMLProvider
    from mil_numpy.runtime import InterpretedProvider

    return InterpretedProvider
