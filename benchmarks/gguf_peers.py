"""Other servers for GGUF files, each at its own defaults, on one thread and with eight slots where it has slots.

`llama-server` is looked for on the PATH. It can be built from the source distribution of llama-cpp-python:

    cmake -G Ninja -S vendor/llama.cpp -B build -DCMAKE_BUILD_TYPE=Release -DLLAMA_BUILD_UI=OFF \\
        -DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_APP=OFF \\
        -DLLAMA_OPENSSL=OFF
    cmake --build build --target llama-server

`llama_cpp.server` needs `pip install 'llama-cpp-python[server]'`, best in an environment of its own.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shutil import which

from benchmarks.servers import Server, free_port, started

SLOT = 1024
SLOTS = 8


@dataclass(frozen=True)
class Peer:
    """`start` serves a file under the model name "m"; `targets` are the least ratios wanted, by streams."""

    name: str
    start: Callable[[Path], AbstractContextManager[Server]]
    targets: dict[int, str]


def installed(program: str, python: str) -> tuple[list[Peer], list[str]]:
    """The peers that are there, and a sentence for each that is not."""
    peers, notes = [], []
    if which(program):
        wanted = dict.fromkeys((1, 4, 8), ">= 1.0")
        peers.append(Peer("llama-server", partial(llama_server, program=program), wanted))
    else:
        notes.append(f"There is no {program}: name it with --llama-server.")
    probe = [python, "-c", "import llama_cpp.server.app"]
    if which(python) and subprocess.run(probe, capture_output=True, check=False).returncode == 0:
        peers.append(Peer("llama_cpp.server", partial(mutex_server, python=python), {1: ">= 1.1", 8: ">= 1.5"}))
    else:
        notes.append(f"{python} has no llama_cpp.server: name an interpreter that has it with --peer-python.")
    return peers, notes


@contextmanager
def llama_server(path: Path, program: str = "llama-server") -> Iterator[Server]:
    port = free_port()
    options = ["-m", str(path), "--host", "127.0.0.1", "--port", str(port), "-a", "m", "--no-warmup"]
    options += ["-np", str(SLOTS), "-c", str(SLOTS * SLOT), "-t", "1", "-tb", "1"]
    with started([program, *options], port, ready="/health") as server:
        yield server


@contextmanager
def mutex_server(path: Path, python: str) -> Iterator[Server]:
    """With its flash attention on as ours is, and without its habit of cutting off the stream before."""
    port = free_port()
    options = ["--model", str(path), "--model_alias", "m", "--port", str(port), "--n_ctx", str(SLOT)]
    options += ["--n_threads", "1", "--n_threads_batch", "1", "--chat_format", "chatml"]
    options += ["--interrupt_requests", "False", "--flash_attn", "True"]
    with started([python, "-m", "llama_cpp.server", *options], port) as server:
        yield server
