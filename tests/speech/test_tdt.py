"""The shared decoder of token-and-duration transducers: the rules of the loop, windows, seams, words."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heylook_core.speech.tdt.greedy import MOST_SYMBOLS, Emission, greedy
from heylook_core.speech.tdt.network import FRAME, Prediction, Step, TdtNetwork
from heylook_core.speech.tdt.pieces import SPACE, Pieces
from heylook_core.speech.tdt.recogniser import TdtRecogniser
from heylook_core.speech.tdt.seams import joined
from heylook_core.speech.tdt.windows import OVERLAP, Window, windows
from heylook_core.spoken import SAMPLE_RATE, Heard, Segment, TranscribeOptions
from heylook_core.testkit.tone_speech import WORDS, silence, spoken

HERE = Path(__file__).parent
WINDOW = 15 * SAMPLE_RATE


def tone_network() -> Any:
    """The module beside this one; tests are not a package."""
    import importlib.util

    found = importlib.util.spec_from_file_location("tone_network", HERE / "tone_network.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


TONES = tone_network()


def recogniser() -> tuple[TdtRecogniser, Any]:
    network = TONES.ToneNetwork()
    return TdtRecogniser(network, Pieces(TONES.PIECES)), network


def cut(audio: np.ndarray[Any, Any], block: int) -> Iterator[np.ndarray[Any, Any]]:
    for at in range(0, len(audio), block):
        yield audio[at : at + block]


def transcribed(audio: np.ndarray[Any, Any], block: int = 64_000) -> list[Segment]:
    found, _ = recogniser()
    told = found.transcribe(cut(audio, block), TranscribeOptions())
    return [news for news in told if isinstance(news, Segment)]


def text_of(segments: list[Segment]) -> str:
    return "".join(segment.text for segment in segments).strip()


# ---------------------------------------------------------------------- the loop


class Played(TdtNetwork):
    """Says at each frame what it is told, in turn, and remembers what the predictor was given."""

    blank = 9
    window = WINDOW

    def __init__(self, steps: dict[int, list[tuple[int, int]]]) -> None:
        self._steps = {frame: iter(row) for frame, row in steps.items()}
        self.given: list[int] = []
        self.joined: list[int] = []

    def encode(self, samples: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return np.arange(-(-len(samples) // FRAME), dtype=np.float64).reshape(-1, 1)

    def predict(self, token: int, state: Any) -> Prediction:
        self.given.append(token)
        return Prediction(token, token)

    def join(self, frame: np.ndarray[Any, Any], output: Any) -> Step:
        at = int(frame[0])
        self.joined.append(at)
        token, duration = next(self._steps.get(at, iter(())), (self.blank, 1))
        return Step(token, 0.5, duration)


def played(frames: int, steps: dict[int, list[tuple[int, int]]]) -> tuple[list[tuple[int, int]], Played]:
    network = Played(steps)
    found = greedy(network, network.encode(silence(frames * FRAME / SAMPLE_RATE)))
    return [(emission.token, emission.frame) for emission in found], network


def test_tokens_and_blanks_advance_by_their_duration():
    found, network = played(10, {0: [(9, 2)], 2: [(1, 3)], 5: [(2, 4)]})
    assert found == [(1, 2), (2, 5)]
    assert network.joined == [0, 2, 5, 9]


def test_the_predictor_gets_the_start_and_tokens_and_never_a_blank():
    _, network = played(6, {0: [(9, 1)], 1: [(4, 1)], 2: [(9, 1)], 3: [(5, 1)]})
    assert network.given == [9, 4, 5]


def test_a_blank_without_duration_goes_on_by_one_frame():
    found, network = played(4, {0: [(9, 0)], 1: [(9, 0)]})
    assert found == []
    assert network.joined == [0, 1, 2, 3]


def test_tokens_without_duration_stay_at_their_frame_but_not_for_ever():
    found, _ = played(3, {0: [(1, 0)] * 100, 1: [(2, 0), (3, 1)]})
    assert found == [(1, 0)] * MOST_SYMBOLS + [(2, 1), (3, 1)]


def test_a_duration_beyond_the_window_ends_it():
    found, network = played(5, {0: [(9, 1)], 1: [(1, 1)], 2: [(2, 4)]})
    assert found == [(1, 1), (2, 2)]
    assert network.joined == [0, 1, 2]


def test_nothing_is_found_in_no_frames():
    assert played(0, {})[0] == []


# ---------------------------------------------------------------------- pieces


def test_pieces_make_words_with_their_punctuation_and_times():
    pieces = Pieces([f"{SPACE}hel", "lo", ",", f"{SPACE}wor", "ld", "."])
    emissions = [
        Emission(token, frame, 1, 0.5 + token / 10) for token, frame in zip(range(6), (0, 1, 3, 5, 6, 9), strict=True)
    ]
    segment = pieces.segment(emissions, 12)
    assert segment.text == " hello, world."
    assert [(word.text, round(word.start, 2), round(word.end, 2)) for word in segment.words] == [
        ("hello,", 0.0, 0.32),
        ("world.", 0.4, 0.8),
    ]
    assert segment.words[0].confidence == pytest.approx(0.6)
    assert "".join(token.text for token in segment.tokens) == segment.text


def test_a_network_that_tells_late_has_its_times_taken_back():
    segment = Pieces([f"{SPACE}a"], delay=1).segment([Emission(0, 0, 1, 1.0), Emission(0, 5, 1, 1.0)], 9)
    assert [round(token.start, 2) for token in segment.tokens] == [0.0, 0.32]


def test_a_language_prefers_the_script_that_it_is_written_in():
    pieces = Pieces([f"{SPACE}да", f"{SPACE}da", ".", "\u03b1"])
    russian, english = pieces.of_script("ru"), pieces.of_script("en")
    assert russian is not None
    assert english is not None
    step = Step(1, 0.6, 1, ((1, 3.0), (0, 2.0), (2, 1.0)))
    assert (russian(step), english(step)) == (0, 1)
    assert russian(Step(2, 0.6, 1, ())) == 2
    assert russian(Step(4, 0.6, 1, ())) == 4
    assert english(Step(0, 0.6, 1, ())) == 0
    assert pieces.of_script(None) is None


# ---------------------------------------------------------------------- windows


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 70 * SAMPLE_RATE), st.integers(100, 40 * SAMPLE_RATE))
def test_windows_cover_everything_and_overlap_enough(length: int, block: int):
    audio = np.arange(length, dtype=np.float32)
    found = list(windows(cut(audio, block), WINDOW))
    assert [window.last for window in found] == [False] * (len(found) - 1) + [True] * bool(found)
    for window in found:
        first = window.start * FRAME
        assert np.array_equal(window.samples, audio[first : first + len(window.samples)])
        assert 0 < len(window.samples) <= WINDOW
    for before, after in pairwise(found):
        assert before.settled <= after.start <= before.end - OVERLAP + 1
    if found:
        assert found[0].start == 0
        assert found[-1].start * FRAME + len(found[-1].samples) == length
        assert len(found) == 1 or len(found[-1].samples) > 14 * SAMPLE_RATE


def test_how_audio_comes_makes_no_difference():
    audio = np.arange(50 * SAMPLE_RATE, dtype=np.float32)

    def shape(found: Iterator[Window]) -> list[tuple[int, int, int, bool]]:
        return [(window.start, len(window.samples), window.settled, window.last) for window in found]

    whole = shape(windows([audio], WINDOW))
    assert shape(windows(cut(audio, 777), WINDOW)) == whole


# ---------------------------------------------------------------------- seams

LETTERS = Pieces([f"{SPACE}{letter}" for letter in "abcdef"] + [f"{SPACE}{letter}" for letter in "ABCDEF"] + ["x", "y"])


def said(*tokens: tuple[int, int]) -> list[Emission]:
    return [Emission(token, frame, 1, 1.0) for token, frame in tokens]


def ids(emissions: list[Emission]) -> list[int]:
    return [emission.token for emission in emissions]


def test_what_both_windows_heard_is_told_once():
    before = said((0, 100), (1, 110), (2, 120), (3, 130))
    after = said((1, 111), (2, 119), (3, 131), (4, 140))
    assert ids(joined(before, after, 105, 135, LETTERS)) == [0, 1, 2, 3, 4]


def test_capitals_at_the_beginning_of_a_window_are_those_of_the_window_before():
    assert ids(joined(said((0, 100), (1, 110)), said((7, 110), (2, 120)), 105, 130, LETTERS)) == [0, 1, 2]


def test_repeated_words_are_matched_by_their_time():
    before = said((0, 100), (0, 108), (0, 116))
    after = said((0, 108), (0, 116), (0, 124), (0, 132))
    assert ids(joined(before, after, 104, 130, LETTERS)) == [0] * 5


@pytest.mark.parametrize("late", [-1, 0, 1])
def test_words_that_are_repeated_quickly_are_not_shifted_by_one(late: int):
    """They are closer to each other than the same word may be told earlier or later."""
    before = said(*((0, 104 + 4 * index) for index in range(7)))
    after = said(*((0, 108 + 4 * index + late) for index in range(10)))
    assert ids(joined(before, after, 108, 132, LETTERS)) == [0] * 11


def test_one_token_that_both_heard_at_the_same_time_is_a_seam():
    before = said((0, 100), (1, 112), (12, 118), (13, 122))
    assert ids(joined(before, said((2, 112), (12, 119), (3, 124)), 105, 130, LETTERS)) == [0, 1, 12, 3]


def test_what_is_heard_differently_is_cut_between_words():
    before = said((0, 100), (1, 108), (12, 118), (13, 124))
    assert ids(joined(before, said((2, 112), (3, 126)), 105, 131, LETTERS)) == [0, 1, 12, 13, 3]


def test_an_empty_side_takes_nothing_from_the_other():
    some = said((0, 100), (1, 110))
    assert joined(some, [], 105, 120, LETTERS)[:1] == some[:1]
    assert ids(joined([], said((0, 113), (1, 120)), 105, 120, LETTERS)) == [0, 1]


def test_frames_never_go_back():
    found = joined(said((0, 100), (1, 112)), said((1, 108), (2, 109)), 104, 120, LETTERS)
    assert [emission.frame for emission in found] == sorted(emission.frame for emission in found)


# ---------------------------------------------------------------------- whole signals


@pytest.mark.parametrize("seconds", [14.9, 15.0, 15.1, 28.0, 75.0])
def test_every_word_is_told_once_with_its_time(seconds: float):
    chance = random.Random(seconds)
    count = round((seconds - 1) / 0.32)
    said_words = [chance.choice(WORDS) for _ in range(count)]
    audio = np.concatenate([silence(0.3), spoken(" ".join(said_words)), silence(seconds)])[
        : round(seconds * SAMPLE_RATE)
    ]
    found = transcribed(audio)
    assert text_of(found).lower().split() == said_words
    words = [word for segment in found for word in segment.words]
    for index, word in enumerate(words):
        assert word.start == pytest.approx(0.3 + 0.32 * index, abs=0.081)
    assert text_of(found)[0].isupper()
    assert text_of(found)[1:] == text_of(found)[1:].lower()


@pytest.mark.parametrize("offset", [index * 0.02 for index in range(16)])
def test_a_word_on_a_seam_is_told_once(offset: float):
    text = "hello hello hello works works the the " * 8
    found = transcribed(np.concatenate([silence(offset), spoken(text), silence(1)]))
    assert text_of(found).lower().split() == text.split()


def test_capitals_follow_full_stops_over_seams():
    text = "The quick brown fox. " * 30
    assert text_of(transcribed(spoken(text + " _1"))) == text.strip()


def test_silences_longer_than_windows_are_nothing():
    """A window that begins in silence begins as a sentence does."""
    assert text_of(transcribed(spoken("hello _40 world _20"))) == "Hello World"
    assert transcribed(silence(60)) == []
    assert transcribed(silence(0)) == []
    assert text_of(transcribed(spoken("hello"))) == "Hello"


def test_text_is_told_while_the_audio_still_comes_and_never_taken_back():
    found, _ = recogniser()
    text = "the quick brown fox jumps over lazy dog " * 20
    audio = spoken(text)
    consumed = 0

    def blocks() -> Iterator[np.ndarray[Any, Any]]:
        nonlocal consumed
        for block in cut(audio, 16_000):
            consumed += len(block)
            yield block

    at_first = 0
    told: list[Segment] = []
    for news in found.transcribe(blocks(), TranscribeOptions()):
        if isinstance(news, Heard):
            assert news.seconds <= consumed / SAMPLE_RATE + 0.08
            continue
        at_first = at_first or consumed
        told.append(news)
    assert at_first < 32 * SAMPLE_RATE
    assert len(told) > 2
    assert text_of(told).lower().split() == text.split()


def test_twenty_minutes_are_exact():
    chance = random.Random(20)
    said_words = [chance.choice(WORDS) for _ in range(3_700)]
    assert text_of(transcribed(spoken(" ".join(said_words) + " _1"))).lower().split() == said_words


def test_no_window_is_larger_than_the_network_takes():
    found, network = recogniser()
    list(found.transcribe(cut(spoken("hello " * 300), 50_000), TranscribeOptions()))
    assert max(network.lengths) <= network.window
    assert len(network.lengths) < 12
