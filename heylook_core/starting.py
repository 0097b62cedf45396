"""Requests on their way to a worker: the model acquired, the request checked against it, handed over, let go of."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from heylook_core.analytics import RequestRecord
from heylook_core.capabilities import require, require_images
from heylook_core.departure import Departure
from heylook_core.errors import Busy, EngineFailed, HeylookError, Unavailable, Unsupported
from heylook_core.hearing import Hearing
from heylook_core.messages import ChatRequest
from heylook_core.overheard import Overheard
from heylook_core.plugins import Plugins
from heylook_core.provider import EmbedOptions, ModelInfo
from heylook_core.records import images_in
from heylook_core.request_log import RequestLog
from heylook_core.residency import Residency, Resident
from heylook_core.running import Origin, Run
from heylook_core.settings import ModelEntry, Settings
from heylook_core.totals import Totals
from heylook_core.workers.protocol import Call, Cancel, Embed, Submit, Tokenize

if TYPE_CHECKING:
    from heylook_core.media.images.reader import ImageReader

log = logging.getLogger(__name__)

Fit: TypeAlias = Callable[[ChatRequest, ModelInfo], ChatRequest]
Message: TypeAlias = Callable[[Resident, int], Submit | Call]
"""What a loaded model's worker is sent for a request with this number. May raise what the client is told."""


class Starts:
    """Begins requests, and hears of their ends. `quiet` is set while none runs. Event loop only."""

    def __init__(
        self, settings: Settings, plugins: Plugins, residency: Residency, requests: RequestLog, totals: Totals
    ) -> None:
        self._settings = settings
        self._plugins = plugins
        self._residency = residency
        self._requests = requests
        self._totals = totals
        self._rids = itertools.count(1)
        self.quiet = asyncio.Event()
        self.quiet.set()

    def rid(self) -> int:
        """A number that no other request has."""
        return next(self._rids)

    def close(self) -> None:
        """Cancel what runs."""
        for run in self._requests.running:
            run.cancel()
        if "_images" in self.__dict__:
            self._images.close()

    async def start(
        self,
        entry: ModelEntry,
        origin: Origin,
        choices: int,
        message: Message,
        gone: Departure | None,
        keep_alive: float | None,
        asked: ChatRequest | tuple[str | tuple[int, ...], ...] = (),
        make: type[Run] = Run,
    ) -> Run:
        """A run that its worker has accepted, or a streamed one after `early_headers` seconds (see `Serving.open`)."""
        rid = self.rid()
        run = make(origin, choices, self._settings.server.keepalive, self._ended)
        run.images = images_in(asked) if isinstance(asked, ChatRequest) else 0
        if self._requests.wants_content:
            run.overheard = Overheard(asked)
        self._requests.begin(run)
        self.quiet.clear()
        starting = asyncio.get_running_loop().create_task(self.submit(entry, rid, run, message, keep_alive))
        starting.add_done_callback(retrieved)
        run.watch(gone)
        try:
            await run.admitted(self._settings.server.early_headers if origin.streamed else None)
        except BaseException:
            run.close()
            raise
        return run

    async def submit(
        self,
        entry: ModelEntry,
        rid: int,
        run: Run,
        message: Message,
        keep_alive: float | None,
    ) -> None:
        """Acquire the model and submit; whatever goes wrong ends the run with that error."""
        started = time.monotonic()
        try:
            resident = await self._residency.acquire(entry, keep_alive)
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
        require_images(info_of(resident), resident.entry.id)
        request = await self._images.read(asked, submission.rid)
        if self._residency.resident(resident.entry.id) is not resident:
            message = f"Model {resident.entry.id!r} has left memory while the images of the request were read."
            raise Unavailable(message, retry_after=1)
        if isinstance(submission, Submit):
            return Submit(submission.rid, request)
        return Call(submission.rid, Tokenize(request=request))

    @cached_property
    def _images(self) -> ImageReader:
        from heylook_core.media.images.reader import ImageReader

        return ImageReader(self._settings.images)

    def _hand_over(self, resident: Resident, rid: int, run: Run, submission: Submit | Call) -> None:
        resident.runs[rid] = run
        resident.touch()
        run.submitted(lambda: resident.send(Cancel(rid)), lambda: self._release(resident, rid))
        if isinstance(run, Hearing):
            run.connect(rid, resident.send, info_of(resident))
        resident.send(msgspec.structs.replace(submission, request_id=run.origin.request_id))

    def _check_queue(self, resident: Resident) -> None:
        rows = resident.info.rows if resident.info is not None else 1
        limit = rows + self._settings.server.max_queue
        if len(resident.runs) >= limit:
            message = (
                f"Model {resident.entry.id!r} has {len(resident.runs)} requests running and waiting: try again soon."
            )
            raise Busy(message, retry_after=1)

    def _release(self, resident: Resident, rid: int) -> None:
        resident.runs.pop(rid, None)
        if "_images" in self.__dict__:
            self._images.let_go(rid)
        self._residency.release(resident)

    def _ended(self, run: Run, record: RequestRecord) -> None:
        self._requests.end(run, record)
        self._totals.memory(sum(state.gauges.total for state in self._residency.states()))
        if not self._requests.running:
            self.quiet.set()
        if record.cached_tokens or record.reuse:
            self._plugins.notify(
                "prompt_reused",
                model_id=record.model,
                tokens=record.cached_tokens,
                of=record.prompt_tokens,
                why=record.reuse,
            )


def info_of(resident: Resident) -> ModelInfo:
    if resident.info is None:
        raise Unavailable(f"Model {resident.entry.id!r} is being unloaded.", retry_after=1)
    return resident.info


def checked_submit(resident: Resident, rid: int, request: ChatRequest, fit: Fit | None) -> Submit:
    info = info_of(resident)
    if fit is not None:
        request = fit(request, info)
    require(request, info, resident.entry.id)
    return Submit(rid, request)


def checked_embed(
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


def retrieved(task: asyncio.Task[None]) -> None:
    """Tasks nobody awaits: look at the outcome, so that asyncio does not complain."""
    if not task.cancelled() and task.exception() is not None:
        log.error("a background task failed", exc_info=task.exception())
