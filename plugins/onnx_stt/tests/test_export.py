"""The files are those of a public export: another program reads them, and they compute what the weights say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx_asr
import onnx_asr.preprocessors
import onnxruntime
import pytest
from onnx_asr.preprocessors.numpy_preprocessor import NemoPreprocessorNumpy

from heylook_core.speech.logmel import LogMel, filters
from heylook_core.speech.tdt.network import TdtNetwork
from heylook_onnx_stt.network import OnnxNetwork
from heylook_onnx_stt.sessions import Graph
from tools.speech_model.reference import ReferenceNetwork
from tools.speech_model.suite import talk
from tools.speech_model.tunes import spoken, written
from tools.speech_model.weights import BLANK, FILTERS, PIECES

pytestmark = pytest.mark.unit

PACKAGED = Path(onnx_asr.preprocessors.__file__).parent / "data"
NOISE = np.random.default_rng(0).normal(0, 0.1, 16_000 * 3 + 77).astype(np.float32)


def network(model: Path, suffix: str = "") -> OnnxNetwork:
    encoder, decoder = (
        Graph(model / f"{name}{suffix}.onnx", 1, ["CPUExecutionProvider"])
        for name in ("encoder-model", "decoder_joint-model")
    )
    return OnnxNetwork(encoder, decoder, FILTERS, len(PIECES))


# ---------------------------------------------------------------------- the spectrogram


@pytest.mark.parametrize("count", [80, 128])
@pytest.mark.parametrize("samples", [NOISE, NOISE[:4_800]])
def test_spectrograms_are_those_of_nemo(count: int, samples: np.ndarray[Any, Any]):
    """onnx-asr's packaged graph was exported from NeMo's definition."""
    session = onnxruntime.InferenceSession(PACKAGED / f"nemo{count}.onnx")
    feed = {"waveforms": samples[None], "waveforms_lens": np.array([len(samples)], np.int64)}
    expected, lengths = session.run(None, feed)
    found, length = LogMel(count)(samples)
    assert length == lengths[0]
    np.testing.assert_allclose(found, expected[0], atol=1e-3)


@pytest.mark.parametrize("samples", [NOISE, spoken("hello world _1 works")])
def test_spectrograms_are_exact_also_where_it_is_silent(samples: np.ndarray[Any, Any]):
    """The packaged graph is single precision and off by up to 0.08 where a filter hears next to nothing."""
    expected, lengths = NemoPreprocessorNumpy("nemo128")(samples[None], np.array([len(samples)], np.int64))
    found, length = LogMel(128)(samples)
    assert length == lengths[0]
    np.testing.assert_allclose(found, expected[0], atol=1e-2)


def test_filters_are_slaneys():
    with np.load(PACKAGED / "fbanks.npz") as banks:
        np.testing.assert_allclose(filters(128).T, banks["nemo128"], atol=1e-7)
        np.testing.assert_allclose(filters(80).T, banks["nemo80"], atol=1e-7)


@pytest.mark.parametrize("length", [0, 1, 159, 160, 161, 319, 320])
def test_very_short_audio_has_a_spectrogram(length: int):
    found, frames = LogMel(FILTERS)(NOISE[:length])
    assert found.shape == (FILTERS, length // 160 + 1)
    assert frames == length // 160
    assert np.isfinite(found).all()


# ---------------------------------------------------------------------- the graphs


def test_the_graphs_compute_what_the_weights_say(model: Path):
    exported, reference = network(model), ReferenceNetwork()
    samples = spoken(talk(14.0))
    frames = exported.encode(samples)
    np.testing.assert_allclose(frames, reference.encode(samples), atol=1e-4)
    tokens = [BLANK, *(token for token in range(len(PIECES)) for _ in range(2)), BLANK, 3]
    one, other = None, None
    for at, token in enumerate(tokens):
        mine, theirs = exported.predict(token, one), reference.predict(token, other)
        frame = frames[(at * 7) % len(frames)]
        mine_step, step = exported.join(frame, mine.output), reference.join(frame, theirs.output)
        assert mine_step[:1] + mine_step[2:3] == step[:1] + step[2:3]
        assert mine_step.probability == pytest.approx(step.probability, abs=1e-4)
        assert mine_step.top[0][1] == pytest.approx(step.top[0][1], abs=1e-3)
        one, other = mine.state, theirs.state


def test_a_token_that_was_joined_to_no_frame_still_changes_the_state(model: Path):
    exported = network(model)
    frame = np.zeros(24, np.float32)
    start = exported.predict(BLANK, None)
    opened = exported.predict(PIECES.index("\u2581open"), start.state)
    later = exported.predict(PIECES.index("\u2581the"), opened.state)
    frame[PIECES.index("\u2581source")] = 1
    assert PIECES[exported.join(frame, later.output).token] == "\u2581Source"


@pytest.mark.parametrize("quantization", [None, "int8"])
def test_another_program_reads_the_files_and_writes_the_same(model: Path, quantization: str | None):
    other = onnx_asr.load_model("nemo-conformer-tdt", str(model), quantization=quantization)
    for text in ("The quick brown fox. Hello world works.", "open source local server yes. works works source _2"):
        assert other.recognize(spoken(text), sample_rate=16_000) == written(text)


def test_both_networks_are_transducers(model: Path):
    for made in (network(model), network(model, ".int8"), ReferenceNetwork()):
        assert isinstance(made, TdtNetwork)
        assert made.blank == len(PIECES)
