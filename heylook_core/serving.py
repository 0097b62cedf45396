"""Runs requests on models: finds, loads, checks, submits, and hands out what comes back. Event loop only."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

import msgspec

from heylook_core.analytics import RequestRecord
from heylook_core.capabilities import require, require_images
from heylook_core.catalog import Catalog
from heylook_core.departure import Departure
from heylook_core.errors import Busy, EngineFailed, HeylookError, Unavailable, Unsupported
from heylook_core.hearing import Hearing, check_speech
from heylook_core.keep_alive import Clock
from heylook_core.messages import ChatRequest, Tokens, Vectors
from heylook_core.overheard import Overheard
from heylook_core.plugins import Plugins
from heylook_core.provider import EmbedOptions, Estimate, ModelInfo
from heylook_core.records import images_in
from heylook_core.reloading import Reloaded, Source, reload
from heylook_core.request_log import RequestLog
from heylook_core.residency import ModelState, Residency, Resident, estimated
from heylook_core.running import Kind, Origin, Run
from heylook_core.settings import ModelEntry, Settings
from heylook_core.spoken import PCM_BYTES, LiveOptions, SpeechInfo, TranscribeOptions
from heylook_core.totals import Totals
from heylook_core.warmup import warm_up
from heylook_core.workers.channel import Channel
from heylook_core.workers.process import ProcessChannel
from heylook_core.workers.protocol import (
    Call,
    Cancel,
    ClearCache,
    Detokenize,
    Embed,
    OpenSession,
    Operation,
    Render,
    Submit,
    Tokenize,
    Transcribe,
    Turn,
)
from heylook_core.workers.thread import ThreadChannel

if TYPE_CHECKING:
    from heylook_core.media.audio.files import AudioFile
    from heylook_core.media.images.reader import ImageReader

log = logging.getLogger(__name__)

Fit: TypeAlias = Callable[[ChatRequest, ModelInfo], ChatRequest]


class Health(msgspec.Struct, frozen=True):
    """`degraded` when a model hangs; the server itself answers either way."""

    status: Literal["ok", "degraded", "stopping"]
    models: list[ModelState]


class Serving:
    """The one object that dialects talk to. `clock` counts the time of idle models.

    `stopping` is set once new requests are refused, for what would never end by itself.

    Who runs the server sets `source`, which reads its configuration again, and `restart`, which starts it anew.
    """

    def __init__(self, settings: Settings, catalog: Catalog, plugins: Plugins, clock: Clock = time.time) -> None:
        self.settings = settings
        self.catalog = catalog
        self.plugins = plugins
        self.residency = Residency(settings, plugins, self._channel, self._estimate, clock)
        self._rids = itertools.count(1)
        self.requests = RequestLog(plugins)
        self.totals = Totals()
        plugins.add("heylook:totals", self.totals)
        self.preloading: asyncio.Task[None] | None = None
        self.source: Source | None = None
        self.restart: Callable[[], None] | None = None
        self._draining = False
        self.stopping = asyncio.Event()
        self._quiet = asyncio.Event()
        self._quiet.set()

    # ------------------------------------------------------------------ life

    async def start(self, preload: str | None = None) -> None:
        """Begin; load a model ahead of its first request if one is named. Its failure is logged, not raised."""
        self.residency.start()
        self.requests.open()
        if preload is not None:
            entry = self.catalog.get(preload)
            self.preloading = asyncio.get_running_loop().create_task(self._preload(entry))
            self.preloading.add_done_callback(_retrieve)

    async def drain(self, seconds: float) -> bool:
        """Refuse new requests and wait for the running ones; False if some are still running after `seconds`."""
        self._draining = True
        self.stopping.set()
        try:
            await asyncio.wait_for(self._quiet.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def close(self, grace: float = 10.0) -> bool:
        """Cancel what runs and unload everything; False if a worker thread could not be ended."""
        self._draining = True
        self.stopping.set()
        for run in self.requests.running:
            run.cancel()
        if "_images" in self.__dict__:
            self._images.close()
        return await self.residency.close(grace)

    # ------------------------------------------------------------------ what dialects ask

    def models(self) -> list[ModelEntry]:
        return self.catalog.entries()

    def health(self) -> Health:
        states = self.residency.states()
        if self._draining:
            return Health("stopping", states)
        return Health("degraded" if any(state.state == "hung" for state in states) else "ok", states)

    async def open(
        self,
        request: ChatRequest,
        *,
        request_id: str,
        dialect: str,
        kind: Kind = "chat",
        gone: Departure | None = None,
        keep_alive: float | None = None,
        fit: Fit | None = None,
    ) -> Run:
        """Start a request and return once its worker has accepted it (see `Run`).

        A streamed request whose model is still loading is returned after `early_headers` seconds as well, so that
        the client can be sent headers and keepalives; it fails then while it is read. Raises ModelNotFound,
        Unsupported, InvalidRequest, ContextExceeded, Busy, Unavailable, LoadFailed; Cancelled if the client leaves.

        `keep_alive` is how many seconds the model stays afterwards (see `Residency.acquire`). `fit` makes the
        request over once the model is loaded, for what depends on the model; it may raise a RequestError.
        """
        entry = self._entry(request.model)
        self.plugins.notify("request_received", request_id=request_id, dialect=dialect, model=entry.id)
        origin = Origin(request_id, dialect, kind, entry.id, entry.provider, request.stream, time.time())
        return await self._start(
            entry,
            origin,
            request.n,
            lambda resident, rid: _checked_submit(resident, rid, request, fit),
            gone,
            keep_alive,
            request,
        )

    async def embed(
        self,
        model: str,
        inputs: tuple[str | tuple[int, ...], ...],
        options: EmbedOptions,
        *,
        request_id: str,
        dialect: str,
        gone: Departure | None = None,
        keep_alive: float | None = None,
    ) -> Vectors:
        """Vectors of `inputs`, in their order. Raises like `open`."""
        entry = self._entry(model)
        origin = Origin(request_id, dialect, "embedding", entry.id, entry.provider, False, time.time())
        run = await self._start(
            entry,
            origin,
            1,
            lambda resident, rid: _checked_embed(resident, rid, inputs, options),
            gone,
            keep_alive,
            inputs,
        )
        try:
            return await run.vectors()
        finally:
            run.close()

    async def transcribe(
        self,
        model: str,
        options: TranscribeOptions,
        audio: AudioFile,
        *,
        request_id: str,
        dialect: str,
        streamed: bool = False,
        gone: Departure | None = None,
        keep_alive: float | None = None,
        check: Callable[[SpeechInfo], None] = lambda speech: None,
    ) -> Hearing:
        """Text of a sound file, as Segment events; `audio` is closed once it is not needed. Raises like `open`.

        `check` may refuse the request by what the loaded model can do.
        """

        def checked(resident: Resident, rid: int) -> Call:
            info = _info(resident)
            check_speech(options, info, resident.entry.id)
            speech = info.speech or SpeechInfo()
            check(speech)
            audio.check(min(speech.longest, self.settings.audio.max_seconds))
            return Call(rid, Transcribe(options))

        try:
            run = await self._hear(model, checked, request_id, dialect, streamed, gone, keep_alive)
        except BaseException:
            await asyncio.to_thread(audio.close)
            raise
        run.play(audio)
        return run

    async def listen(
        self, model: str, options: LiveOptions, *, request_id: str, dialect: str, gone: Departure | None = None
    ) -> Hearing:
        """A live session: feed it, and read Segment and SpeechStarted events until its end. Raises like `open`."""

        def checked(resident: Resident, rid: int) -> Call:
            check_speech(options.transcribe, _info(resident), resident.entry.id)
            return Call(rid, OpenSession(options))

        run = await self._hear(model, checked, request_id, dialect, True, gone, None)
        run.byte_rate = options.sample_rate * PCM_BYTES
        return run

    async def render(
        self, request: ChatRequest, *, request_id: str, dialect: str, gone: Departure | None = None
    ) -> str:
        """The text that the model would be given for `request`, which is not run. Raises like `open`."""
        entry = self._entry(request.model)
        origin = Origin(request_id, dialect, "tokens", entry.id, entry.provider, False, time.time())
        run = await self._start(entry, origin, 1, lambda _, rid: Call(rid, Render(request)), gone, None)
        try:
            return (await run.collect())[0].text
        finally:
            run.close()

    async def tokenize(
        self, model: str, what: str | ChatRequest, *, begin: bool = True, request_id: str, dialect: str
    ) -> Tokens:
        """The token ids of a text, or of the prompt that a request comes to (see `Tokenize`). Raises like `open`."""
        text, request = (what, None) if isinstance(what, str) else ("", what)
        run = await self._call(model, Tokenize(text, request, begin), request_id, dialect)
        try:
            return await run.tokens()
        finally:
            run.close()

    async def detokenize(self, model: str, ids: tuple[int, ...], *, request_id: str, dialect: str) -> str:
        """The text of token ids. Raises like `open`."""
        run = await self._call(model, Detokenize(ids), request_id, dialect)
        try:
            return (await run.collect())[0].text
        finally:
            run.close()

    async def load(self, model: str, keep_alive: float | None = None) -> ModelInfo:
        """Have a model loaded, and tell what it is. Raises like `open`."""
        resident = await self.residency.acquire(self._entry(model), keep_alive)
        try:
            return _info(resident)
        finally:
            self.residency.release(resident)

    async def unload(self, model: str) -> str:
        """Have a model leave memory, as soon as nothing runs on it (see `Residency.dismiss`). Raises ModelNotFound."""
        return await self.residency.dismiss(self._entry(model).id)

    async def reload(self) -> Reloaded:
        """Read the configuration again: all of it, or nothing where it has a mistake. Raises InvalidRequest."""
        return await reload(self, self.source)

    async def states(self) -> list[ModelState]:
        """What is in memory, with figures of now."""
        return await self.residency.refreshed()

    async def clear_caches(self, *, request_id: str) -> list[str]:
        """Drop every kept prefix of every loaded model, in memory and in the tier; the ids of these models."""
        loaded = [state.id for state in self.residency.states() if state.state == "ready"]
        for model_id in loaded:
            run = await self._call(model_id, ClearCache(), request_id, "admin")
            try:
                await run.collect()
            finally:
                run.close()
        return loaded

    # ------------------------------------------------------------------ inside

    async def _hear(
        self,
        model: str,
        checked: Callable[[Resident, int], Call],
        request_id: str,
        dialect: str,
        streamed: bool,
        gone: Departure | None,
        keep_alive: float | None,
    ) -> Hearing:
        entry = self._entry(model)
        self.plugins.notify("request_received", request_id=request_id, dialect=dialect, model=entry.id)
        origin = Origin(request_id, dialect, "transcription", entry.id, entry.provider, streamed, time.time())
        run = await self._start(entry, origin, 1, checked, gone, keep_alive, make=Hearing)
        return cast(Hearing, run)

    async def _call(self, model: str, operation: Operation, request_id: str, dialect: str) -> Run:
        entry = self._entry(model)
        origin = Origin(request_id, dialect, "tokens", entry.id, entry.provider, False, time.time())
        return await self._start(entry, origin, 1, lambda _, rid: Call(rid, operation), None, None)

    def _entry(self, name: str) -> ModelEntry:
        if self._draining:
            raise Unavailable("The server is stopping.", retry_after=5)
        return self.catalog.get(name)

    async def _start(
        self,
        entry: ModelEntry,
        origin: Origin,
        choices: int,
        message: Callable[[Resident, int], Submit | Call],
        gone: Departure | None,
        keep_alive: float | None,
        asked: ChatRequest | tuple[str | tuple[int, ...], ...] = (),
        make: type[Run] = Run,
    ) -> Run:
        rid = next(self._rids)
        run = make(origin, choices, self.settings.server.keepalive, self._ended)
        run.images = images_in(asked) if isinstance(asked, ChatRequest) else 0
        if self.requests.wants_content:
            run.overheard = Overheard(asked)
        self.requests.begin(run)
        self._quiet.clear()
        starting = asyncio.get_running_loop().create_task(self._submit(entry, rid, run, message, keep_alive))
        starting.add_done_callback(_retrieve)
        run.watch(gone)
        try:
            await run.admitted(self.settings.server.early_headers if origin.streamed else None)
        except BaseException:
            run.close()
            raise
        return run

    async def _submit(
        self,
        entry: ModelEntry,
        rid: int,
        run: Run,
        message: Callable[[Resident, int], Submit | Call],
        keep_alive: float | None,
    ) -> None:
        """Acquire the model and submit; whatever goes wrong ends the run with that error."""
        started = time.monotonic()
        try:
            resident = await self.residency.acquire(entry, keep_alive)
        except Exception as error:
            run.lost(_as_heylook(error))
            return
        run.load_seconds = time.monotonic() - started
        try:
            if not run.over:
                self._check_queue(resident)
                submission = await self._with_pictures(resident, message(resident, rid))
                if not run.over:  # its client may have left meanwhile
                    self._hand_over(resident, rid, run, submission)
                    return
        except Exception as error:
            run.lost(_as_heylook(error))
        self._release(resident, rid)

    async def _with_pictures(self, resident: Resident, submission: Submit | Call) -> Submit | Call:
        """Images are read once it is known that the model takes them; the worker gets pixels."""
        if isinstance(submission, Submit):
            asked: ChatRequest | None = submission.request
        else:
            asked = submission.operation.request if isinstance(submission.operation, Tokenize) else None
        if asked is None or not asked.has_images:
            return submission
        require_images(_info(resident), resident.entry.id)
        request = await self._images.read(asked, submission.rid)
        if self.residency.resident(resident.entry.id) is not resident:
            message = f"Model {resident.entry.id!r} has left memory while the images of the request were read."
            raise Unavailable(message, retry_after=1)
        if isinstance(submission, Submit):
            return Submit(submission.rid, request)
        return Call(submission.rid, Tokenize(request=request))

    @cached_property
    def _images(self) -> ImageReader:
        from heylook_core.media.images.reader import ImageReader

        return ImageReader(self.settings.images)

    def _hand_over(self, resident: Resident, rid: int, run: Run, submission: Submit | Call) -> None:
        resident.runs[rid] = run
        resident.touch()
        run.submitted(lambda: resident.send(Cancel(rid)), lambda: self._release(resident, rid))
        if isinstance(run, Hearing):
            run.connect(rid, resident.send, _info(resident))
        resident.send(msgspec.structs.replace(submission, request_id=run.origin.request_id))

    def _check_queue(self, resident: Resident) -> None:
        rows = resident.info.rows if resident.info is not None else 1
        limit = rows + self.settings.server.max_queue
        if len(resident.runs) >= limit:
            message = (
                f"Model {resident.entry.id!r} has {len(resident.runs)} requests running and waiting: try again soon."
            )
            raise Busy(message, retry_after=1)

    def _release(self, resident: Resident, rid: int) -> None:
        resident.runs.pop(rid, None)
        if "_images" in self.__dict__:
            self._images.let_go(rid)
        self.residency.release(resident)

    def _ended(self, run: Run, record: RequestRecord) -> None:
        self.requests.end(run, record)
        self.totals.memory(sum(state.gauges.total for state in self.residency.states()))
        if not self.requests.running:
            self._quiet.set()
        if record.cached_tokens or record.reuse:
            self.plugins.notify(
                "prompt_reused",
                model_id=record.model,
                tokens=record.cached_tokens,
                of=record.prompt_tokens,
                why=record.reuse,
            )

    async def _preload(self, entry: ModelEntry) -> None:
        """Load a model and have it make one token. What goes wrong is logged."""
        try:
            info = await self.load(entry.id)
            rid = next(self._rids)
            message = warm_up(rid, entry.id, info)
            if message is not None:
                await self._warm(entry, rid, message)
        except Exception as error:
            log.warning("The model %s is not ready: %s", entry.id, error)

    async def _warm(self, entry: ModelEntry, rid: int, message: Submit | Call) -> None:
        """Run a request that nobody asked for: it is in no record."""
        origin = Origin(f"warm-up-{rid}", "server", "completion", entry.id, entry.provider, False, time.time())
        run = Run(origin, 1, self.settings.server.keepalive, lambda run, record: None)
        try:
            await self._submit(entry, rid, run, lambda resident, rid: message, None)
            async for _ in run:
                pass
        finally:
            run.close()
        log.info("model %s is warm", entry.id)

    async def _estimate(self, entry: ModelEntry) -> Estimate | None:
        return await asyncio.to_thread(estimated, entry, self.plugins)

    def _channel(self, entry: ModelEntry, on_turn: Callable[[Turn], None], on_lost: Callable[[str], None]) -> Channel:
        placement = entry.placement
        if placement is None:
            placement = self.plugins.load("heylook.providers", entry.provider).placement
        if placement == "process":
            return ProcessChannel(on_turn, on_lost, self.settings.plugins.disabled)
        return ThreadChannel(on_turn, on_lost, self.plugins.load)


def _info(resident: Resident) -> ModelInfo:
    if resident.info is None:
        raise Unavailable(f"Model {resident.entry.id!r} is being unloaded.", retry_after=1)
    return resident.info


def _checked_submit(resident: Resident, rid: int, request: ChatRequest, fit: Fit | None) -> Submit:
    info = _info(resident)
    if fit is not None:
        request = fit(request, info)
    require(request, info, resident.entry.id)
    return Submit(rid, request)


def _checked_embed(
    resident: Resident, rid: int, inputs: tuple[str | tuple[int, ...], ...], options: EmbedOptions
) -> Call:
    if resident.info is not None and "embed" not in resident.info.capabilities:
        raise Unsupported(f"Model {resident.entry.id!r} cannot make embeddings.", param="model")
    return Call(rid, Embed(inputs, options))


def _as_heylook(error: Exception) -> HeylookError:
    if isinstance(error, HeylookError):
        return error
    log.error("a request could not be started", exc_info=error)
    return EngineFailed(f"The request could not be started ({type(error).__name__}: {error}).")


def _retrieve(task: asyncio.Task[None]) -> None:
    """Tasks nobody awaits: look at the outcome, so that asyncio does not complain."""
    if not task.cancelled() and task.exception() is not None:
        log.error("a background task failed", exc_info=task.exception())
