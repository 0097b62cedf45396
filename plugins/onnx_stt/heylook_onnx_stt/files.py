"""The files of an export, by the names that public ones have. Light."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from heylook_core.errors import LoadFailed
from heylook_core.speech.tdt.network import FRAME
from heylook_core.speech.tdt.windows import HOP
from heylook_onnx_stt.config import Precision

ENCODER, DECODER = "encoder-model", "decoder_joint-model"
VOCABULARY, SETTINGS = "vocab.txt", "config.json"
KIND = "nemo-conformer-tdt"
SUBSAMPLING = FRAME // HOP


class ModelFiles(msgspec.Struct, frozen=True, kw_only=True):
    """`features` is how many filters the spectrogram has that the encoder takes."""

    encoder: Path
    decoder: Path
    vocabulary: Path
    settings: Path
    features: int

    @property
    def weights(self) -> tuple[Path, ...]:
        """Graphs, and the files beside them that hold weights which are too large for a graph."""
        beside = (graph.with_name(f"{graph.name}.data") for graph in (self.encoder, self.decoder))
        return (self.encoder, self.decoder, *(file for file in beside if file.is_file()))

    @property
    def bytes(self) -> int:
        """Size on disk of the weights. Raises OSError where a file has gone."""
        return sum(file.stat().st_size for file in self.weights)


def find(folder: Path, precision: Precision) -> ModelFiles:
    """Raises LoadFailed with what is missing, or wrong in the settings."""
    if not folder.is_dir():
        raise LoadFailed(
            f"{folder} is no folder: model_path names the folder of a Parakeet TDT export in ONNX form. It is not "
            "fetched by itself."
        )
    encoder = _graph(folder, ENCODER, precision)
    # An 8-bit encoder may lie beside a decoder that is not.
    decoder = _graph(folder, DECODER, "auto" if encoder.name.endswith(".int8.onnx") else "float")
    vocabulary, settings = folder / VOCABULARY, folder / SETTINGS
    for file in (vocabulary, settings):
        if not file.is_file():
            raise LoadFailed(f"{folder} has no {file.name}: take the file from the same export as the graphs.")
    return ModelFiles(
        encoder=encoder, decoder=decoder, vocabulary=vocabulary, settings=settings, features=_features(settings)
    )


def _graph(folder: Path, name: str, precision: Precision) -> Path:
    names = {"float": [f"{name}.onnx"], "int8": [f"{name}.int8.onnx"]}
    wanted = [*names["int8"], *names["float"]] if precision == "auto" else names[precision]
    for file in (folder / name for name in wanted):
        if file.is_file():
            return file
    there = [one for pair in names.values() for one in pair if (folder / one).is_file()]
    remedy = f"set precision to {'int8' if precision == 'float' else 'float'}, or add the file" if there else "add it"
    having = f" (but {there[0]})" if there else ""
    raise LoadFailed(f"{folder} has no {' and no '.join(wanted)}{having}: {remedy}.")


def _features(file: Path) -> int:
    settings = _settings(file)
    kind = settings.get("model_type", KIND)
    if kind != KIND:
        raise LoadFailed(f"{file} says model_type {kind!r}, but only {KIND!r} can be served.")
    subsampling = settings.get("subsampling_factor", SUBSAMPLING)
    if subsampling != SUBSAMPLING:
        raise LoadFailed(f"{file} says subsampling_factor {subsampling!r}, but only {SUBSAMPLING} can be served.")
    features = settings.get("features_size", 80)
    if type(features) is not int or not 8 <= features <= 512:
        raise LoadFailed(f"{file} says features_size {features!r}, but it is a number such as 128.")
    return features


def _settings(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise LoadFailed(f"{file} cannot be read as JSON ({error}): take it from the export again.") from error
    if not isinstance(found, dict):
        raise LoadFailed(f"{file} is no JSON object: take it from the export again.")
    return found
