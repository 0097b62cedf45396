"""Whether two graphs are a transducer of Parakeet's form, by what they say of themselves."""

from __future__ import annotations

from typing import NamedTuple

from heylook_core.errors import LoadFailed
from heylook_onnx_stt.sessions import Graph, Tensor

DURATIONS = 5
FLOAT, INT32, INT64 = "tensor(float)", "tensor(int32)", "tensor(int64)"


class Sizes(NamedTuple):
    """Of the encoder's frames, and of the predictor's states."""

    frame: int
    layers: int
    units: int


def sizes(encoder: Graph, decoder: Graph, features: int, tokens: int) -> Sizes:
    """Raises LoadFailed where a name, type, rank or size is not as it has to be. `tokens` counts the blank."""
    given = _expect(encoder, encoder.inputs, "input", "audio_signal", FLOAT, 3)
    _expect(encoder, encoder.inputs, "input", "length", INT64, 1)
    frame = _known(encoder, "outputs", _expect(encoder, encoder.outputs, "output", "outputs", FLOAT, 3), 1)
    _expect(encoder, encoder.outputs, "output", "encoded_lengths", INT64, 1)
    if given.shape[1] not in (None, features):
        raise LoadFailed(
            f"{encoder.file.name} takes {given.shape[1]} features, but config.json says {features}: the files are of "
            "different models."
        )
    taken = _expect(decoder, decoder.inputs, "input", "encoder_outputs", FLOAT, 3)
    if taken.shape[1] not in (None, frame):
        raise LoadFailed(
            f"{encoder.file.name} gives frames of {frame} numbers, but {decoder.file.name} takes {taken.shape[1]}: the "
            "files are of different models."
        )
    _expect(decoder, decoder.inputs, "input", "targets", INT32, 2)
    _expect(decoder, decoder.inputs, "input", "target_length", INT32, 1)
    _check_durations(decoder, tokens)
    return Sizes(frame, *_state(decoder))


def _expect(graph: Graph, there: dict[str, Tensor], what: str, name: str, kind: str, rank: int) -> Tensor:
    found = there.get(name)
    if found is None:
        raise LoadFailed(
            f"{graph.file.name} has no {what} {name!r} (it has {', '.join(there)}): it is no export of Parakeet TDT."
        )
    if found.type != kind or len(found.shape) != rank:
        raise LoadFailed(
            f"The {what} {name!r} of {graph.file.name} is {found.type} with {len(found.shape)} dimensions, but {kind} "
            f"with {rank} was expected."
        )
    return found


def _known(graph: Graph, name: str, tensor: Tensor, axis: int) -> int:
    size = tensor.shape[axis]
    if size is None:
        raise LoadFailed(
            f"{graph.file.name} does not tell the size of axis {axis} of {name!r}: export it with that fixed."
        )
    return size


def _state(decoder: Graph) -> tuple[int, int]:
    found = set()
    for name in ("input_states_1", "input_states_2"):
        tensor = _expect(decoder, decoder.inputs, "input", name, FLOAT, 3)
        found.add((_known(decoder, name, tensor, 0), _known(decoder, name, tensor, 2)))
    for name in ("output_states_1", "output_states_2"):
        _expect(decoder, decoder.outputs, "output", name, FLOAT, 3)
    if len(found) != 1:
        raise LoadFailed(
            f"The two states of {decoder.file.name} are of different sizes: it is no export of Parakeet TDT."
        )
    return found.pop()


def _check_durations(decoder: Graph, tokens: int) -> None:
    tensor = _expect(decoder, decoder.outputs, "output", "outputs", FLOAT, 4)
    told = _known(decoder, "outputs", tensor, 3)
    if told == tokens:
        raise LoadFailed(f"{decoder.file.name} tells no durations: it is a transducer, but not a TDT one.")
    if told - tokens != DURATIONS:
        raise LoadFailed(
            f"{decoder.file.name} tells {told} numbers of each frame, but vocab.txt has {tokens} tokens, to which "
            f"{DURATIONS} durations come: the files are of different models."
        )
