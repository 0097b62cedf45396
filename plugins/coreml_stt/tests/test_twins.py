"""The same weights through CoreML's packages and through onnxruntime: the same text at the same times."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from heylook_core.provider import ModelSpec, Provider
from heylook_core.spoken import SAMPLE_RATE, Segment, TranscribeOptions
from heylook_coreml_stt.provider import CoreMLProvider
from tools.speech_model.tunes import spoken

pytest.importorskip("onnxruntime")
pytest.importorskip("heylook_onnx_stt")

Audio = np.ndarray


@pytest.fixture(scope="module")
def twins(
    load: Callable[..., CoreMLProvider], published: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Provider, Provider]:
    from heylook_onnx_stt.config import OnnxConfig
    from heylook_onnx_stt.provider import OnnxProvider
    from tools.speech_model.onnx_files import write

    folder = write(tmp_path_factory.mktemp("onnx") / "tunes")
    other = OnnxProvider(ModelSpec(id="m", provider="onnx_stt"), OnnxConfig(model_path=str(folder), precision="float"))
    other.load()
    return load(published), other


def heard(provider: Provider, audio: Audio, language: str | None = None) -> list[Segment]:
    blocks = iter(np.array_split(audio, max(len(audio) // 40_000, 1)))
    found = provider.transcribe(blocks, TranscribeOptions(language=language))
    return [each for each in found if isinstance(each, Segment)]


def noisy(text: str, loudness: float) -> Audio:
    audio = spoken(text)
    return (audio + np.random.default_rng(5).normal(0, loudness, len(audio))).astype(np.float32)


@pytest.mark.parametrize(
    "audio",
    [
        pytest.param(spoken("hello"), id="a word"),
        pytest.param(spoken("_1 the quick brown fox. open source local server works. _2 yes"), id="sentences"),
        pytest.param(noisy("open source works. hello world _0.7 lazy dog. " * 8, 0.02), id="noise over three windows"),
        pytest.param(spoken("fox over the hello dog world " * 8)[123:], id="words that are cut"),
        pytest.param(np.random.default_rng(6).normal(0, 0.1, 2 * SAMPLE_RATE).astype(np.float32), id="noise alone"),
    ],
)
def test_twins_hear_the_same(twins: tuple[Provider, Provider], audio: Audio) -> None:
    mine, theirs = (heard(twin, audio) for twin in twins)
    assert [each.text for each in mine] == [each.text for each in theirs]
    words = [[word for each in segments for word in each.words] for segments in (mine, theirs)]
    assert [(word.text, word.start, word.end) for word in words[0]] == [
        (word.text, word.start, word.end) for word in words[1]
    ]
    assert [word.confidence for word in words[0]] == pytest.approx([word.confidence for word in words[1]], abs=0.02)


@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_language_makes_them_choose_alike(twins: tuple[Provider, Provider], language: str) -> None:
    mine, theirs = (heard(twin, spoken("hello yes yes"), language) for twin in twins)
    assert [each.text for each in mine] == [each.text for each in theirs]
