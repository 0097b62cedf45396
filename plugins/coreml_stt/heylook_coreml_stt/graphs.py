"""The loaded graphs of a set, in the order in which a window goes through them."""

from __future__ import annotations

from typing import NamedTuple

from heylook_coreml_stt.config import ComputeUnits
from heylook_coreml_stt.names import ModelSet
from heylook_coreml_stt.runtime import Graph, Runtime


class Graphs(NamedTuple):
    """`ears` make encoder frames of audio: preprocessor and encoder, or both in one."""

    ears: tuple[Graph, ...]
    decoder: Graph
    joint: Graph


def load_graphs(found: ModelSet, runtime: Runtime, compute_units: ComputeUnits) -> Graphs:
    """Raises LoadFailed. The preprocessor runs on the processor: the Neural Engine takes no such long dimension."""
    ears: list[Graph] = []
    if found.preprocessor is not None:
        ears.append(runtime.load(found.preprocessor, "CPU_ONLY"))
    for encoder in (found.encoder, found.mel_encoder):
        if encoder is not None:
            ears.append(runtime.load(encoder, compute_units))
    return Graphs(tuple(ears), runtime.load(found.decoder, compute_units), runtime.load(found.joint, compute_units))
