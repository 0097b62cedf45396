"""The parts of a live session: loudness, what stays said, utterances on a model that takes recordings."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heylook_core.media.audio.pcm import PcmReader
from heylook_core.plugins import Plugins
from heylook_core.provider import ModelSpec
from heylook_core.speech.live import UtteranceSession
from heylook_core.speech.loudness import FRAME, EdgeFinder, levels
from heylook_core.speech.session import News
from heylook_core.speech.stable import Understood
from heylook_core.spoken import (
    SAMPLE_RATE,
    Endpointing,
    LiveOptions,
    Segment,
    SpeechInfo,
    SpeechStarted,
    TranscribeOptions,
    Word,
)
from heylook_core.testkit.scripted_speech import SPEECH
from heylook_core.testkit.speech_contract import pcm
from heylook_core.testkit.tone_speech import WORD_SECONDS, silence, spoken

pytestmark = pytest.mark.unit

Audio = np.ndarray[Any, Any]
LONG = "the quick brown fox jumps over lazy dog hello world open source local server speech works " * 6


class Listened:
    """The scripted provider's ears, and how much they were given at a time."""

    def __init__(self) -> None:
        cls = Plugins().load("heylook.providers", "scripted")
        self._provider = cls(ModelSpec(id="m", provider="scripted"), cls.Config())
        self.seconds: list[float] = []

    def __call__(self, blocks: Iterator[Audio], options: TranscribeOptions) -> Iterator[Segment]:
        given = list(blocks)
        self.seconds.append(sum(map(len, given)) / SAMPLE_RATE)
        yield from self._provider.transcribe(iter(given), options)


def heard(audio: Audio, options: LiveOptions | None = None, info: SpeechInfo = SPEECH, block: int = 1600) -> list[News]:
    session = UtteranceSession(Listened(), info, options or LiveOptions(partials=False))
    news: list[News] = []
    for at in range(0, len(audio), block):
        news += session.feed(audio[at : at + block])
    return [*news, *session.end()]


def finals(news: list[News]) -> list[Segment]:
    return [one for one in news if isinstance(one, Segment) and one.final]


# ---------------------------------------------------------------------- loudness


def edges(samples: Audio, options: Endpointing | None = None) -> list[tuple[str, float]]:
    finder = EdgeFinder(options or Endpointing())
    found = [(finder.push(level), index * FRAME / SAMPLE_RATE) for index, level in enumerate(levels(samples).tolist())]
    return [(edge, at) for edge, at in found if edge is not None]


def noise(seconds: float, level: float) -> Audio:
    return np.random.default_rng(1).normal(0, level, round(seconds * SAMPLE_RATE)).astype(np.float32)


def test_a_word_in_silence_has_a_beginning_and_an_end():
    (start, at), (end, until) = edges(np.concatenate([silence(1), spoken("hello"), silence(2)]))
    assert (start, end) == ("start", "end")
    assert at == pytest.approx(1.05, abs=0.05)
    assert until == pytest.approx(1.24 + 0.7, abs=0.06)


@pytest.mark.parametrize("level", [0.0005, 0.003, 0.01])
def test_steady_noise_is_no_speech_and_speech_over_it_is_heard(level: float):
    room = noise(8, level)
    assert edges(room) == []
    word = spoken("hello")
    room[4 * SAMPLE_RATE : 4 * SAMPLE_RATE + len(word)] += word
    assert [edge for edge, _ in edges(room)] == ["start", "end"]


def test_a_click_is_no_speech():
    audio = silence(2)
    audio[SAMPLE_RATE : SAMPLE_RATE + 200] = 0.9
    assert edges(audio) == []


def test_a_higher_threshold_takes_louder_speech():
    audio = np.concatenate([noise(2, 0.003), spoken("hello", amplitude=0.02) + noise(0.32, 0.003), noise(2, 0.003)])
    assert edges(audio, Endpointing(threshold=0.4))
    assert not edges(audio, Endpointing(threshold=1.0))


# ---------------------------------------------------------------------- what stays said


def words(text: str, start: float = 0.0) -> tuple[Word, ...]:
    return tuple(Word(word, start + index, start + index + 0.8) for index, word in enumerate(text.split()))


def test_two_guesses_settle_what_they_agree_on_except_at_the_end():
    said = Understood()
    said.take("the quick bro", words("the quick bro"), 3.0)
    assert said.stable == ""
    said.take("the quick brown", words("the quick brown"), 3.5)
    assert said.stable == "the quick"


def test_what_is_settled_stays_even_if_the_model_changes_its_mind():
    said = Understood()
    for until in (4.0, 5.0):
        said.take("a b c", words("a b c"), until)
    assert said.stable == "a b c"
    text, now = said.take("a x c d", words("a x c d"), 6.0)
    assert text == "a b c d"
    assert [word.text for word in now] == ["a", "b", "c", "d"]


