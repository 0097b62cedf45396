"""What a folder is, by the names of its files and its config.json. Light."""

from __future__ import annotations

from pathlib import Path

from heylook_core.catalog.recognition import Recognised, Unservable
from heylook_core.errors import LoadFailed
from heylook_core.settings import ModelEntry
from heylook_onnx_stt.files import DECODER, ENCODER, find
from heylook_onnx_stt.vocabulary import read_vocabulary


def recognise(path: Path) -> Recognised | Unservable | None:
    """A Parakeet TDT model, or why a folder that looks like one cannot be served; None for anything else."""
    if not path.is_dir() or not any(path.glob(f"{ENCODER}*.onnx")) or not any(path.glob(f"{DECODER}*.onnx")):
        return None
    try:
        files = find(path, "auto")
        read_vocabulary(files.vocabulary)
    except LoadFailed as error:
        return Unservable(error.message)
    entry = ModelEntry(
        id=path.name, provider="onnx_stt", config={"model_path": str(path)}, tags=("onnx", "speech", "parakeet-tdt")
    )
    return Recognised(entry=entry, files=(*files.weights, files.vocabulary, files.settings), generates=False)
