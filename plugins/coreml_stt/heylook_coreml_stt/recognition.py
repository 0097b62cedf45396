"""What a folder is by the names in it: a set of CoreML speech models, or a part of one. Light."""

from __future__ import annotations

from pathlib import Path

from heylook_core.catalog.recognition import Recognised, Unservable
from heylook_core.settings import ModelEntry
from heylook_coreml_stt.config import ModelFiles
from heylook_coreml_stt.machine import obstacle
from heylook_coreml_stt.names import Missing, find, looks_like_set


def recognise(folder: Path) -> Recognised | Unservable | None:
    if not looks_like_set(folder):
        return None
    if why := obstacle():
        return Unservable(f"It is a CoreML speech model. {why}")
    try:
        found = find(folder, ModelFiles())
    except Missing as error:
        return Unservable(str(error))
    files = [file for part in found.packages for file in sorted(part.rglob("*")) if file.is_file()]
    tags = ("coreml", "speech")
    entry = ModelEntry(id=folder.name, provider="coreml_stt", config={"model_path": str(folder)}, tags=tags)
    return Recognised(entry=entry, files=(*files, found.vocabulary), generates=False)
