"""What every provider that transcribes promises, tested through a real worker on both channels.

    class TestMySpeech(SpeechContract):
        provider = "mine"
        config = {"model_path": "..."}
        text = "Hello world."

        def audio(self): ...               # 16 kHz mono float32 of about two seconds or more in which that is said

A provider whose models understand tone speech (`tone_speech`) needs no `audio`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import pytest

from heylook_core.messages import Accepted, Event, Failed, Finished
from heylook_core.provider import ModelSpec
from heylook_core.spoken import (
    SAMPLE_RATE,
    Credit,
    LiveOptions,
    Segment,
    SpeechStarted,
    TranscribeOptions,
)
from heylook_core.testkit.provider_contract import SECONDS, Line
from heylook_core.testkit.tone_speech import silence, spoken
from heylook_core.workers.protocol import Call, Cancel, Feed, Lease, OpenSession, Ready, Transcribe

Audio = np.ndarray[Any, Any]


class SpeechLine(Line):
    """A channel to a worker that listens."""

    def begin(self, operation: Transcribe | OpenSession) -> int:
        self._rid += 1
        self.events[self._rid] = []
        self.channel.send(Call(self._rid, operation))
        return self._rid

    async def feed(self, rid: int, pieces: Sequence[bytes]) -> None:
        """Within credit, as the server does."""
        sent = 0
        for piece in pieces:
            sent += len(piece)
            await self._room(rid, sent)
            self.channel.send(Feed(rid, piece))

    async def _room(self, rid: int, sent: int) -> None:
        await self.until(lambda: self.credit(rid) >= sent or self.over(rid))

    def credit(self, rid: int) -> int:
        return sum(event.bytes for event in self.events[rid] if isinstance(event, Credit))

    async def transcribed(self, audio: Audio, options: TranscribeOptions, block: int = 4 * SAMPLE_RATE) -> list[Event]:
        rid = self.begin(Transcribe(options))
        await self.feed(rid, [part.tobytes() for part in _cut(audio, block)])
        self.channel.send(Feed(rid, command="end"))
        await self.until(lambda: self.over(rid))
        return self.events[rid]

    async def heard(self, audio: Audio, options: LiveOptions, block: int = 1600) -> list[Event]:
        rid = self.begin(OpenSession(options))
        await self.feed(rid, [pcm(part) for part in _cut(audio, block)])
        self.channel.send(Feed(rid, command="end"))
        await self.until(lambda: self.over(rid))
        return self.events[rid]


def _cut(audio: Audio, block: int) -> Iterator[Audio]:
    for start in range(0, len(audio), block):
        yield audio[start : start + block]


def pcm(audio: Audio) -> bytes:
    """As a live session takes it."""
    return (np.clip(audio, -1, 1) * 32767).astype("<i2").tobytes()


def finals(events: Sequence[Event]) -> list[Segment]:
    return [event for event in events if isinstance(event, Segment) and event.final]


def transcript(events: Sequence[Event]) -> str:
    failed = [event for event in events if isinstance(event, Failed)]
    assert not failed, failed[0].message
    return "".join(segment.text for segment in finals(events))


class SpeechContract:
    """Overridable: `provider`, `config`, `text`, `audio`, `placements`."""

    provider: ClassVar[str]
    config: ClassVar[dict[str, Any]] = {}
    text: ClassVar[str] = "The quick brown fox. Hello world works."
    placements: ClassVar[tuple[str, ...]] = ("thread", "process")

    @pytest.fixture(params=("thread", "process"))
    def placement(self, request: pytest.FixtureRequest) -> str:
        if request.param not in self.placements:
            pytest.skip(f"this provider does not run in a {request.param}")
        return str(request.param)

    def settings(self) -> dict[str, Any]:
        """The config of the model under test; override where it needs a path made by a fixture."""
        return dict(self.config)

    def audio(self) -> Audio:
        return spoken(f"{self.text} _0.5")

    def run(self, placement: str, scenario: Callable[[SpeechLine, Ready], Awaitable[None]]) -> None:
        """Load, run the scenario, unload; the worker has to end by itself."""

        async def whole() -> None:
            line = SpeechLine(placement)
            spec = ModelSpec(id="m", provider=self.provider, config=self.settings())
            ready = await asyncio.wait_for(line.channel.start(spec, Lease()), SECONDS)
            try:
                await scenario(line, ready)
            finally:
                ended = await line.channel.stop(20)
            assert ended, "the worker did not end"
            assert not line.lost

        asyncio.run(whole())

    def test_a_speech_model_tells_what_it_can(self, placement: str) -> None:
        async def scenario(line: SpeechLine, ready: Ready) -> None:
            assert "transcribe" in ready.info.capabilities
            assert ready.info.speech is not None
            assert ready.info.speech.longest > 0

        self.run(placement, scenario)

    def test_a_recording_is_transcribed_with_times_within_it(self, placement: str) -> None:
        async def scenario(line: SpeechLine, ready: Ready) -> None:
            audio = self.audio()
            events = await line.transcribed(audio, TranscribeOptions())
            assert isinstance(events[0], Accepted)
            assert transcript(events) == self.text
            assert isinstance(events[-1], Finished)
            assert events[-1].reason == "stop"
            self.check_times(finals(events), len(audio) / SAMPLE_RATE)

        self.run(placement, scenario)

    @staticmethod
    def check_times(segments: list[Segment], seconds: float) -> None:
        """In order, within the audio; words and tokens make the text where there are any."""
        times = [(segment.start, segment.end) for segment in segments]
        words = [(word.start, word.end) for segment in segments for word in segment.words]
        for ordered in (times, words):
            assert all(start <= end <= seconds + 0.1 for start, end in ordered)
            assert ordered == sorted(ordered)
        for segment in segments:
            if segment.words:
                assert " ".join(word.text for word in segment.words) == segment.text.strip()
            if segment.tokens:
                assert "".join(token.text for token in segment.tokens).strip() == segment.text.strip()
                assert all(0 <= token.probability <= 1 for token in segment.tokens)

    def test_how_the_audio_is_cut_into_blocks_makes_no_difference(self, placement: str) -> None:
        async def scenario(line: SpeechLine, ready: Ready) -> None:
            audio = self.audio()
            for block in (1_234, 16_000, len(audio)):
                assert transcript(await line.transcribed(audio, TranscribeOptions(), block)) == self.text

        self.run(placement, scenario)

    @pytest.mark.parametrize("seconds", [0.0, 0.01, 3.0])
    def test_silence_is_no_text(self, placement: str, seconds: float) -> None:
        async def scenario(line: SpeechLine, ready: Ready) -> None:
            events = await line.transcribed(silence(seconds), TranscribeOptions())
            assert transcript(events) == ""

        self.run(placement, scenario)

    def test_several_at_once_are_as_if_they_were_alone(self, placement: str) -> None:
        async def scenario(line: SpeechLine, ready: Ready) -> None:
            audio = self.audio()
            files = [line.transcribed(audio, TranscribeOptions()) for _ in range(6)]
            live = [line.heard(audio, LiveOptions(partials=False)) for _ in range(2)]
            for events in await asyncio.gather(*files, *live):
                assert transcript(events).split() == self.text.split()

        self.run(placement, scenario)

    def test_a_session_tells_of_each_utterance_its_start_and_one_final_text(self, placement: str) -> None:
        async def scenario(line: SpeechLine, ready: Ready) -> None:
            audio = self.audio()
            gap = silence(1.5)
            events = await line.heard(np.concatenate([gap, audio, gap, audio, gap]), LiveOptions())
            started = [event for event in events if isinstance(event, SpeechStarted)]
            ended = finals(events)
            assert [event.utterance for event in started] == [segment.utterance for segment in ended] == [0, 1]
            assert [segment.text for segment in ended] == [self.text, self.text]
            assert [segment.start for segment in ended] == [event.start for event in started]
            for guess in (event for event in events if isinstance(event, Segment) and not event.final):
                assert guess.text[: guess.stable] == ended[guess.utterance].text[: guess.stable]

        self.run(placement, scenario)

    def test_cancelling_ends_what_waits_for_audio(self, placement: str) -> None:
        async def scenario(line: SpeechLine, ready: Ready) -> None:
            for operation in (Transcribe(TranscribeOptions()), OpenSession(LiveOptions())):
                rid = line.begin(operation)
                await line.until(lambda rid=rid: line.credit(rid) > 0)  # type: ignore[misc]
                line.channel.send(Cancel(rid))
                await line.until(lambda rid=rid: line.over(rid))  # type: ignore[misc]
                last = line.events[rid][-1]
                assert isinstance(last, Finished)
                assert last.reason == "cancelled"
            assert transcript(await line.transcribed(self.audio(), TranscribeOptions())) == self.text

        self.run(placement, scenario)

    def test_unloading_ends_what_waits_for_audio(self, placement: str) -> None:
        async def scenario(line: SpeechLine, ready: Ready) -> None:
            rids = [line.begin(Transcribe(TranscribeOptions())), line.begin(OpenSession(LiveOptions()))]
            await line.until(lambda: all(line.credit(rid) > 0 for rid in rids))

        self.run(placement, scenario)
