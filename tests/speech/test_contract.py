"""The contract of speech providers, kept by the scripted one."""

from __future__ import annotations

from heylook_core.testkit.speech_contract import SpeechContract


class TestScriptedSpeech(SpeechContract):
    provider = "scripted"
