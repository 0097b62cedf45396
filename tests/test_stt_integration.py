"""Speech to text through the real server: the official client, every format and error. Runs with pytest or alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import numpy as np
import openai
import pytest

from heylook_core.settings import AudioSettings, ModelEntry
from heylook_core.testkit.server import LiveServer, live_server, toy_settings
from heylook_core.testkit.sound_files import KINDS, Kind, sound_file
from heylook_core.testkit.tone_speech import LEXICON, silence, spoken

pytestmark = pytest.mark.integration

TEXT = "The quick brown fox. Hello world works."
URL = "/v1/audio/transcriptions"
MODEL = "scripted"


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    settings = toy_settings()
    models = (
        *settings.models,
        ModelEntry(id=MODEL, provider="scripted", placement="thread", description="hears tones"),
        ModelEntry(id="slow", provider="scripted", placement="process", config={"delay": 0.05}),
        ModelEntry(id="broken", provider="scripted", config={"no_such_setting": 1}),
    )
    audio = AudioSettings(max_upload_bytes=8 << 20, max_seconds=60)
    with live_server(msgspec.structs.replace(settings, models=models, audio=audio)) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: LiveServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="any", max_retries=0) as made:
        yield made


@pytest.fixture(scope="module")
def http(server: LiveServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=60) as made:
        yield made


@pytest.fixture(scope="module")
def recording() -> bytes:
    return wav(spoken(f"_0.2 {TEXT} _0.5"))


def wav(samples: np.ndarray[Any, Any], rate: int = 16_000) -> bytes:
    return sound_file(samples, rate, "wav")


def post(http: httpx.Client, data: bytes, url: str = URL, **fields: Any) -> httpx.Response:
    return http.post(url, data={"model": MODEL, **fields}, files={"file": ("a.wav", data)})


def refused(answer: httpx.Response, status: int, param: str | None = "file") -> str:
    """The message of an error in OpenAI's form."""
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["param"] == param
    return str(error["message"])


# ---------------------------------------------------------------------- formats of answers


def test_json_has_the_text_and_the_seconds(client: openai.OpenAI, recording: bytes):
    answer = client.audio.transcriptions.create(model=MODEL, file=("a.wav", recording))
    assert answer.text == TEXT
    assert answer.usage is not None
    assert answer.usage.type == "duration"
    assert answer.usage.seconds == pytest.approx(3.58, abs=0.01)


def test_text_is_the_bare_text(client: openai.OpenAI, recording: bytes):
    answer = client.audio.transcriptions.create(model=MODEL, file=("a.wav", recording), response_format="text")
    assert answer == f"{TEXT}\n"


