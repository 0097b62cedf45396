"""Runs one model: the same code in a thread of the server and in a child process.

Threads: whoever owns the channel calls `receive` (one thread); `run` is the engine thread; a prepare thread
renders and tokenises. `send` is called from the engine, prepare and iterator threads and must be thread-safe.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import msgspec

from heylook_core.calls import about
from heylook_core.errors import HeylookError, OutOfMemory
from heylook_core.messages import Accepted, Event, Failed, Finished, Timings, Usage
from heylook_core.provider import EmbedOptions, Job, Model, ModelInfo, Provider
from heylook_core.workers.frames import TurnFrame
from heylook_core.workers.iterators import IteratorLane
from heylook_core.workers.protocol import (
    Call,
    Cancel,
    ClearCache,
    Closed,
    Embed,
    Feed,
    FromWorker,
    Gauges,
    Load,
    LoadRefused,
    OpenSession,
    Ready,
    SetLease,
    Submit,
    ToWorker,
    Transcribe,
    Turn,
    Unload,
)
from heylook_core.workers.speech import SpeechLane
from heylook_core.workers.tokens import inputs_of, translated
from heylook_core.workers.waiting import cancelled

if TYPE_CHECKING:
    from heylook_core.batching.loop import TurnLoop
    from heylook_core.prefix.spill import Spill
    from heylook_core.prefix.tier import PrefixTier
    from heylook_core.settings import TierSettings
    from heylook_core.text.prompt import Preparation, Prepared

log = logging.getLogger(__name__)

GAUGE_SECONDS = 0.5

# A thread that gives up the GIL waits this long at most to get it back (default 5 ms, a whole token's time).
SWITCH_SECONDS = 0.0005

LoadPlugin = Callable[[str, str], type[Any]]
"""Group and name of an entry point to the class that it names."""


class Worker:
    """One incarnation of one model: loads, serves until Unload, gives everything back, ends.

    After `run`, `backend` is the provider's class, if there is one; `refused` says that the load has failed, and
    `unclean` that something could not be closed.
    """

    def __init__(self, load: Load, load_plugin: LoadPlugin, send: Callable[[FromWorker], None]) -> None:
        self._load = load
        self._load_plugin = load_plugin
        self._send = send
        self._inbox: deque[Callable[[], None]] = deque()
        self._wake = threading.Event()
        self._to_prepare: SimpleQueue[tuple[Submit | Call, float] | None] = SimpleQueue()
        self._open: dict[int, threading.Event] = {}
        self._named: dict[int, str] = {}
        self._stopping = False
        self._spill_seconds = 0.0
        self._frame = TurnFrame(load.epoch)
        self._loop: TurnLoop | None = None
        self._iterators: IteratorLane | None = None
        self._speech: SpeechLane | None = None
        self.backend: type[Provider] | None = None
        self.refused = False
        self.unclean = False
        self._provider: Provider | None = None
        self._model: Model | None = None
        self._preparation: Preparation | None = None
        self._lease = load.lease
        self._weights = 0
        self._gauges_at = 0.0
        self._told = Gauges()

    # ------------------------------------------------------------------ inbox: any one thread

    def receive(self, message: ToWorker) -> None:
        """Take a message in; never blocks."""
        match message:
            case Submit() | Call():
                self._open[message.rid] = threading.Event()
                self._named[message.rid] = message.request_id
                if self._speech is not None and self._speech.takes(message):
                    self._speech.expect(message)
                self._to_prepare.put((message, time.monotonic()))
            case Feed():
                if self._speech is not None:
                    self._speech.feed(message)
            case Cancel():
                self._cancel(message.rid)
            case SetLease():
                self._post(lambda: self._set_lease(message))
            case Unload():
                self._spill_seconds = message.seconds
                self._stopping = True
                self._interrupt()
                self._wake.set()
            case Load():
                raise ValueError("A worker loads one model, once.")

    def _cancel(self, rid: int) -> None:
        flag = self._open.get(rid)
        if flag is None:
            return
        flag.set()
        if self._speech is not None:
            self._speech.cancel(rid)
        if self._iterators is not None:
            self._iterators.cancel(rid)
        loop = self._loop
        if loop is not None:
            self._post(lambda: self._cancel_live(loop, rid))
            if loop.prefilling(rid):
                self._interrupt()

    def _interrupt(self) -> None:
        model = self._model
        for engine in model.lanes() if model is not None else ():
            engine.interrupt()

    def _post(self, action: Callable[[], None]) -> None:
        self._inbox.append(action)
        self._wake.set()

    # ------------------------------------------------------------------ engine thread

    def run(self) -> None:
        """The engine thread's whole life."""
        preparer: threading.Thread | None = None
        try:
            info, seconds = self._load_model()
            self._told = self._read_gauges()
            self._send(Ready(self._load.epoch, info, seconds, self._told))
            preparer = threading.Thread(target=self._prepare_all, daemon=True)
            preparer.name = f"{threading.current_thread().name}-prepare"
            preparer.start()
            self._serve()
        except _Refused as refused:
            self.refused = True
            self._send(LoadRefused(self._load.epoch, refused.message, refused.memory))
        finally:
            self._to_prepare.put(None)
            if preparer is not None:
                preparer.join(timeout=5)
            self._close()
            self._send(Closed(self._load.epoch))

    def _load_model(self) -> tuple[ModelInfo, float]:
        started = time.monotonic()
        spec = self._load.spec
        try:
            self.backend = cls = self._load_plugin("heylook.providers", spec.provider)
            self._provider = provider = cls(spec, msgspec.convert(spec.config, cls.Config))
            self._model = provider.load()
            info = self._model.info if self._model is not None else provider.info()
            self._weights = info.weights_bytes
            self._preparation = self._make_preparation(info)
            self._start_lanes(provider)
            if "transcribe" in info.capabilities:
                self._speech = SpeechLane(provider, self._load.epoch, self._send, self._finish)
        except HeylookError as error:
            raise _Refused(error.message, memory=isinstance(error, OutOfMemory)) from error
        except MemoryError as error:
            raise _Refused("There is not enough memory to load the model.", memory=True) from error
        except Exception as error:
            log.exception("loading %s failed", spec.id)
            raise _Refused(f"Loading failed: {type(error).__name__}: {error}") from error
        return info, time.monotonic() - started

    def _start_lanes(self, provider: Provider) -> None:
        if self._model is None:
            self._iterators = IteratorLane(provider, self._load.epoch, self._send, self._finish)
            return
        from heylook_core.batching.loop import TurnLoop

        self._loop = TurnLoop(self._model, self._load.lease, self._frame.emit, self._finish, named=self._name)
        tier = self._load.tier
        if tier is not None and self._model.lanes():
            self._loop.spill = self._open_spill(tier, self._model, self._loop)

    def _open_spill(self, tier: TierSettings, model: Model, loop: TurnLoop) -> Spill:
        from heylook_core.prefix.spill import Spill

        def opened() -> PrefixTier:
            cls: type[PrefixTier] = self._load_plugin("heylook.prefix_tiers", tier.name)
            return cls(msgspec.convert(tier.config, cls.Config), model.info.fingerprint, model.info.trims)

        return Spill(opened, model.lanes()[0], loop.cache, self._post)

    def _serve(self) -> None:
        while not self._stopping:
            self._drain_inbox()
            if self._loop is None or self._loop.idle:
                self._flush(time.monotonic(), idle=True)
                self._wake.wait(timeout=GAUGE_SECONDS if self._open else None)
                self._wake.clear()
            else:
                self._loop.turn()
                self._flush(time.monotonic())
        self._end_all()

    def _drain_inbox(self) -> None:
        while self._inbox:
            self._inbox.popleft()()

    def _name(self, rid: int) -> str:
        """For log lines about the request."""
        return self._named.get(rid, "")

    def _flush(self, now: float, *, idle: bool = False) -> None:
        """Send what the turn has told; with gauges now and then while at work, and when they changed, at rest."""
        gauges = None
        if idle or (self._open and now - self._gauges_at >= GAUGE_SECONDS):
            gauges = self._read_gauges()
            alive = bool(self._open) and now - self._gauges_at >= GAUGE_SECONDS
            if gauges == self._told and not alive:
                gauges = None
            else:
                self._told, self._gauges_at = gauges, now
        frame = self._frame.take(gauges)
        if frame is not None:
            self._send(frame)

    def _read_gauges(self) -> Gauges:
        if self._loop is not None:
            return self._loop.gauges()
        return Gauges(weights=self._weights, live=len(self._open), lease=self._lease.serial)

    def _set_lease(self, message: SetLease) -> None:
        self._lease = message.lease
        if self._loop is not None:
            self._loop.set_lease(message.lease)
        self._send(Turn(self._load.epoch, [], self._read_gauges()))

    def _cancel_live(self, loop: TurnLoop, rid: int) -> None:
        if rid in self._open:
            loop.cancel(rid)

    def _finish(self, rid: int) -> None:
        self._open.pop(rid, None)
        self._named.pop(rid, None)
        if self._speech is not None:
            self._speech.forget(rid)

    def _end_all(self) -> None:
        for flag in list(self._open.values()):
            flag.set()
        failed = Failed("unavailable", "The model is being unloaded.")
        if self._loop is not None:
            self._loop.fail_all(failed)
        if self._speech is not None:
            self._speech.close()
        if self._iterators is not None:
            self._iterators.close()
        for rid in list(self._open):
            self._frame.emit(rid, [failed])
        self._flush(0.0)
        self._open.clear()
        if self._loop is not None and self._loop.spill is not None:
            self._loop.spill.close(self._spill_seconds)

    def _close(self) -> None:
        model, self._model, self._loop = self._model, None, None
        for owner in (model, self._provider):
            try:
                if owner is not None:
                    owner.close()
            except Exception:
                self.unclean = True
                log.exception("closing %s failed", self._load.spec.id)

    # ------------------------------------------------------------------ prepare thread

    def _prepare_all(self) -> None:
        preparation = self._preparation
        while (item := self._to_prepare.get()) is not None:
            message, arrived = item
            flag = self._open.get(message.rid)
            if flag is None:
                continue
            if flag.is_set():
                self._answer(message.rid, cancelled(message), last=True)
                continue
            with about(message.request_id):
                self._prepare_or_fail(preparation, message, flag, arrived)

    def _prepare_or_fail(
        self, preparation: Preparation | None, message: Submit | Call, flag: threading.Event, arrived: float
    ) -> None:
        try:
            self._prepare(preparation, message, flag, arrived)
        except Exception as error:
            self._answer(message.rid, [_failed(error)], last=True)

    def _make_preparation(self, info: ModelInfo) -> Preparation | None:
        if self._model is None or self._provider is None:
            return None
        from heylook_core.text.prompt import Preparation

        return Preparation(info, self._model.codec, self._provider.config, self._model.vision)

    def _prepare(
        self, preparation: Preparation | None, message: Submit | Call, flag: threading.Event, arrived: float
    ) -> None:
        if self._speech is not None and self._speech.takes(message):
            self._speech.begin(message, arrived)
        elif isinstance(message, Call):
            self._prepare_call(preparation, message, flag)
        elif self._iterators is not None:
            self._iterators.submit(message, flag, arrived)
        elif preparation is not None:
            prepared = preparation.prepare(message.rid, message.request, arrived)
            self._answer(message.rid, [_accepted(prepared)])
            self._post(lambda: self._enter(prepared))

    def _enter(self, prepared: Prepared) -> None:
        """Queue a request, after a tier has been asked for a longer prefix than memory has."""
        if self._loop is not None and self._loop.spill is not None:
            self._loop.spill.ask(prepared.tokens, lambda: self._queue(prepared))
        else:
            self._queue(prepared)

    def _queue(self, prepared: Prepared) -> None:
        flag = self._open.get(prepared.rid)
        if flag is None or self._loop is None:
            return
        self._loop.submit(prepared)
        if flag.is_set():
            self._loop.cancel(prepared.rid)

    def _prepare_call(self, preparation: Preparation | None, message: Call, flag: threading.Event) -> None:
        operation = message.operation
        if isinstance(operation, ClearCache):
            self._post(lambda: self._clear_cache(message.rid))
        elif self._iterators is not None:
            self._iterators.call(message, flag)
        elif preparation is None or self._model is None or isinstance(operation, Transcribe | OpenSession):
            kind = type(operation).__name__
            self._answer(message.rid, [Failed("unsupported", f"This model cannot do {kind}.")], last=True)
        elif isinstance(operation, Embed):
            inputs = inputs_of(operation, preparation, self._model)
            self._post(lambda: self._embed(message.rid, inputs, operation.options))
        else:
            self._answer(message.rid, [translated(operation, preparation, self._model), _done()], last=True)

    def _embed(self, rid: int, inputs: list[list[int]], options: EmbedOptions) -> None:
        """Engine thread: the job may need a context of its own."""
        if self._model is None or rid not in self._open:
            return
        try:
            job = self._model.embed(inputs, options)
        except Exception as error:
            self._answer(rid, [_failed(error)], last=True)
        else:
            self._add_job(rid, job)

    def _add_job(self, rid: int, job: Job) -> None:
        if self._loop is None or rid not in self._open:
            return
        self._loop.add_job(rid, job)
        if self._open[rid].is_set():
            self._loop.cancel(rid)

    def _clear_cache(self, rid: int) -> None:
        if self._loop is not None:
            self._loop.cache.clear()
            if self._loop.spill is not None:
                self._loop.spill.clear()
        self._answer(rid, [_done()], last=True)

    def _answer(self, rid: int, events: list[Event], *, last: bool = False) -> None:
        if last:
            self._finish(rid)
        self._send(Turn(self._load.epoch, [(rid, events)]))


class _Refused(Exception):
    def __init__(self, message: str, *, memory: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.memory = memory


def _failed(error: Exception) -> Failed:
    """Why a request could not be prepared; what nobody foresaw is logged."""
    if isinstance(error, HeylookError):
        return Failed(error.kind, error.message, error.param, error.retry_after)
    log.error("preparing a request failed", exc_info=error)
    return Failed("engine", f"The request could not be prepared ({type(error).__name__}: {error}).")


def _accepted(prepared: Prepared) -> Accepted:
    return Accepted(len(prepared.tokens), prepared.dropped_messages, prepared.cut_tokens)


def _done() -> Finished:
    return Finished(0, "stop", Usage(), Timings())