@given(st.lists(st.lists(st.sampled_from("ab"), max_size=6), max_size=8))
def test_stable_is_a_prefix_of_everything_later(guesses: list[list[str]]):
    said = Understood()
    before = ""
    for at, guess in enumerate(guesses):
        text, _ = said.take(" ".join(guess), words(" ".join(guess)), float(at + 3))
        assert text.startswith(before)
        assert text.startswith(said.stable)
        assert said.stable.startswith(before)
        before = said.stable


# ---------------------------------------------------------------------- utterances


@pytest.mark.parametrize("block", [160, 1601, 40_000, 10_000_000])
def test_how_the_audio_comes_makes_no_difference_to_what_is_final(block: int):
    audio = spoken("_0.5 hello world _1 open source. speech _2 works")
    assert [(one.text, one.start, one.end) for one in finals(heard(audio, block=block))] == [
        (one.text, one.start, one.end) for one in finals(heard(audio))
    ]
    assert [one.text for one in finals(heard(audio, block=block))] == ["Hello world", "Open source. Speech", "Works"]


@pytest.mark.parametrize("offset", [index * 0.1 for index in range(8)])
def test_no_word_is_lost_or_doubled_where_a_long_utterance_is_cut(offset: float):
    news = finals(heard(np.concatenate([silence(offset), spoken(LONG), silence(1)])))
    assert len(news) > 2
    assert " ".join(one.text for one in news).lower().split() == LONG.split()
    assert all(one.end - one.start <= SPEECH.window for one in news)
    starts = [word.start for one in news for word in one.words]
    assert starts == sorted(starts)
    assert starts[0] == pytest.approx(offset, abs=0.04)
    assert starts[-1] == pytest.approx(offset + (len(LONG.split()) - 1) * 0.32, abs=0.04)


@pytest.mark.parametrize("offset", [index * 0.05 for index in range(5)])
def test_no_word_is_torn_where_there_is_no_gap_to_cut_at(offset: float):
    tones = [spoken(word)[: round(WORD_SECONDS * SAMPLE_RATE)] for word in LONG.split()]
    news = finals(heard(np.concatenate([silence(offset), *tones, silence(1)])))
    assert len(news) > 1
    assert " ".join(one.text for one in news).lower().split() == LONG.split()


def test_a_model_without_word_times_gets_each_stretch_of_audio_once():
    info = SpeechInfo(words=False)
    listened = Listened()
    session = UtteranceSession(listened, info, LiveOptions(partials=False))
    audio = spoken(LONG)
    assert len(finals([*session.feed(audio), *session.end()])) > 1
    assert sum(listened.seconds) == pytest.approx(len(audio) / SAMPLE_RATE, abs=0.1)


def test_the_work_for_a_guess_does_not_grow_beyond_the_window():
    listened = Listened()
    session = UtteranceSession(listened, SPEECH, LiveOptions())
    audio = spoken(LONG * 2)
    for at in range(0, len(audio), 8000):
        list(session.feed(audio[at : at + 8000]))
    assert max(listened.seconds) <= SPEECH.window
    assert len(listened.seconds) > 50


def test_partials_come_no_more_often_than_asked():
    news = heard(spoken(LONG), LiveOptions(partial_interval=2.0))
    partials = [one for one in news if isinstance(one, Segment) and not one.final]
    seconds = len(LONG.split()) * 0.32
    assert seconds / 4 < len(partials) <= seconds / 2 + 1


def test_a_start_is_told_before_anything_of_an_utterance():
    news = heard(spoken("_1 hello _1 world _1"), LiveOptions())
    seen: set[int] = set()
    for one in news:
        if isinstance(one, SpeechStarted):
            assert one.utterance not in seen
            seen.add(one.utterance)
        else:
            assert one.utterance in seen
    assert seen == {0, 1}


def test_utterances_do_not_overlap_where_silences_are_short():
    options = LiveOptions(partials=False, endpointing=Endpointing(silence=0.1, padding=0.5))
    news = finals(heard(spoken("hello _0.15 world _0.15 works _1"), options))
    assert [one.text for one in news] == ["Hello", "World", "Works"]
    assert all(before.end <= after.start for before, after in pairwise(news))


# ---------------------------------------------------------------------- samples


@given(st.lists(st.integers(0, 50), max_size=10))
def test_samples_are_the_same_wherever_they_are_cut(sizes: list[int]):
    data = bytes(range(256)) * 2
    reader = PcmReader(SAMPLE_RATE)
    parts, at = [], 0
    for size in sizes:
        parts.append(reader.read(data[at : at + size]))
        at += size
    parts.append(reader.read(data[at:]))
    assert np.array_equal(np.concatenate(parts), PcmReader(SAMPLE_RATE).read(data))


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_resampled_audio_has_its_length_and_its_tones(rate: int):
    reader = PcmReader(rate)
    data = pcm(spoken("hello world _0.5", rate))
    blocks = [reader.read(data[at : at + 999]) for at in range(0, len(data), 999)]
    samples = np.concatenate([*blocks, reader.end()])
    assert len(samples) == pytest.approx(1.14 * SAMPLE_RATE, abs=64)
    assert [one.text for one in finals(heard(samples))] == ["Hello world"]