def test_verbose_json_has_true_segments_and_words(client: openai.OpenAI, recording: bytes):
    answer = client.audio.transcriptions.create(
        model=MODEL,
        file=("a.wav", recording),
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert (answer.text, answer.language, answer.duration) == (TEXT, "english", pytest.approx(3.58, abs=0.01))
    assert answer.segments is not None
    assert [segment.text for segment in answer.segments] == ["The quick brown fox.", " Hello world works."]
    first, second = answer.segments
    assert (first.id, second.id, first.seek, first.temperature, first.no_speech_prob) == (0, 1, 0, 0.0, 0.0)
    assert (first.start, first.end) == (pytest.approx(0.2, abs=0.04), pytest.approx(1.72, abs=0.04))
    assert (second.start, second.end) == (pytest.approx(1.8, abs=0.04), pytest.approx(3.0, abs=0.12))
    assert first.tokens == [LEXICON.index(word) for word in ("the", "quick", "brown", "fox", ".")]
    assert -0.1 < first.avg_logprob < 0
    assert 0 < first.compression_ratio < 2
    assert answer.words is not None
    assert [word.word for word in answer.words] == TEXT.split()
    for index, word in enumerate(answer.words[:3]):
        assert word.start == pytest.approx(0.2 + 0.32 * index, abs=0.04)
        assert word.end == pytest.approx(0.44 + 0.32 * index, abs=0.04)


@pytest.mark.parametrize(
    ("granularities", "segments", "words"),
    [(None, True, False), (["segment"], True, False), (["word"], False, True)],
)
def test_granularities_choose_what_is_told(
    http: httpx.Client, recording: bytes, granularities: list[str] | None, segments: bool, words: bool
):
    fields = {"timestamp_granularities[]": granularities} if granularities else {}
    answer = post(http, recording, response_format="verbose_json", **fields).json()
    assert ("segments" in answer, "words" in answer) == (segments, words)


def test_srt_and_vtt_have_cues_that_fit_a_screen(http: httpx.Client):
    words = " ".join(["hello"] * 25)
    data = wav(spoken(f"{words}. _1 world works. _0.5"))
    srt = post(http, data, response_format="srt")
    assert srt.headers["content-type"] == "text/plain; charset=utf-8"
    blocks = [block.split("\n") for block in srt.text.strip().split("\n\n")]
    assert [block[0] for block in blocks] == ["1", "2", "3"]
    assert blocks[0][1].startswith("00:00:00,0")
    assert blocks[2][2] == "World works."
    assert " ".join(block[2] for block in blocks) == f"{words.capitalize()}. World works."
    assert all(len(block[2]) <= 84 for block in blocks)
    vtt = post(http, data, response_format="vtt")
    assert vtt.headers["content-type"] == "text/vtt; charset=utf-8"
    assert vtt.text.startswith("WEBVTT\n\n00:00:00.0")
    assert vtt.text.count(" --> ") == 3


def test_log_probabilities_are_told_where_they_are_asked_for(client: openai.OpenAI, recording: bytes):
    answer = client.audio.transcriptions.create(model=MODEL, file=("a.wav", recording), include=["logprobs"])
    assert answer.logprobs is not None
    assert "".join(one.token or "" for one in answer.logprobs).strip() == TEXT
    assert all(one.logprob is not None and -0.1 < one.logprob < 0 for one in answer.logprobs)
    assert bytes(int(byte) for one in answer.logprobs for byte in one.bytes or []).decode().strip() == TEXT
    plain = client.audio.transcriptions.create(model=MODEL, file=("a.wav", recording))
    assert plain.logprobs is None


def test_a_stream_gives_deltas_that_make_the_text(client: openai.OpenAI):
    data = wav(spoken(f"{TEXT} _8 {TEXT} _0.5"))
    events = list(
        client.audio.transcriptions.create(model=MODEL, file=("a.wav", data), stream=True, include=["logprobs"])
    )
    *deltas, done = events
    assert len(deltas) > 1
    assert done.type == "transcript.text.done"
    assert done.text == f"{TEXT} {TEXT}"
    assert all(event.type == "transcript.text.delta" for event in deltas)
    assert "".join(event.delta for event in deltas if event.type == "transcript.text.delta") == done.text
    assert done.logprobs is not None
    assert len(done.logprobs) == 2 * 9


def test_translations_are_english_where_the_model_can(client: openai.OpenAI, recording: bytes):
    with pytest.warns(DeprecationWarning, match="deprecated"):
        answer = client.audio.translations.create(
            model=MODEL, file=("a.wav", recording), response_format="verbose_json"
        )
    assert (answer.text, answer.language) == (TEXT.upper(), "english")


def test_what_the_model_heeds_reaches_it_and_what_it_does_not_is_named(http: httpx.Client, recording: bytes):
    heeded = post(http, recording, prompt="and so", language="German", response_format="verbose_json")
    assert heeded.json()["text"].startswith("the quick")
    assert heeded.json()["language"] == "german"
    assert "x-heylook-ignored" not in heeded.headers
    fields = {"temperature": "0.5", "chunking_strategy": "auto", "keywords[]": "a", "nonsense": "1"}
    idle = post(http, recording, **fields)
    assert idle.status_code == 200
    assert idle.headers["x-heylook-ignored"] == "temperature, chunking_strategy, keywords, nonsense"


# ---------------------------------------------------------------------- sound files


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_gives_the_exact_text_and_times(http: httpx.Client, kind: Kind, channels: int):
    data = sound_file(spoken(f"_0.4 {TEXT} _0.5", 48_000), 48_000, kind, channels)
    fields = {"timestamp_granularities[]": ["word"]}
    answer = http.post(
        URL, data={"model": MODEL, "response_format": "verbose_json", **fields}, files={"file": ("no-suffix", data)}
    ).json()
    assert answer["text"] == TEXT
    assert answer["words"][0]["start"] == pytest.approx(0.4, abs=0.08)
    assert answer["duration"] == pytest.approx(3.78, abs=0.08)


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 96_000])
def test_every_sample_rate_gives_the_exact_text(http: httpx.Client, rate: int):
    assert post(http, wav(spoken(f"{TEXT} _0.5", rate), rate)).json()["text"] == TEXT


