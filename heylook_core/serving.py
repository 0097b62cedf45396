"""Runs requests on models: finds, loads, checks, submits, and hands out what comes back. Event loop only."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, cast

import msgspec

from heylook_core.catalog import Catalog
from heylook_core.departure import Departure
from heylook_core.errors import Unavailable
from heylook_core.hearing import Hearing, check_speech
from heylook_core.keep_alive import Clock
from heylook_core.messages import ChatRequest, Tokens, Vectors
from heylook_core.plugins import Plugins
from heylook_core.provider import EmbedOptions, Estimate, ModelInfo
from heylook_core.reloading import Reloaded, Source, reload
from heylook_core.request_log import RequestLog
from heylook_core.residency import ModelState, Residency, Resident, estimated
from heylook_core.running import Kind, Origin, Run
from heylook_core.settings import ModelEntry, Settings
from heylook_core.spoken import PCM_BYTES, LiveOptions, SpeechInfo, TranscribeOptions
from heylook_core.starting import Fit, Starts, checked_embed, checked_submit, info_of, retrieved
from heylook_core.totals import Totals
from heylook_core.warmup import warm_up
from heylook_core.workers.channel import Channel
from heylook_core.workers.children import Children
from heylook_core.workers.process import ProcessChannel
from heylook_core.workers.protocol import (
    Call,
    ClearCache,
    Detokenize,
    OpenSession,
    Operation,
    Render,
    Submit,
    Tokenize,
    Transcribe,
    Turn,
)
from heylook_core.workers.thread import ThreadChannel
from heylook_core.workers.threads import EngineThreads

if TYPE_CHECKING:
    from heylook_core.media.audio.files import AudioFile

log = logging.getLogger(__name__)


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
        self._threads = EngineThreads()
        self._children = Children(settings.plugins.disabled, ahead=True)
        self.residency = Residency(settings, plugins, self._channel, self._estimate, clock)
        self.requests = RequestLog(plugins)
        self.totals = Totals()
        plugins.add("heylook:totals", self.totals)
        self._starts = Starts(settings, plugins, self.residency, self.requests, self.totals)
        self.preloading: asyncio.Task[None] | None = None
        self.source: Source | None = None
        self.restart: Callable[[], None] | None = None
        self._draining = False
        self.stopping = asyncio.Event()

    # ------------------------------------------------------------------ life

    async def start(self, preload: str | None = None) -> None:
        """Begin; load a model ahead of its first request if one is named. Its failure is logged, not raised."""
        self.residency.start()
        self.requests.open()
        if preload is not None:
            entry = self.catalog.get(preload)
            self.preloading = asyncio.get_running_loop().create_task(self._preload(entry))
            self.preloading.add_done_callback(retrieved)

    async def drain(self, seconds: float) -> bool:
        """Refuse new requests and wait for the running ones; False if some are still running after `seconds`."""
        self._draining = True
        self.stopping.set()
        try:
            await asyncio.wait_for(self._starts.quiet.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def close(self, grace: float = 10.0) -> bool:
        """Cancel what runs and unload everything; False if a worker thread could not be ended."""
        self._draining = True
        self.stopping.set()
        self._starts.close()
        try:
            return await self.residency.close(grace)
        finally:
            self._threads.close()
            self._children.close()

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
        return await self._starts.start(
            entry,
            origin,
            request.n,
            lambda resident, rid: checked_submit(resident, rid, request, fit),
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
        run = await self._starts.start(
            entry,
            origin,
            1,
            lambda resident, rid: checked_embed(resident, rid, inputs, options),
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
            info = info_of(resident)
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
            check_speech(options.transcribe, info_of(resident), resident.entry.id)
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
        run = await self._starts.start(entry, origin, 1, lambda _, rid: Call(rid, Render(request)), gone, None)
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
            return info_of(resident)
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
        run = await self._starts.start(entry, origin, 1, checked, gone, keep_alive, make=Hearing)
        return cast(Hearing, run)

    async def _call(self, model: str, operation: Operation, request_id: str, dialect: str) -> Run:
        entry = self._entry(model)
        origin = Origin(request_id, dialect, "tokens", entry.id, entry.provider, False, time.time())
        return await self._starts.start(entry, origin, 1, lambda _, rid: Call(rid, operation), None, None)

    def _entry(self, name: str) -> ModelEntry:
        if self._draining:
            raise Unavailable("The server is stopping.", retry_after=5)
        return self.catalog.get(name)

    async def _preload(self, entry: ModelEntry) -> None:
        """Load a model and have it make one token. What goes wrong is logged."""
        try:
            info = await self.load(entry.id)
            rid = self._starts.rid()
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
            await self._starts.submit(entry, rid, run, lambda resident, rid: message, None)
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
            return ProcessChannel(on_turn, on_lost, self._children)
        return ThreadChannel(on_turn, on_lost, self.plugins.load, self._threads)
