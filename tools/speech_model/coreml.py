"""The model of `weights` as real `.mlpackage` files, with the names and shapes of the published ones.

    python -m tools.speech_model.coreml FOLDER

Runs where coremltools is installed; nothing here needs macOS. The files are not the same byte for byte each time:
coremltools gives each package identifiers of its own.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import coremltools as ct
import numpy as np
from coremltools.converters.mil import Builder as mb
from coremltools.converters.mil.mil import get_new_symbol, types

from heylook_core.speech.logmel import EPSILON, FFT, GUARD, HOP, PREEMPHASIS, filters, window
from heylook_core.spoken import SAMPLE_RATE
from tools.speech_model.weights import (
    BLANK,
    DURATIONS,
    FILTERS,
    PAD,
    PIECES,
    SUBSAMPLING,
    TOP,
    Array,
    H,
    Lstm,
    Weights,
    weights,
)

SAMPLES = 15 * SAMPLE_RATE
SPECTRA = SAMPLES // HOP + 1
FRAMES = -(-SPECTRA // SUBSAMPLING)
TARGET = ct.target.iOS17

Built = tuple[Any, Sequence[ct.TensorType]]


@dataclass(frozen=True)
class Form:
    """How a set is cut and called. `fused` is the name of the package that has preprocessor and encoder in one.

    `frames_first` makes frames the second axis of what encoder and predictor give, instead of the third. The vocabulary
    is a map from ids to pieces, or a `listed` one; `vocabulary` is its file, empty for none.
    """

    preprocessor: str = "Preprocessor"
    encoder: str = "Encoder"
    fused: str = ""
    decoder: str = "Decoder"
    joint: str = "JointDecisionv3"
    top_k: bool = True
    frames_first: bool = False
    vocabulary: str = "parakeet_vocab.json"
    listed: bool = False


PUBLISHED = Form()
EXPORTED = Form(
    fused="parakeet_mel_encoder",
    decoder="parakeet_decoder",
    joint="parakeet_joint_decision_single_step",
    top_k=False,
    frames_first=True,
    vocabulary="",
)
SMALL = Form(fused="Preprocessor", joint="JointDecision", top_k=False, listed=True)


def export(folder: Path, form: Form = PUBLISHED, own: Weights | None = None) -> Path:
    """Write a set into a folder, which is made."""
    own = own or weights()
    folder.mkdir(parents=True, exist_ok=True)
    if form.fused:
        _save(folder / form.fused, _mel_encoder(own, form))
    else:
        _save(folder / form.preprocessor, _preprocessor())
        _save(folder / form.encoder, _encoder(own, form))
    _save(folder / form.decoder, _decoder(own, form))
    _save(folder / form.joint, _joint(own, form))
    if form.vocabulary:
        told: Any = PIECES if form.listed else {str(token): piece for token, piece in enumerate(PIECES)}
        (folder / form.vocabulary).write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    return folder


def _save(path: Path, built: Built) -> None:
    program, inputs = built
    model = ct.convert(
        program,
        inputs=inputs,
        convert_to="mlprogram",
        minimum_deployment_target=TARGET,
        compute_precision=ct.precision.FLOAT32,
        compute_units=ct.ComputeUnit.CPU_ONLY,
        skip_model_load=True,
    )
    package = path.with_name(f"{path.name}.mlpackage")
    model.save(str(package))
    for file in package.rglob("*.mlmodel"):
        file.chmod(0o644)  # it is written for its owner alone


def _program(shapes: Sequence[tuple[tuple[Any, ...], Any]], build: Callable[..., Any]) -> Any:
    specs = [mb.TensorSpec(shape, dtype=dtype) for shape, dtype in shapes]
    return mb.program(input_specs=specs, opset_version=TARGET)(build)


def _floats(name: str, shape: Sequence[Any]) -> ct.TensorType:
    return ct.TensorType(name=name, shape=shape, dtype=np.float32)


def _ints(name: str, shape: Sequence[int]) -> ct.TensorType:
    return ct.TensorType(name=name, shape=shape, dtype=np.int32)


# ------------------------------------------------------------------ audio


def _preprocessor() -> Built:
    def build(audio_signal: Any, audio_length: Any) -> Any:
        return _spectrogram(audio_signal, audio_length)

    shapes = [((1, get_new_symbol()), types.fp32), ((1,), types.int32)]
    audio = _floats("audio_signal", (1, ct.RangeDim(1, SAMPLES, default=SAMPLES)))
    return _program(shapes, build), [audio, _ints("audio_length", (1,))]


def _spectrogram(audio_signal: Any, audio_length: Any) -> tuple[Any, Any]:
    """What `heylook_core.speech.logmel` does, of as much as `audio_length` says."""
    emphasised = mb.mul(x=_emphasised(audio_signal), y=_mask(audio_signal, 1, audio_length))
    sound = mb.pad(x=mb.expand_dims(x=emphasised, axes=[1]), pad=[0, 0, 0, 0, FFT // 2, FFT // 2], constant_val=ZERO)
    real, imaginary = (mb.conv(x=sound, weight=part, strides=[HOP], pad_type="valid") for part in _fourier())
    power = mb.add(x=mb.square(x=real), y=mb.square(x=imaginary))
    found = mb.log(x=mb.add(x=mb.matmul(x=_single(filters(FILTERS))[None], y=power), y=np.float32(GUARD)))
    length = mb.floor_div(x=audio_length, y=np.int32(HOP), name="mel_length")
    mask = mb.expand_dims(x=_mask(found, 2, length), axes=[0, 1])
    count = mb.cast(x=length, dtype="fp32")
    mean = mb.real_div(x=_total(mb.mul(x=found, y=mask)), y=mb.maximum(x=count, y=ONE))
    centred = mb.mul(x=mb.sub(x=found, y=mean), y=mask)
    variance = mb.real_div(x=_total(mb.square(x=centred)), y=mb.maximum(x=mb.sub(x=count, y=ONE), y=ONE))
    deviation = mb.add(x=mb.sqrt(x=variance), y=np.float32(EPSILON))
    return mb.real_div(x=centred, y=deviation, name="mel"), length


ZERO, ONE = np.float32(0), np.float32(1)


def _emphasised(audio: Any) -> Any:
    before = mb.pad(x=audio, pad=[0, 0, 1, 0], constant_val=ZERO)
    last = mb.slice_by_index(x=before, begin=[0, 0], end=[1, -1], end_mask=[True, False])
    return mb.sub(x=audio, y=mb.mul(x=last, y=np.float32(PREEMPHASIS)))


def _mask(x: Any, axis: int, length: Any) -> Any:
    """1 for each place of an axis before `length`, else 0."""
    size = mb.gather(x=mb.shape(x=x), indices=np.int32(axis), axis=0)
    places = mb.range_1d(start=np.int32(0), end=size, step=np.int32(1))
    return mb.cast(x=mb.less(x=places, y=length), dtype="fp32")


def _total(x: Any) -> Any:
    return mb.reduce_sum(x=x, axes=[2], keep_dims=True)


def _fourier() -> tuple[Array, Array]:
    """Kernels of the real and the imaginary part of a windowed spectrum."""
    phase = 2 * np.pi * np.outer(np.arange(FFT // 2 + 1), np.arange(FFT)) / FFT
    return _single((np.cos(phase) * window())[:, None, :]), _single((-np.sin(phase) * window())[:, None, :])


def _single(array: Array) -> Array:
    return np.ascontiguousarray(array, np.float32)


# ------------------------------------------------------------------ encoder


def _encoder(own: Weights, form: Form) -> Built:
    def build(mel: Any, mel_length: Any) -> Any:
        return _encoded(mel, mel_length, own, form)

    shapes = [((1, FILTERS, SPECTRA), types.fp32), ((1,), types.int32)]
    return _program(shapes, build), [_floats("mel", (1, FILTERS, SPECTRA)), _ints("mel_length", (1,))]


def _mel_encoder(own: Weights, form: Form) -> Built:
    def build(audio_signal: Any, audio_length: Any) -> Any:
        return _encoded(*_spectrogram(audio_signal, audio_length), own, form)

    shapes = [((1, SAMPLES), types.fp32), ((1,), types.int32)]
    return _program(shapes, build), [_floats("audio_signal", (1, SAMPLES)), _ints("audio_length", (1,))]


def _encoded(mel: Any, mel_length: Any, own: Weights, form: Form) -> tuple[Any, Any]:
    notes = mb.sigmoid(x=mb.conv(x=mel, weight=own.contrast, bias=own.contrast_bias, pad_type="valid"))
    padded = mb.pad(x=notes, pad=[0, 0, 0, 0, *PAD], constant_val=ZERO)
    heard = mb.sigmoid(x=mb.conv(x=padded, weight=own.tunes, bias=own.tunes_bias, pad_type="valid"))
    words = len(own.tunes)
    whole = mb.slice_by_index(x=heard, begin=[0, 0, 0], end=[1, words, FRAMES * SUBSAMPLING])
    levels = mb.reduce_max(x=mb.reshape(x=whole, shape=[1, words, FRAMES, SUBSAMPLING]), axes=[3])
    last = {} if form.frames_first else {"name": "encoder"}
    encoder = mb.conv(x=levels, weight=own.widen, bias=own.widen_bias, pad_type="valid", **last)
    if form.frames_first:
        encoder = mb.transpose(x=encoder, perm=[0, 2, 1], name="encoder")
    rounded = mb.add(x=mel_length, y=np.int32(SUBSAMPLING - 1))
    return encoder, mb.floor_div(x=rounded, y=np.int32(SUBSAMPLING), name="encoder_length")


# ------------------------------------------------------------------ predictor


def _decoder(own: Weights, form: Form) -> Built:
    layers = len(own.lstms)

    def build(targets: Any, target_length: Any, h_in: Any, c_in: Any) -> Any:
        x = mb.transpose(x=mb.gather(x=own.embedding, indices=targets, axis=0), perm=[1, 0, 2])
        hidden, cells = [], []
        for layer, lstm in enumerate(own.lstms):
            x, h, c = _layer(lstm, x, _state(h_in, layer), _state(c_in, layer))
            hidden.append(h)
            cells.append(c)
        decoder = mb.transpose(x=x, perm=[1, 0, 2] if form.frames_first else [1, 2, 0], name="decoder")
        return decoder, mb.stack(values=hidden, axis=0, name="h_out"), mb.stack(values=cells, axis=0, name="c_out")

    state = (layers, 1, H)
    shapes = [((1, 1), types.int32), ((1,), types.int32), (state, types.fp32), (state, types.fp32)]
    inputs = [_ints("targets", (1, 1)), _ints("target_length", (1,)), _floats("h_in", state), _floats("c_in", state)]
    return _program(shapes, build), inputs


def _state(states: Any, layer: int) -> Any:
    one = mb.slice_by_index(x=states, begin=[layer, 0, 0], end=[layer + 1, 1, H])
    return mb.squeeze(x=one, axes=[0])


def _layer(lstm: Lstm, x: Any, h: Any, c: Any) -> Any:
    return mb.lstm(
        x=x,
        initial_h=h,
        initial_c=c,
        weight_ih=_gates(lstm.input),
        weight_hh=_gates(lstm.recurrent),
        bias=_gates(lstm.bias),
        output_sequence=True,
    )


def _gates(rows: Array) -> Array:
    """MIL has the gates in the order i, f, o, g."""
    i, f, g, o = np.split(rows, 4)
    return np.concatenate([i, f, o, g])


# ------------------------------------------------------------------ joint network


def _joint(own: Weights, form: Form) -> Built:
    width = own.join_encoder.shape[1]
    axes = ((1, 1, width), (1, 1, H)) if form.frames_first else ((1, width, 1), (1, H, 1))

    def build(encoder_step: Any, decoder_step: Any) -> Any:
        logits = _logits(own, *(_row(step, form) for step in (encoder_step, decoder_step)))
        tokens = mb.slice_by_index(x=logits, begin=[0, 0, 0], end=[1, 1, BLANK + 1])
        durations = mb.slice_by_index(x=logits, begin=[0, 0, BLANK + 1], end=[1, 1, BLANK + 1 + DURATIONS])
        best = mb.reduce_argmax(x=tokens, axis=2, keep_dims=True, name="token_id")
        shares = mb.softmax(x=tokens, axis=2)
        probability = mb.gather_along_axis(x=shares, indices=best, axis=2, name="token_prob")
        found = [best, probability, mb.reduce_argmax(x=durations, axis=2, keep_dims=True, name="duration")]
        if form.top_k:
            values, ids = mb.topk(x=tokens, k=TOP, axis=2)
            found += [mb.identity(x=ids, name="top_k_ids"), mb.identity(x=values, name="top_k_logits")]
        return tuple(found)

    inputs = [_floats(name, shape) for name, shape in zip(("encoder_step", "decoder_step"), axes, strict=True)]
    return _program([(shape, types.fp32) for shape in axes], build), inputs


def _row(step: Any, form: Form) -> Any:
    return step if form.frames_first else mb.transpose(x=step, perm=[0, 2, 1])


def _logits(own: Weights, frame: Any, predicted: Any) -> Any:
    heard = mb.linear(x=frame, weight=own.join_encoder, bias=own.join_bias)
    said = mb.linear(x=predicted, weight=own.join_predictor)
    return mb.linear(x=mb.relu(x=mb.add(x=heard, y=said)), weight=own.out, bias=own.out_bias)


if __name__ == "__main__":
    print(export(Path(sys.argv[1])))
