"""A transducer of Parakeet's form that understands tunes (`tunes`), its weights written by hand, as numpy arrays.

Both exporters build from it. The graphs, with T frames of the spectrogram (10 ms) and N = ceil(T / 8) frames of the
encoder (80 ms):

encoder   notes = sigmoid(conv1d(mel, contrast, contrast_bias))          (1, FILTERS, T) -> (1, 4, T)
          heard = sigmoid(conv1d(pad(notes, PAD), tunes, tunes_bias))    -> (1, WORDS, T + 7), PAD zeros on both sides
          levels = max over each 8 frames of `heard`                     -> (1, WORDS, N)
          encoder = conv1d(levels, widen, widen_bias)                    -> (1, D, N)
predictor embedding[target], then LAYERS LSTMs of H units                -> (1, H)
joint     hidden = relu(encoder_step @ join_encoder.T + predicted @ join_predictor.T + join_bias)
          logits = hidden @ out.T + out_bias                             len(PIECES) + 1 tokens, then DURATIONS

What is written depends on the state of the predictor: capitals after the start and after a full stop, the `s` of
`works`, a capital for `source` if `open` came before it in the sentence and for `server` if `local` did. The first of
these two memories is kept in an LSTM's cell, the second in its output. A blank that is fed to the predictor spoils it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from heylook_core.speech.logmel import FFT, HOP, filters
from heylook_core.speech.tdt.pieces import SPACE
from heylook_core.spoken import SAMPLE_RATE
from heylook_core.testkit.tone_speech import STOP, WORDS
from tools.speech_model.tunes import LEXICON, NOTE_SECONDS, NOTES, TUNES, YES

PLAIN = [SPACE + ("work" if word == "works" else word) for word in WORDS]
CAPITALS = [SPACE + piece[1:].capitalize() for piece in PLAIN]
DA = SPACE + "\u0434\u0430"
PIECES = [*PLAIN, *CAPITALS, STOP, "s", DA, SPACE + YES, SPACE]
BLANK = len(PIECES)
DURATIONS = 5  # bins; the duration is the number of the bin

FILTERS = 128
SUBSAMPLING = 8
D = 24  # of the encoder
H = 8  # of the predictor
J = D + H  # of the joint network
LAYERS = 2
TOP = 8  # tokens that a joint network with top-k tells

FRAMES_PER_NOTE = round(NOTE_SECONDS * SAMPLE_RATE) // HOP
SPAN = len(NOTES) * FRAMES_PER_NOTE
EARLY = 1  # frames before its beginning at which a tune is looked for
PAD = (EARLY, SPAN - 1 - EARLY + SUBSAMPLING - 1)

# Units of the predictor
CAPITAL, S, SOURCE, SERVER = range(4)

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Lstm:
    """Gates in the order i, f, g (the cell's input), o: rows of H. One bias, for both products."""

    input: Array  # (4 H, H)
    recurrent: Array  # (4 H, H)
    bias: Array  # (4 H,)


@dataclass(frozen=True)
class Weights:
    """All float32. Convolutions are (out, in, width)."""

    contrast: Array
    contrast_bias: Array
    tunes: Array
    tunes_bias: Array
    widen: Array
    widen_bias: Array
    embedding: Array
    lstms: tuple[Lstm, ...]
    join_encoder: Array
    join_predictor: Array
    join_bias: Array
    out: Array
    out_bias: Array


def weights() -> Weights:
    contrast, contrast_bias = _contrast()
    tunes, tunes_bias = _tunes()
    widen = np.zeros((D, len(LEXICON), 1))
    widen[: len(LEXICON), :, 0] = np.eye(len(LEXICON))
    out, out_bias = _out()
    return Weights(
        contrast=_float32(contrast),
        contrast_bias=_float32(contrast_bias),
        tunes=_float32(tunes),
        tunes_bias=_float32(tunes_bias),
        widen=_float32(widen),
        widen_bias=_float32(np.zeros(D)),
        embedding=_float32(_embedding()),
        lstms=(_first_lstm(), _second_lstm()),
        join_encoder=_float32(np.eye(J, D)),
        join_predictor=_float32(np.eye(J, H, -D) / LOUD),
        join_bias=_float32(np.zeros(J)),
        out=_float32(out),
        out_bias=_float32(out_bias),
    )


def _float32(array: Array) -> Array:
    return np.ascontiguousarray(array, np.float32)


def _contrast() -> tuple[Array, Array]:
    """How much louder it is at a note than at the others: about 1 where it sounds, 0 where it does not."""
    bank = filters(FILTERS)
    centres = bank.argmax(axis=1) * SAMPLE_RATE / FFT
    near = np.array([np.abs(centres - note) <= 45 for note in NOTES], np.float64)
    share = near / near.sum(axis=1, keepdims=True)
    others = (share.sum(axis=0) - share) / (len(NOTES) - 1)
    return SHARP * (share - others)[:, :, None], np.full(len(NOTES), -SHARP * THRESHOLD)


SHARP, THRESHOLD = 8.0, 1.0


def _tunes() -> tuple[Array, Array]:
    """1 where the right note sounds in the middle of each of its times, -1 for each wrong one."""
    kernel = np.zeros((len(LEXICON), len(NOTES), SPAN))
    middle = FRAMES_PER_NOTE - 2
    for word, tune in enumerate(TUNES):
        for place, note in enumerate(tune):
            at = place * FRAMES_PER_NOTE + 1
            kernel[word, :, at : at + middle] = -1
            kernel[word, note, at : at + middle] = 1
    return STEEP * kernel / (len(NOTES) * middle), np.full(len(LEXICON), -STEEP * ENOUGH)


STEEP, ENOUGH = 120.0, 0.85  # of a tune that has to be heard; three of its notes are 0.75


def _embedding() -> Array:
    """Units that are 1 for the tokens that they are about."""
    table = np.zeros((len(PIECES) + 1, H))
    ends = [BLANK, PIECES.index(STOP)]
    table[ends, CAPITAL] = 1
    table[[PLAIN.index(SPACE + "work"), len(PLAIN) + PLAIN.index(SPACE + "work")], S] = 1
    for unit, word in ((SOURCE, "open"), (SERVER, "local")):
        table[[PLAIN.index(SPACE + word), len(PLAIN) + PLAIN.index(SPACE + word)], unit] = 1
    table[ends, CLEAR] = 1
    return table


CLEAR = 4
OPEN, SHUT = 12.0, -12.0  # gates
ON = 4.0
LOUD = float(np.tanh(np.tanh(ON)))  # a unit of the second LSTM that is on


def _gates() -> tuple[Array, Array, Array]:
    """Input, recurrent and bias of an LSTM that forgets at once."""
    bias = np.concatenate([np.full(H, OPEN), np.full(H, SHUT), np.zeros(H), np.full(H, OPEN)])
    return np.zeros((4 * H, H)), np.zeros((4 * H, H)), bias


def _first_lstm() -> Lstm:
    inputs, recurrent, bias = _gates()
    forget, cell = H, 2 * H
    for unit in (CAPITAL, S):
        inputs[cell + unit, unit] = 2 * ON
        bias[cell + unit] = -ON
    # SOURCE is kept in the cell: the gate that keeps it shuts at the end of a sentence.
    inputs[SOURCE, SOURCE], bias[SOURCE] = OPEN - SHUT, SHUT
    bias[cell + SOURCE] = ON
    bias[forget + SOURCE] = OPEN
    inputs[forget + SOURCE, [SOURCE, CLEAR]] = SHUT - OPEN
    # SERVER is kept by its own output.
    inputs[cell + SERVER, [SERVER, CLEAR]] = 4 * ON, -4 * ON
    recurrent[cell + SERVER, SERVER] = 2 * ON
    bias[cell + SERVER] = -ON
    return Lstm(_float32(inputs), _float32(recurrent), _float32(bias))


def _second_lstm() -> Lstm:
    inputs, recurrent, bias = _gates()
    cell = 2 * H
    for unit in (CAPITAL, S, SOURCE, SERVER):
        inputs[cell + unit, unit] = 4 * ON
        bias[cell + unit] = -ON
    return Lstm(_float32(inputs), _float32(recurrent), _float32(bias))


def _out() -> tuple[Array, Array]:
    """Hidden units 0 … len(LEXICON) - 1 are the levels of words, D … the units of the predictor that are on."""
    rows = np.zeros((BLANK + 1 + DURATIONS, J))
    bias = np.zeros(len(rows))
    bias[BLANK] = 5
    for word, piece in enumerate(PLAIN):
        upper = len(PLAIN) + word
        rows[[word, upper], word] = 10
        bias[upper] = -6
        units = [CAPITAL, *([SOURCE] if piece == f"{SPACE}source" else [SERVER] if piece == f"{SPACE}server" else [])]
        rows[word, [D + unit for unit in units]] = -6
        rows[upper, [D + unit for unit in units]] = 6
    rows[PIECES.index(STOP), LEXICON.index(STOP)] = 10
    rows[PIECES.index(DA), LEXICON.index(YES)] = 10
    rows[PIECES.index(SPACE + YES), LEXICON.index(YES)] = 9
    rows[PIECES.index("s"), D + S] = 20
    bias[PIECES.index(SPACE)] = -10
    zero, three = BLANK + 1, BLANK + 4
    bias[zero : zero + DURATIONS] = 0, 5, 0, 0, 0  # a token and its duration are chosen at the same level
    rows[three, : len(LEXICON)] = 10
    rows[zero, LEXICON.index("works")] = 16
    rows[three, D + S] = 20
    return rows, bias
