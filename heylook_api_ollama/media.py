"""Images and sounds of a message: base64 without a type, which is recognised from the first bytes."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable

from heylook_core.errors import InvalidRequest
from heylook_core.messages import AudioPart, ImagePart

_HEAD = 64  # base64 characters that are looked at: 48 bytes

_IMAGES: tuple[tuple[str, Callable[[bytes], bool]], ...] = (
    ("image/png", lambda head: head.startswith(b"\x89PNG\r\n\x1a\n")),
    ("image/jpeg", lambda head: head.startswith(b"\xff\xd8\xff")),
    ("image/webp", lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP"),
    ("image/bmp", lambda head: head.startswith(b"BM")),
    ("image/gif", lambda head: head.startswith((b"GIF87a", b"GIF89a"))),
)
_SOUNDS: tuple[tuple[str, Callable[[bytes], bool]], ...] = (
    ("wav", lambda head: head[:4] == b"RIFF" and head[8:12] == b"WAVE"),
    ("mp3", lambda head: head.startswith(b"ID3") or head[:2] in (b"\xff\xfb", b"\xff\xf3", b"\xff\xf2")),
    ("flac", lambda head: head.startswith(b"fLaC")),
    ("ogg", lambda head: head.startswith(b"OggS")),
)


def media_part(text: str, path: str) -> ImagePart | AudioPart:
    """A data URL is taken too, which Ollama refuses and web pages send. Raises InvalidRequest, naming `path`."""
    data = text.partition(",")[2] if text.startswith("data:") else text
    try:
        head = base64.b64decode(data[:_HEAD], validate=True)
        binascii.a2b_base64(data, strict_mode=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest(
            f"`{path}` is not valid base64; send the file's bytes encoded, no URL.", param=path
        ) from None
    for mime, fits in _IMAGES:
        if fits(head):
            return ImagePart(f"data:{mime};base64,{data}", path=path)
    for container, fits in _SOUNDS:
        if fits(head):
            return AudioPart(data, container)
    raise InvalidRequest(f"`{path}` is neither PNG, JPEG, WebP, BMP, GIF nor WAV, MP3, FLAC, Ogg.", param=path)
