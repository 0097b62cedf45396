"""Servers under test as child processes: ours and the peers'."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

START_SECONDS = 180


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def environment() -> dict[str, str]:
    """Ours plus what keeps a Linux machine without Metal from compiling at run time; bytecode is cached as usual."""
    ours = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**ours, "MLX_DISABLE_COMPILE": "1", "HF_HUB_OFFLINE": "1"}


class Server:
    """A running server: where it is and what its processes have used."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.base = f"http://127.0.0.1:{port}"
        self.chat = f"{self.base}/v1/chat/completions"

    def cpu_seconds(self) -> float:
        """User and system time of the server process itself, not of its workers."""
        return cpu_seconds_of(self.process.pid)

    def tree_cpu_seconds(self) -> float:
        """User and system time of the server process and of the workers that are its children now."""
        return sum(cpu_seconds_of(pid) for pid in [self.process.pid, *children(self.process.pid)])

    def resident_bytes(self) -> int:
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


def cpu_seconds_of(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def children(pid: int) -> list[int]:
    """The child processes of every thread of `pid`."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for found in lists for child in found.read_text().split()]


@contextmanager
def started(command: list[str], port: int, ready: str = "/v1/models", log: Path | None = None) -> Iterator[Server]:
    """Run `command` until the block ends; it counts as ready once `ready` answers anything below 500."""
    with Path(log or os.devnull).open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment())
        try:
            _wait(f"http://127.0.0.1:{port}{ready}", process)
            yield Server(process, port)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def heylook(models: list[dict[str, Any]], **settings: Any) -> Iterator[Server]:
    """Our server over these models.yaml entries."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "models.yaml"
        path.write_text(yaml.safe_dump({"models": models, **settings}))
        command = [str(Path(sys.executable).parent / "heylookllm"), "serve", "--config", str(path), "--port", str(port)]
        with started([*command, "--log-level", "WARNING"], port, ready="/health") as server:
            yield server


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with code {process.returncode} before it was ready")
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except urllib.error.HTTPError as error:
            if error.code < 500:
                return
        except OSError:
            pass
        time.sleep(0.02)
    raise RuntimeError(f"{url} did not answer within {START_SECONDS} s")
