"""Segments as sentences and cues, stamps, languages."""

from __future__ import annotations

import pytest

from heylook_api_openai.languages import code_of, name_of
from heylook_api_openai.transcript_formats import srt, vtt
from heylook_core.errors import InvalidRequest
from heylook_core.speech.sentences import CUE_CHARACTERS, CUE_SECONDS, cues, sentences
from heylook_core.spoken import Segment, SpokenToken, Word

pytestmark = pytest.mark.unit


def segment(text: str, start: float = 0.0, pace: float = 0.5, *, space: str = "") -> Segment:
    """A word each `pace` seconds, and a token for each word."""
    words = [Word(word, start + index * pace, start + (index + 0.8) * pace) for index, word in enumerate(text.split())]
    tokens = [SpokenToken(index, f" {word.text}", word.start, word.end, 0.9) for index, word in enumerate(words)]
    return Segment(space + text, words[0].start, words[-1].end, tuple(words), tuple(tokens), 0.9, "en")


def test_sentences_end_at_full_stops_and_pauses_across_segments():
    found = sentences(
        [segment("One two. Three"), segment("four five.", 1.5, space=" "), segment("six", 9.0, space=" ")]
    )
    assert [one.text for one in found] == ["One two.", " Three four five.", " six"]
    assert [(one.start, one.end) for one in found] == [(0.0, 0.9), (1.0, 2.4), (9.0, 9.4)]
    assert [len(one.tokens) for one in found] == [2, 3, 1]
    assert {one.language for one in found} == {"en"}


def test_cues_fit_a_screen_and_lose_nothing():
    text = " ".join(f"word{index}" for index in range(100)) + "."
    found = cues([segment(text)])
    assert " ".join(one.text.strip() for one in found) == text
    assert all(len(one.text.strip()) <= CUE_CHARACTERS for one in found)
    assert all(one.end - one.start <= CUE_SECONDS for one in found)


def test_segments_without_words_are_left_as_they_are():
    plain = [Segment("No words. Here.", 0.0, 3.0), Segment(" More.", 3.0, 4.0), Segment(" ", 4.0, 5.0)]
    assert sentences(plain) == plain[:2]
    assert cues(plain) == plain[:2]
    assert sentences([]) == []


def test_stamps_are_rounded_into_the_next_minute():
    late = Segment("x", 59.9996, 3661.5)
    assert srt([late]) == "1\n00:01:00,000 --> 01:01:01,500\nx\n\n"


def test_vtt_escapes_what_it_would_take_for_tags():
    assert vtt([Segment("a <b> & --> c", 0.0, 1.0)]).endswith("a &lt;b&gt; &amp; --&gt; c\n\n")


@pytest.mark.parametrize(
    ("asked", "code"),
    [("en", "en"), ("EN", "en"), ("en-US", "en"), ("pt_BR", "pt"), ("German", "de"), (" ", None), (None, None)],
)
def test_languages_are_understood_by_code_and_name(asked: str | None, code: str | None):
    assert code_of(asked) == code


@pytest.mark.parametrize("asked", ["klingon of old", "e", "12", "d\u00e9"])
def test_what_is_no_language_is_refused(asked: str):
    with pytest.raises(InvalidRequest):
        code_of(asked)


def test_names_of_languages():
    assert (name_of("de"), name_of("xx"), name_of(None)) == ("german", "xx", "")
