"""`heylookllm serve` as a user starts it: a process, no configuration, the demo model on every installed backend."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import openai
import pytest

sys.path.insert(0, str(Path(__file__).parent))

if TYPE_CHECKING:
    from answers import Told

READY = "is ready: "
SECONDS = 60.0


class Served:
    """A running server: its process, its address, and what it has printed: unread, as by a user who looks elsewhere."""

    def __init__(self, home: Path, *options: str) -> None:
        environment = {**os.environ, "HOME": str(home), "MLX_DISABLE_COMPILE": "1"}
        command = [str(Path(sys.executable).with_name("heylookllm")), "serve", "--port", "0", *options]
        self.printed: list[str] = []
        self.process = subprocess.Popen(
            command, cwd=home, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self.url = self._address()

    def _address(self) -> str:
        """The address in the ready line. Raises RuntimeError with what was printed if the server ends instead."""
        for line in self.process.stdout or ():
            self.printed.append(line)
            if READY in line:
                return line.partition(READY)[2].split()[0]
        raise RuntimeError(f"The server did not start:\n{''.join(self.printed)}")

    def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        """The exit code."""
        self.process.send_signal(how)
        rest, _ = self.process.communicate(timeout=SECONDS)
        self.printed.append(rest)
        return self.process.returncode

    def client(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key="none", max_retries=0, timeout=SECONDS)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    server = Served(tmp_path_factory.mktemp("home"))
    yield server
    if server.process.poll() is None:
        assert server.stop() == 0, "".join(server.printed)


@pytest.fixture(scope="session")
def client(served: Served) -> Iterator[openai.OpenAI]:
    with served.client() as made:
        yield made


@pytest.fixture(scope="session")
def listed(client: openai.OpenAI) -> list[str]:
    return [model.id for model in client.models.list()]


@pytest.fixture(scope="session")
def told(client: openai.OpenAI) -> Callable[[str], list[Told]]:
    """The answers of a model to every proven prompt, in their order. Each model is asked once for all tests."""
    from answers import at_once

    from heylook_demo_model.prompts import proven

    return functools.cache(lambda model: at_once(client, model, proven()))


@pytest.fixture(params=["heylook-demo", "heylook-demo-gguf"])
def model(request: pytest.FixtureRequest, listed: list[str]) -> str:
    """A demo model; each test runs on every one that can be had here."""
    if request.param not in listed:
        pytest.skip(f"{request.param} is not available here: its plugins are not installed")
    return str(request.param)
