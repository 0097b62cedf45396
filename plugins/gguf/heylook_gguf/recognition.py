"""What a GGUF file is, by its header: a model, a part of one, or something that belongs to one. Light."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from heylook_core.catalog.gguf import GgufHeader, NotGguf, is_gguf, read_header, shard, tensor_shapes
from heylook_core.catalog.recognition import Recognised, Unservable
from heylook_core.settings import ModelEntry
from heylook_gguf.sizes import DEFAULT_CONTEXT
from heylook_gguf.vision.soundness import fits, sees

# Heads that propose tokens for another model: llama.cpp loads them beside it.
DRAFT_HEADS = ("dflash", "eagle", "eagle2", "eagle3", "medusa")
# `general.file_type` of projectors, the best first: F16, BF16, Q8_0, F32.
PROJECTOR_ORDER = (1, 32, 7, 0)
NO_POOLING = 0


def recognise(path: Path, companions: Sequence[Path] = ()) -> Recognised | Unservable | None:
    """A model if `path` is one, or the first part of one. `companions` may be a projector and adapters."""
    if path.suffix.lower() not in (".gguf", "") or not path.is_file():
        return None
    try:
        if not path.suffix and not is_gguf(path):
            return None
        header = read_header(path, whole=False)
    except NotGguf as error:
        return Unservable(f"It is no GGUF file, because {error}.")
    except OSError as error:
        return Unservable(f"It cannot be read ({error.strerror}).")
    return _of_header(path, header, companions)


def _of_header(path: Path, header: GgufHeader, companions: Sequence[Path]) -> Recognised | Unservable | None:
    part = shard(path)
    if part is not None and part[0] != 1:
        return None if _sibling(path, 1).is_file() else Unservable(f"{_sibling(path, 1).name} is missing.")
    if header.is_projector and _has_model(path, header):
        return None
    if fault := _fault(path, header) or _missing_part(path):
        return fault
    files = (path, *(_sibling(path, number) for number in range(2, (part[1] if part else 1) + 1)))
    return _model(path, header, files, companions)


def _sibling(path: Path, number: int) -> Path:
    """Part `number` of the split model that `path` is a part of, called as gguf-split does."""
    return path.with_name(f"{path.name[: -len('00001-of-00002.gguf')]}{number:05}{path.name[-len('-of-00002.gguf') :]}")


def _missing_part(path: Path) -> Unservable | None:
    part = shard(path)
    numbers = range(2, part[1] + 1) if part else ()
    missing = next((number for number in numbers if not _sibling(path, number).is_file()), None)
    return None if missing is None else Unservable(f"{_sibling(path, missing).name} is missing.")


def _fault(path: Path, header: GgufHeader) -> Unservable | None:
    """Why this is no model of its own."""
    if header.is_projector:
        what = "" if sees(header) else " for sound, which this backend does not read"
        return Unservable(f"It is a projector{what} and serves with its model, which was not found beside it.")
    if header.kind == "adapter":
        return Unservable("It is a LoRA adapter: name it in `lora` of its model's config.")
    if header.is_sidecar:
        return Unservable(f"It is no model (its general.type is {header.kind}).")
    if header.architecture in DRAFT_HEADS:
        return Unservable(f"It is a draft head ({header.architecture}) of another model.")
    if not isinstance(header.value("block_count"), int):
        return Unservable(f"It is no language model (architecture {header.architecture or 'unknown'}).")
    if header.tensors == 0 and shard(path) is None:
        return Unservable("It has no weights.")
    if header.value("nextn_predict_layers") and shard(path) is None and not _has_first_block(path):
        return Unservable("It is a draft head (its next-token layers only) of another model.")
    return None


def _has_first_block(path: Path) -> bool:
    try:
        return any(name.startswith("blk.0.") for name in tensor_shapes(path))
    except (NotGguf, OSError):
        return True


def _model(path: Path, header: GgufHeader, files: tuple[Path, ...], companions: Sequence[Path]) -> Recognised:
    trained = header.value("context_length")
    context = trained if type(trained) is int and trained > 0 else 0
    config: dict[str, object] = {"model_path": str(path)}
    if context:
        config["n_ctx"] = min(context, DEFAULT_CONTEXT)
    tags = ["gguf", header.architecture]
    generates = not _embeds_only(header)
    if not generates:
        tags.append("embedding")
    if adapters := [str(file) for file in companions if _kind(file) == "adapter"]:
        config["lora"] = [{"path": adapter} for adapter in adapters]
    projector = _projector(path, header, companions) if generates else None
    if projector is not None:
        config["mmproj_path"] = str(projector)
        files = (*files, projector)
        tags.append("vision")
    entry = ModelEntry(id=_name(path), provider="gguf", config=config, tags=tuple(tags))
    return Recognised(entry=entry, files=files, context=context, generates=generates)


def _name(path: Path) -> str:
    return path.stem[: -len("-00001-of-00002")] if shard(path) else path.stem


def _embeds_only(header: GgufHeader) -> bool:
    """An encoder, or a model whose file says how to pool its vectors."""
    pooling = header.value("pooling_type")
    return header.value("attention.causal") is False or (isinstance(pooling, int) and pooling != NO_POOLING)


# ------------------------------------------------------------------ projectors


def _projector(path: Path, header: GgufHeader, companions: Sequence[Path]) -> Path | None:
    """The file that gives this model eyes: a companion, else one in its folder that has its width."""
    if given := [file for file in companions if _kind(file) == "projector"]:
        return given[0]
    width = header.value("embedding_length")
    fitting = [
        (_rank(found), file.name, file)
        for file, found in _projectors_beside(path)
        if isinstance(width, int) and fits(file, found, width)
    ]
    return min(fitting)[2] if fitting else None


def _has_model(path: Path, header: GgufHeader) -> bool:
    """Whether a model in the folder of a projector could see with it, or with a better one of its kind."""
    others = (_header(file) for file in path.parent.glob("*.gguf") if file != path)
    widths = {found.value("embedding_length") for found in others if found is not None and not found.is_sidecar}
    return sees(header) and any(isinstance(width, int) and fits(path, header, width) for width in widths)


def _projectors_beside(path: Path) -> Iterator[tuple[Path, GgufHeader]]:
    for file in sorted(path.parent.glob("*.gguf")):
        header = _header(file) if file != path else None
        if header is not None and header.is_projector and sees(header):
            yield file, header


def _rank(projector: GgufHeader) -> int:
    kind = projector.values.get("general.file_type")
    return PROJECTOR_ORDER.index(kind) if kind in PROJECTOR_ORDER else len(PROJECTOR_ORDER)


def _kind(file: Path) -> str | None:
    header = _header(file)
    if header is None:
        return None
    return "projector" if header.is_projector else header.kind


def _header(file: Path) -> GgufHeader | None:
    try:
        return read_header(file, whole=False)
    except (NotGguf, OSError):
        return None
