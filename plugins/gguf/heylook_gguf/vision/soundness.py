"""Whether a file is a projector for images that fits a model, told by its header."""

from __future__ import annotations

from pathlib import Path

from heylook_core.catalog.gguf import GgufHeader, NotGguf, read_header, tensor_shapes
from heylook_core.errors import LoadFailed

REFUSED_KINDS = {"hunyuanvl": "their positions depend on the number of images before"}


def check_projector(path: Path, width: int | None = None) -> None:
    """Raise LoadFailed for what is no projector, is for sound only, or puts out another width than this."""
    header = _header(path)
    if not header.is_projector:
        raise LoadFailed(f"{path} (mmproj_path) is no projector: set it to the mmproj file made for the model.")
    if not sees(header):
        raise LoadFailed(f"{path} (mmproj_path) is a projector for sound, not for images: choose another one.")
    kind = str(header.values.get("clip.vision.projector_type") or header.values.get("clip.projector_type"))
    if kind in REFUSED_KINDS:
        raise LoadFailed(f"Images of {kind} models are not supported, because {REFUSED_KINDS[kind]}.")
    if width is not None and not fits(path, header, width):
        raise LoadFailed(
            f"{path} (mmproj_path) does not fit the model, whose embeddings have {width} numbers: "
            "take the projector that was made for it."
        )


def sees(projector: GgufHeader) -> bool:
    """Whether it is for images; some are for sound only."""
    eyes, ears = (projector.values.get(f"clip.has_{sense}_encoder") for sense in ("vision", "audio"))
    return bool(eyes) or not ears


def fits(file: Path, projector: GgufHeader, width: int) -> bool:
    """Whether what it puts out is as wide as the model's embeddings, by its header or its last layers."""
    if projector.values.get("clip.vision.projection_dim") == width:
        return True
    try:
        shapes = tensor_shapes(file)
    except (NotGguf, OSError):
        return False
    return any(shape[-1:] == (width,) for name, shape in shapes.items() if name.startswith("mm."))


def _header(path: Path) -> GgufHeader:
    if not path.is_file():
        raise LoadFailed(f"There is no projector at {path}: correct mmproj_path in the model's config.")
    try:
        return read_header(path, whole=False)
    except NotGguf as error:
        raise LoadFailed(f"{path} (mmproj_path) cannot be used, because {error}: fetch it again.") from error
    except OSError as error:
        raise LoadFailed(f"{path} (mmproj_path) cannot be read ({error.strerror}): check its permissions.") from error
