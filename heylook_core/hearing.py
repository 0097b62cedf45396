"""One running request that listens: audio goes to its worker within credit, while what it tells is read. Event loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from heylook_core.analytics import RequestRecord
from heylook_core.errors import EngineFailed, HeylookError, InvalidRequest, Unsupported
from heylook_core.messages import Event, Finished
from heylook_core.provider import ModelInfo
from heylook_core.running import Origin, Run
from heylook_core.spoken import SAMPLE_BYTES, SAMPLE_RATE, Credit, Heard, SpeechInfo, TranscribeOptions
from heylook_core.workers.protocol import Feed

if TYPE_CHECKING:
    from heylook_core.media.audio.files import AudioFile

log = logging.getLogger(__name__)

PIECES = 4  # of the credit at its largest: no feed is larger than one


class Hearing(Run):
    """A transcription or a live session. `byte_rate` is how many bytes of its audio make a second."""

    def __init__(
        self, origin: Origin, choices: int, keepalive: float, ended: Callable[[Run, RequestRecord], None]
    ) -> None:
        super().__init__(origin, choices, keepalive, ended)
        self.byte_rate = SAMPLE_RATE * SAMPLE_BYTES
        self.model = ModelInfo(context=0)
        self.heard = 0.0
        self._rid = 0
        self._to_worker: Callable[[Feed], None] | None = None
        self._credit = self._window = 0
        self._changed = asyncio.Event()
        self._playing: asyncio.Task[None] | None = None
        self._refusal: HeylookError | None = None

    @property
    def speech(self) -> SpeechInfo:
        return self.model.speech or SpeechInfo()

    # ------------------------------------------------------------------ the worker's side

    def connect(self, rid: int, send: Callable[[Feed], None], model: ModelInfo) -> None:
        """The worker is about to have it."""
        self._rid, self._to_worker, self.model = rid, send, model

    def deliver(self, events: list[Event]) -> None:
        kept: list[Event] = []
        for event in events:
            if isinstance(event, Credit):
                self._credit += event.bytes
                self._window = max(self._window, self._credit)
                self._changed.set()
            elif isinstance(event, Heard):
                self.heard = event.seconds
            else:
                kept.append(event)
        if self._refusal is not None and any(isinstance(event, Finished) for event in kept):
            if not self.over:
                self._end(self._refusal)
        elif kept:
            super().deliver(kept)

    def _end(self, error: HeylookError | None) -> None:
        self._changed.set()
        super()._end(error)

    # ------------------------------------------------------------------ the dialect's side

    @property
    def waiting(self) -> float:
        """Seconds of audio that the worker has not worked through."""
        return (self._window - self._credit) / self.byte_rate

    async def feed(self, data: bytes) -> None:
        """Hand audio over. Waits while the worker has enough; does nothing once the request is over."""
        while self._window == 0 and not self.over:
            await self._change()
        size = max(self._window // PIECES, 1)
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            while self._credit < len(piece) and not self.over:
                await self._change()
            self._credit -= len(piece)
            self.audio_seconds += len(piece) / self.byte_rate
            self._send(Feed(self._rid, piece))

    def command(self, what: Literal["commit", "clear", "end"]) -> None:
        """What to do after the audio that was fed (see `Feed`)."""
        self._send(Feed(self._rid, command=what))

    def play(self, audio: AudioFile) -> None:
        """Feed a whole file, and close it. What is wrong with it is raised to the reader."""
        self._playing = asyncio.get_running_loop().create_task(self._play(audio))

    def close(self) -> None:
        super().close()
        if self._playing is not None:
            self._playing.cancel()

    # ------------------------------------------------------------------ inside

    async def _play(self, audio: AudioFile) -> None:
        try:
            while not self.over:
                block = await asyncio.to_thread(audio.read)
                if block is None:
                    self.command("end")
                    break
                await self.feed(block.astype("<f4", copy=False).tobytes())
        except HeylookError as error:
            self._refuse(error)
        except Exception as error:
            log.exception("an audio file could not be decoded")
            self._refuse(EngineFailed(f"The audio could not be decoded ({type(error).__name__}: {error})."))
        finally:
            await asyncio.to_thread(audio.close)

    def _refuse(self, error: HeylookError) -> None:
        """The rest of the audio cannot be had: the worker stops, the reader gets the error."""
        if self.over or self._cancelled:
            return
        self._refusal = error
        self._mailbox.fail(error)
        if self._send_cancel is not None:
            self._send_cancel()

    def _send(self, feed: Feed) -> None:
        if self._to_worker is not None and not self.over:
            self._to_worker(feed)

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()


def check_speech(options: TranscribeOptions, model: ModelInfo, model_id: str) -> None:
    """Raise Unsupported or InvalidRequest, naming the field, for what the model cannot do."""
    if "transcribe" not in model.capabilities:
        message = f"Model {model_id!r} does not transcribe speech (capability 'transcribe')."
        raise Unsupported(message, param="model")
    if options.task == "translate" and "translate" not in model.capabilities:
        message = f"Model {model_id!r} does not translate speech (capability 'translate'); it can transcribe it."
        raise Unsupported(message, param="model")
    known = model.speech.languages if model.speech is not None else ()
    if options.language is not None and known and options.language not in known:
        message = f"Model {model_id!r} does not know the language {options.language!r}; it knows {', '.join(known)}."
        raise InvalidRequest(message, param="language")