@pytest.mark.parametrize("seconds", [0.05, 0.3, 14.9, 15.0, 15.1])
def test_silence_is_an_empty_text(http: httpx.Client, seconds: float):
    answer = post(http, wav(silence(seconds)), response_format="verbose_json")
    assert answer.status_code == 200
    assert (answer.json()["text"], answer.json()["segments"]) == ("", [])
    assert post(http, wav(silence(seconds)), response_format="srt").text == ""


def test_long_audio_is_transcribed_whole(http: httpx.Client):
    answer = post(http, wav(spoken(" ".join([TEXT] * 15) + " _0.5")), response_format="verbose_json").json()
    assert answer["text"] == " ".join([TEXT] * 15)
    assert len(answer["segments"]) == 30
    assert answer["segments"][-1]["end"] == pytest.approx(15 * 9 * 0.32, abs=0.12)


def test_twenty_minutes_are_transcribed_exactly():
    models = (*toy_settings().models, ModelEntry(id=MODEL, provider="scripted", placement="process"))
    text = " ".join([TEXT] * 415)
    data = sound_file(spoken(f"{text} _0.5"), 16_000, "flac")
    with live_server(msgspec.structs.replace(toy_settings(), models=models)) as server:
        answer = httpx.post(
            server.url + URL,
            data={"model": MODEL, "response_format": "verbose_json", "timestamp_granularities[]": "word"},
            files={"file": ("a", data)},
            timeout=100,
        ).json()
    assert answer["duration"] > 1190
    assert answer["text"] == text
    starts = [word["start"] for word in answer["words"]]
    # "fox." takes two tones, and so does "works."
    tones = [index for index, word in enumerate(text.replace(".", " .").split()) if word != "."]
    assert max(abs(start - 0.32 * tone) for start, tone in zip(starts, tones, strict=True)) < 0.04


# ---------------------------------------------------------------------- errors


def test_a_model_is_not_needed_where_one_transcribes(http: httpx.Client, recording: bytes):
    answer = http.post(URL, files={"file": ("a.wav", recording)})
    assert answer.json()["text"] == TEXT


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"response_format": "yaml"}, "response_format"),
        ({"response_format": "diarized_json"}, "response_format"),
        ({"temperature": "7"}, "temperature"),
        ({"temperature": "warm"}, "temperature"),
        ({"stream": "perhaps"}, "stream"),
        ({"language": "tlhIngan Hol"}, "language"),
        ({"language": "fi"}, "language"),
        ({"timestamp_granularities[]": "word"}, "timestamp_granularities"),
        ({"timestamp_granularities[]": "page", "response_format": "verbose_json"}, "timestamp_granularities[0]"),
        ({"include[]": "logprobs", "response_format": "text"}, "include"),
        ({"include[]": "secrets"}, "include[0]"),
        ({"stream": "true", "response_format": "srt"}, "stream"),
        ({"stream": "true", "response_format": "verbose_json"}, "stream"),
        ({"keep_alive": "soon"}, "keep_alive"),
        ({"model": "toy"}, "model"),
    ],
)
def test_a_field_that_cannot_be_served_is_named(http: httpx.Client, recording: bytes, fields: Any, param: str):
    assert refused(post(http, recording, **fields), 400, param)


