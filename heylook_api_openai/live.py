"""/v1/stt/stream: one live session over a WebSocket.

One task receives, one feeds the worker, one tells what it understood. A client that sends a recording may be far ahead
of the model; one that speaks in real time and cannot be kept up with is told so, and dropped in the end.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import msgspec

from heylook_api_openai.live_backlog import Backlog
from heylook_api_openai.live_config import changed, message_of, options_of
from heylook_api_openai.live_schema import (
    LiveClear,
    LiveClose,
    LiveClosed,
    LiveCommit,
    LiveConfig,
    LiveConfigure,
    LiveCreated,
    LiveError,
    LiveFinal,
    LiveMessage,
    LivePartial,
    LivePing,
    LivePong,
    LiveSessionFacts,
    LiveSpeechStarted,
    LiveUpdated,
    LiveWarning,
    LiveWord,
)
from heylook_core import errors
from heylook_core.errors import Cancelled, EngineFailed, HeylookError, InvalidRequest
from heylook_core.hearing import Hearing
from heylook_core.messages import Event
from heylook_core.settings import AudioSettings
from heylook_core.sockets import Socket
from heylook_core.spoken import PCM_BYTES, Segment, SpeechStarted

encode = msgspec.json.Encoder().encode

BEHIND_SECONDS = 20.0  # of unheard audio after which a client is warned
OVERLOADED_SECONDS = 30.0
CAUGHT_UP_SECONDS = 10.0
REAL_TIME_SLACK = 5.0  # a client that is further ahead of the clock than this sends a recording
LAST_WORDS_SECONDS = 60.0  # for what is still to be told after the end, besides three times the unheard audio

CLOSE_CODES: tuple[tuple[type[HeylookError], int], ...] = (
    (errors.ModelNotFound, 4404),
    (errors.RequestError, 4400),
    (errors.LoadFailed, 1011),
    (errors.Busy, 1013),
    (errors.Unavailable, 1013),
)

Received: TypeAlias = bytes | LiveMessage
Listen = Callable[[LiveConfig], Awaitable[Hearing]]


class Ending(msgspec.Struct, frozen=True):
    """Why the connection is closed: its close code, and the error to tell first, if it is one."""

    code: int = 1000
    error: str = ""
    name: str = ""


STOPPING = Ending(1001, "The server is stopping.", "stopping")


def ending_of(error: HeylookError) -> Ending:
    code = next((code for kind, code in CLOSE_CODES if isinstance(error, kind)), 1011)
    return Ending(code, error.message, error.kind)


async def refuse_live(socket: Socket, error: HeylookError) -> None:
    """End an accepted connection with this error."""
    ending = ending_of(error)
    await socket.send(encode(LiveError(ending.error, ending.name, True)).decode())
    await socket.close(ending.code, ending.error)


class LiveTalk:
    """An accepted connection, from its first message to its close. `listen` opens the worker's side."""

    def __init__(
        self, socket: Socket, config: LiveConfig, listen: Listen, limits: AudioSettings, stopping: asyncio.Event
    ) -> None:
        self._socket = socket
        self._config = config
        self._listen = listen
        self._limits = limits
        self._stopping = stopping
        self._bytes = 0
        self._began = 0.0
        self._sounded = time.monotonic()
        self._behind = False

    async def run(self) -> None:
        """Raises Cancelled where the client leaves."""
        try:
            ending = await self._talk()
        except Cancelled:
            if self._socket.call.gone.happened:
                raise
            ending = STOPPING
        except HeylookError as error:
            ending = ending_of(error)
        if ending.error:
            await self._send(LiveError(ending.error, ending.name, True))
        await self._send(LiveClosed(round(self._seconds, 3)))
        await self._socket.close(ending.code, ending.error)

    async def _talk(self) -> Ending:
        options_of(self._config)
        await self._send(LiveCreated(self._facts()))
        first = await self._configured()
        if isinstance(first, Ending):
            return first
        run = await self._listen(self._config)
        try:
            return await self._heard(run, first)
        finally:
            run.close()

    @property
    def _seconds(self) -> float:
        return self._bytes / (self._config.sample_rate * PCM_BYTES)

    def _facts(self) -> LiveSessionFacts:
        config = self._config
        return LiveSessionFacts(
            self._socket.call.id, config.model or "", config.sample_rate, self._limits.session_seconds
        )

    async def _send(self, message: Any) -> None:
        await self._socket.send(encode(message).decode())

    # ------------------------------------------------------------------ receiving

    async def _configured(self) -> Received | Ending:
        """The first message that is about audio; what comes before it is seen to."""
        while True:
            message = await self._received()
            if not isinstance(message, LiveConfigure | LivePing | None):
                return message
            if isinstance(message, LivePing):
                await self._send(LivePong(message.id))
            elif message is not None:
                self._config = changed(self._config, message)
                options_of(self._config)
                await self._send(LiveUpdated(self._facts()))

    async def _received(self) -> Received | Ending | None:
        """Audio, a message, None for one that was refused, or an Ending where nothing comes."""
        try:
            async with asyncio.timeout(self._sounded + self._limits.idle_seconds - time.monotonic()):
                received = await self._socket.receive()
        except TimeoutError:
            return Ending(4408, f"There was no audio for {self._limits.idle_seconds:g} s.", "idle")
        if isinstance(received, bytes):
            self._sounded = time.monotonic()
            self._began = self._began or self._sounded
            self._bytes += len(received)
            return received
        try:
            return message_of(received)
        except InvalidRequest as error:
            await self._send(LiveError(error.message, "unknown_message", False))
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            return Ending(1007, f"A text message is not JSON: {error}.", "invalid_json")
        return None

    async def _hear(self, backlog: Backlog, message: Received | Ending | None) -> Ending:
        """Take what comes, beginning with `message`, until the client has said all."""
        while True:
            match message:
                case Ending():
                    return message
                case LiveClose():
                    return Ending()
                case LiveCommit():
                    await backlog.put("commit")
                case LiveClear():
                    await backlog.put("clear")
                case LivePing():
                    await self._send(LivePong(message.id))
                case LiveConfigure():
                    await self._send(LiveError("A session is configured before its first audio.", "bad_config", False))
                case bytes():
                    if ending := await self._taken(backlog, message):
                        return ending
            message = await self._received()

    async def _taken(self, backlog: Backlog, data: bytes) -> Ending | None:
        await backlog.put(data)
        self._sounded = time.monotonic()
        if self._in_real_time:
            await self._mind_delay(backlog.seconds)
            if backlog.seconds > OVERLOADED_SECONDS:
                return Ending(1013, "The model cannot keep up with the audio.", "overloaded")
        if self._seconds > self._limits.session_seconds:
            return Ending(4413, f"The session is longer than {self._limits.session_seconds:g} s.", "too_long")
        return None

    @property
    def _in_real_time(self) -> bool:
        return self._seconds <= time.monotonic() - self._began + REAL_TIME_SLACK

    async def _mind_delay(self, unheard: float) -> None:
        if not self._behind and unheard >= BEHIND_SECONDS:
            self._behind = True
            await self._send(LiveWarning("behind", f"{unheard:.0f} s of audio wait to be heard."))
        elif self._behind and unheard < CAUGHT_UP_SECONDS:
            self._behind = False

    # ------------------------------------------------------------------ telling

    async def _heard(self, run: Hearing, first: Received) -> Ending:
        """All sides at once, until one has come to an end or the server stops."""
        backlog = Backlog(run)
        hearing = asyncio.create_task(self._hear(backlog, first))
        feeding = asyncio.create_task(backlog.hand_on())
        telling = asyncio.create_task(self._tell(run))
        stopping = asyncio.create_task(self._stopping.wait())
        tasks: tuple[asyncio.Task[Any], ...] = (hearing, feeding, telling, stopping)
        try:
            await asyncio.wait((hearing, telling, stopping), return_when=asyncio.FIRST_COMPLETED)
            if telling.done():
                telling.result()
                raise EngineFailed("The model stopped listening.")
            ending = hearing.result() if hearing.done() else STOPPING
            await backlog.put("end")
            await asyncio.wait_for(telling, LAST_WORDS_SECONDS + 3 * backlog.seconds)
            return ending
        except TimeoutError:
            raise EngineFailed("The model did not come to an end with the audio.") from None
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _tell(self, run: Hearing) -> None:
        async for events in run:
            for event in events:
                if (message := self._message(event)) is not None:
                    await self._send(message)

    def _message(self, event: Event) -> LiveSpeechStarted | LivePartial | LiveFinal | None:
        if isinstance(event, SpeechStarted):
            return LiveSpeechStarted(event.utterance, _rounded(event.start))
        if not isinstance(event, Segment):
            return None
        start, end, now = _rounded(event.start), _rounded(event.end), time.time()
        if not event.final:
            return LivePartial(event.utterance, event.text, event.stable, start, end, now)
        words = [
            LiveWord(word.text, _rounded(word.start), _rounded(word.end), _rounded(word.confidence))
            for word in event.words
        ]
        return LiveFinal(
            utterance=event.utterance,
            text=event.text,
            start=start,
            end=end,
            confidence=_rounded(event.confidence),
            language=event.language,
            timestamp=now,
            words=words if self._config.word_timestamps else msgspec.UNSET,
        )


def _rounded(number: float) -> float:
    return round(number, 3)
