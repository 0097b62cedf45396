"""How many threads a model gets, and whose turn it is to use them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import IO

if sys.platform != "win32":
    import fcntl


def physical_cores() -> int:
    """Cores this process may use, hyper-threads not counted; on Apple silicon the performance cores."""
    allowed = _allowed()
    if sys.platform == "darwin":
        return _sysctl("hw.perflevel0.physicalcpu") or _sysctl("hw.physicalcpu") or len(allowed)
    siblings = {_core(cpu) for cpu in allowed}
    return max(len(siblings), 1)


def _allowed() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _core(cpu: int) -> str:
    """What identifies the physical core of a logical one; the logical one itself where the system does not say."""
    try:
        return Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text().strip()
    except OSError:
        return str(cpu)


def _sysctl(name: str) -> int:
    try:
        answer = subprocess.run(["sysctl", "-n", name], capture_output=True, text=True, timeout=5, check=True)
        return int(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return 0


class ComputeTurn:
    """Lets one engine of this user compute on the processor at a time, across threads and processes.

    Two OpenMP teams on the same cores wait for each other at every barrier. A context manager around each
    computation; the lock is on a file, so that the end of a process gives it back. Where file locks do not
    exist it does nothing.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._file: IO[bytes] | None = None
        if sys.platform != "win32":
            name = f"heylook-{os.getuid()}-compute.lock"
            self._file = ((folder or Path(tempfile.gettempdir())) / name).open("ab")

    def __enter__(self) -> None:
        if self._file is not None and sys.platform != "win32":
            fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None and sys.platform != "win32":
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
