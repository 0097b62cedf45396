"""Engine threads, kept for the next model of the same provider."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from queue import SimpleQueue
from typing import TYPE_CHECKING

from heylook_core.workers.worker import Worker

if TYPE_CHECKING:
    from heylook_core.provider import Provider

log = logging.getLogger(__name__)


class EngineThreads:
    """Threads that run one worker after the other. `run` and `close` are for the event loop.

    A backend may keep something for each thread that has computed and never give it back: MLX an operating system's
    thread and buffers for every stream. With a new thread for each load that adds up.

    A thread on which a load has failed, or a worker ended with an error, is not used again: nobody knows what was left
    on it. With `keep` False none is.
    """

    def __init__(self, keep: bool = True) -> None:
        self._keep = keep
        self._free: defaultdict[str, list[EngineThread]] = defaultdict(list)
        self._guard = threading.Lock()

    def run(self, worker: Worker, provider: str, name: str) -> threading.Event:
        """Run a worker of this provider on a thread that has this name meanwhile.

        The event is set once the worker has ended and its thread is free for another one, or gone.
        """
        with self._guard:
            free = self._free[provider]
            thread = free.pop() if free else EngineThread(self, provider)
        return thread.begin(worker, name)

    def close(self) -> None:
        """Have the free threads end, and those at work once they are done."""
        with self._guard:
            self._keep = False
            threads = [thread for free in self._free.values() for thread in free]
            self._free.clear()
        for thread in threads:
            thread.end()
        for thread in threads:
            thread.join(1.0)

    def take_back(self, thread: EngineThread) -> bool:
        """A thread has nothing to do; False where it is to end. Called on that thread."""
        with self._guard:
            if self._keep:
                self._free[thread.provider].append(thread)
            return self._keep


class EngineThread:
    """One thread. It runs a worker, gives itself back, and waits for the next."""

    def __init__(self, owner: EngineThreads, provider: str) -> None:
        self.provider = provider
        self._owner = owner
        self._work: SimpleQueue[tuple[Worker, str, threading.Event] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"heylook-{provider}", daemon=True)
        self._thread.start()

    def begin(self, worker: Worker, name: str) -> threading.Event:
        """The event is of this worker alone: the thread may run another one before somebody looks at it."""
        done = threading.Event()
        self._work.put((worker, name, done))
        return done

    def end(self) -> None:
        """A thread that is free ends; its last act takes microseconds, of which MLX needs most."""
        self._work.put(None)

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)

    def _run(self) -> None:
        backend: type[Provider] | None = None
        while (work := self._work.get()) is not None:
            worker, threading.current_thread().name, done = work
            sound = _sound(worker)
            backend = worker.backend or backend
            del work, worker  # a thread that waits keeps nothing of a model
            threading.current_thread().name = f"heylook-{self.provider}"
            if not sound or not self._owner.take_back(self):
                leave(backend)
                done.set()
                return
            done.set()
        leave(backend)


def _sound(worker: Worker) -> bool:
    """Run it to its end; whether another one may run on this thread."""
    try:
        worker.run()
    except BaseException:  # a provider may call sys.exit()
        log.exception("worker thread %s ended with an error", threading.current_thread().name)
        return False
    return not worker.refused and not worker.unclean


def leave(backend: type[Provider] | None) -> None:
    """The calling engine thread ends. Errors are logged."""
    try:
        if backend is not None:
            backend.leave_thread()
    except Exception:
        log.exception("a thread of %s could not be left in order", backend)
