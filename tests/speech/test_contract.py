"""The contract of speech providers, kept by the scripted one."""

from __future__ import annotations

import asyncio

from heylook_core.provider import ModelSpec
from heylook_core.spoken import TranscribeOptions
from heylook_core.testkit.speech_contract import SpeechContract, SpeechLine
from heylook_core.workers.protocol import Cancel, Lease, Transcribe


class TestScriptedSpeech(SpeechContract):
    provider = "scripted"


def test_requests_that_end_before_they_begin_leave_nothing_behind():
    async def whole() -> None:
        line = SpeechLine("thread")
        spec = ModelSpec(id="m", provider="scripted")
        await line.channel.start(spec, Lease())
        for _ in range(50):
            rid = line.begin(Transcribe(TranscribeOptions()))
            line.channel.send(Cancel(rid))
            await line.until(lambda rid=rid: line.over(rid))  # type: ignore[misc]
        worker = line.channel._worker  # type: ignore[attr-defined]
        assert not worker._open
        assert not worker._speech._intakes
        assert await line.channel.stop(20)

    asyncio.run(whole())
