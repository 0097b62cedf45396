"""From the text that names an image to the bytes of its file: data URLs, base64, web addresses. Never a path."""

from __future__ import annotations

import binascii
import re
from urllib.parse import unquote_to_bytes

from heylook_core.errors import InvalidRequest

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_LONGEST_SHOWN = 60


def is_web_address(url: str) -> bool:
    return url[:8].lower().startswith(("http://", "https://"))


def inline_data(url: str, most: int) -> bytes:
    """The file inside a data URL or bare base64. Raises InvalidRequest for anything else, and beyond `most` bytes."""
    if url[:5].lower() == "data:":
        head, comma, data = url[5:].partition(",")
        if not comma:
            raise InvalidRequest("The data URL has no comma, so it holds no data.")
        if not head.lower().endswith(";base64"):
            return checked_size(unquote_to_bytes(data), most)
        return _decoded(data, most)
    if scheme := _SCHEME.match(url[:_LONGEST_SHOWN]):
        raise InvalidRequest(_refused_scheme(scheme[1].lower()))
    return _decoded(url, most)


def checked_size(data: bytes, most: int) -> bytes:
    if len(data) > most:
        raise InvalidRequest(too_many_bytes(most))
    if not data:
        raise InvalidRequest("The image is empty.")
    return data


def too_many_bytes(most: int) -> str:
    return f"The image has more than the {most:,} bytes that this server reads; send a smaller one."


def _decoded(text: str, most: int) -> bytes:
    """Lines may be broken, as in mail; padding has to be right."""
    if len(text) // 4 * 3 > most + most // 64 + 3:
        raise InvalidRequest(too_many_bytes(most))
    try:
        raw = text.encode("ascii").translate(None, b"\r\n")
        data = binascii.a2b_base64(raw, strict_mode=True)
    except (ValueError, binascii.Error):
        message = (
            "The image is neither a data URL, nor an http(s) URL, nor valid base64 with its padding. "
            "Local files are never read: send the file's bytes."
        )
        raise InvalidRequest(message) from None
    return checked_size(data, most)


def _refused_scheme(scheme: str) -> str:
    if scheme == "file" or len(scheme) == 1:
        return "Local files are never read; send the file's bytes as a data URL."
    return f"Images of the scheme {scheme!r} are not read; send a data URL or an http(s) URL."