def test_an_unknown_model_is_404_and_one_that_cannot_be_loaded_503(http: httpx.Client, recording: bytes):
    assert "nope" in refused(post(http, recording, model="nope"), 404, "model")
    assert post(http, recording, model="broken").status_code == 503


def test_translating_is_refused_with_a_reason_where_the_model_cannot(http: httpx.Client, recording: bytes):
    message = refused(post(http, recording, "/v1/audio/translations", model="toy"), 400, "model")
    assert "does not transcribe speech" in message


def test_a_missing_an_empty_and_a_second_file_are_refused(http: httpx.Client, recording: bytes):
    missing = http.post(URL, files={"model": (None, MODEL)})
    assert refused(missing, 400)
    assert missing.json()["error"]["code"] == "missing_required_parameter"
    assert refused(http.post(URL, files={"model": (None, MODEL), "file": (None, recording)}), 400)
    assert refused(post(http, b""), 400) == "The file is empty."
    two = [("file", ("a.wav", recording)), ("file", ("b.wav", recording))]
    assert refused(http.post(URL, data={"model": MODEL}, files=two), 400)


def test_json_instead_of_a_form_is_415(http: httpx.Client):
    answer = http.post(URL, json={"model": MODEL})
    assert answer.status_code == 415
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_a_file_over_the_limit_is_413(client: openai.OpenAI, http: httpx.Client):
    with pytest.raises(openai.APIStatusError) as error:
        client.audio.transcriptions.create(model=MODEL, file=("a.wav", bytes(9 << 20)))
    assert error.value.status_code == 413
    assert "audio.max_upload_bytes" in error.value.message


@pytest.mark.parametrize("kind", ["flac", "wav"])
def test_audio_that_is_too_long_is_refused(http: httpx.Client, kind: Kind):
    data = sound_file(silence(62.0, 16_000), 16_000, kind)
    for stream in ("false", "true"):
        answer = post(http, data, stream=stream)
        if kind == "flac" or stream == "false":
            assert "longer than the 60 s" in refused(answer, 400)
        else:
            assert b'"error"' in answer.content.splitlines()[-2]


def test_a_model_that_breaks_is_500_and_the_next_request_works(http: httpx.Client, recording: bytes):
    data = wav(spoken("hello fail world _0.5"))
    assert post(http, data).status_code == 500
    stream = post(http, data, stream="true")
    assert stream.status_code == 500 or b'"error"' in stream.content
    assert post(http, recording).json()["text"] == TEXT


# ---------------------------------------------------------------------- models and records


def test_models_are_those_that_transcribe(http: httpx.Client, recording: bytes):
    post(http, recording)
    models = {model["id"]: model for model in http.get("/v1/stt/models").json()["models"]}
    assert set(models) == {MODEL, "slow"}
    assert models[MODEL] == {
        "id": MODEL,
        "name": "hears tones",
        "provider": "scripted",
        "loaded": True,
        "capabilities": {"transcribe": True, "translate": True, "streaming": True, "word_timestamps": True},
        "languages": ["en", "de"],
        "max_seconds": 3600.0,
    }


def test_a_transcription_is_recorded_with_its_seconds(recording: bytes):
    models = (*toy_settings().models, ModelEntry(id=MODEL, provider="scripted"))
    with (
        live_server(msgspec.structs.replace(toy_settings(), models=models)) as server,
        httpx.Client(base_url=server.url, timeout=60) as http,
    ):
        post(http, recording)
        [record] = server.finishes.get()
        assert (record.kind, record.outcome, record.completion_tokens) == ("transcription", "ok", 9)
        assert record.audio_seconds == pytest.approx(3.58, abs=0.01)
        assert math.isfinite(record.first_token_seconds)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__, "-q"]))
