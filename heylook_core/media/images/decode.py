"""A file's bytes to pixels, with Pillow: formats by content, sizes before pixels, upright, on white, resized if asked.

Called on threads of the media pool. Raises InvalidRequest for whatever is wrong with an image.
"""

from __future__ import annotations

import io
import logging
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np

from heylook_core.errors import InvalidRequest, Unsupported
from heylook_core.messages import ImageOptions, Picture

if TYPE_CHECKING:
    from PIL import Image

log = logging.getLogger(__name__)

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
WHITE = (255, 255, 255)


def pillow() -> Any:
    """Pillow's Image module. Raises Unsupported where it is not installed."""
    try:
        from PIL import Image
    except ImportError:
        message = "This server cannot read images: Pillow is missing. Install it with: pip install 'heylook[vision]'."
        raise Unsupported(message) from None
    # Pillow's own limit is that of the process and warns only; ours is checked before any pixel is read.
    Image.MAX_IMAGE_PIXELS = None
    return Image


def decode(data: bytes, options: ImageOptions, most_pixels: int) -> Picture:
    """The first frame, changed as `options` say and not otherwise."""
    module = pillow()
    try:
        with module.open(io.BytesIO(data), formats=FORMATS) as opened:
            _check_pixels(opened.size, most_pixels)
            found = _upright(opened)
            found = _in_colour(found, options.keep_alpha)
    except (InvalidRequest, MemoryError):
        raise
    except module.UnidentifiedImageError:
        raise InvalidRequest(_unknown(data)) from None
    except Exception as error:  # Pillow's readers raise whatever a damaged file leads them to
        log.debug("an image could not be decoded", exc_info=True)
        raise InvalidRequest(
            f"The image is damaged and cannot be decoded ({str(error) or type(error).__name__})."
        ) from None
    return picture_of(_compressed(_resized(found, options, most_pixels), options))


def picture_of(image: Image.Image) -> Picture:
    """The pixels of an RGB or RGBA image."""
    width, height = image.size
    channels = len(image.getbands())
    data = image.tobytes()
    digest = sha256(b"%d %d %d " % (width, height, channels))
    digest.update(data)
    return Picture(width, height, channels, digest.digest(), data)


def _check_pixels(size: tuple[int, int], most: int) -> None:
    width, height = size
    if width * height > most:
        message = f"The image has {width} x {height} pixels, more than the {most:,} that this server takes"
        raise InvalidRequest(f"{message}; send a smaller one.")


def _upright(image: Image.Image) -> Image.Image:
    """Turned as the camera's orientation says; a damaged note of it is not worth losing the image."""
    from PIL import ImageOps

    image.load()
    try:
        return ImageOps.exif_transpose(image)
    except Exception:
        log.debug("the orientation of an image could not be read", exc_info=True)
        return image


def _in_colour(image: Image.Image, keep_alpha: bool) -> Image.Image:
    if image.mode.startswith("I"):
        image = _eight_bits(image)
    if not image.has_transparency_data:
        return image.convert("RGB")
    with_alpha = image.convert("RGBA")
    if keep_alpha:
        return with_alpha
    ground = pillow().new("RGB", image.size, WHITE)
    ground.paste(with_alpha, mask=with_alpha.getchannel("A"))
    return ground  # type: ignore[no-any-return]


def _eight_bits(image: Image.Image) -> Image.Image:
    """Sixteen bits of grey; Pillow's own conversion would make everything above 255 white."""
    high = (np.asarray(image).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8)
    return pillow().fromarray(high)  # type: ignore[no-any-return]


def _resized(image: Image.Image, options: ImageOptions, most_pixels: int) -> Image.Image:
    size = target_size(image.size, options)
    if size == image.size:
        return image
    _check_pixels(size, most_pixels)
    return image.resize(size, pillow().Resampling.LANCZOS)


def target_size(size: tuple[int, int], options: ImageOptions) -> tuple[int, int]:
    """Width and height after resizing; neither gets smaller than one pixel."""
    width, height = size
    if options.width and options.height:
        width, height = options.width, options.height
    elif options.width:
        width, height = options.width, max(1, round(height * options.width / width))
    elif options.height:
        width, height = max(1, round(width * options.height / height)), options.height
    longest = max(width, height)
    if options.largest and longest > options.largest:
        share = options.largest / longest
        width, height = max(1, round(width * share)), max(1, round(height * share))
    return width, height


def _compressed(image: Image.Image, options: ImageOptions) -> Image.Image:
    """What a JPEG of the quality that was asked for leaves; with transparency, which it cannot hold, all of it."""
    if options.quality is None or image.mode == "RGBA":
        return image
    file = io.BytesIO()
    image.save(file, "JPEG", quality=options.quality)
    return pillow().open(file, formats=("JPEG",)).convert("RGB")  # type: ignore[no-any-return]


def _unknown(data: bytes) -> str:
    head = data[:256].lstrip().lower()
    kind = (
        "SVG" if head.startswith((b"<svg", b"<?xml")) else "HTML" if head.startswith((b"<!doctype", b"<html")) else ""
    )
    what = (
        f"It is {kind}, which is not an image of pixels" if kind else "It is none of these, or damaged at its beginning"
    )
    return f"Images must be JPEG, PNG, WebP, BMP or GIF. {what}."
