"""Errors in Ollama's words: `{"error": "…"}`, always a string, and Ollama's status codes."""

from __future__ import annotations

import math

import msgspec

from heylook_api_ollama.schema import OllamaError
from heylook_core import errors
from heylook_core.dialect import Reply
from heylook_core.errors import HeylookError

encode = msgspec.json.Encoder().encode

JSON = "application/json; charset=utf-8"

# What Ollama's own server says, two spaces included; clients look for it.
BUSY = "server busy, please try again.  maximum pending requests exceeded"

# The first class that fits decides.
STATUS: tuple[tuple[type[HeylookError], int], ...] = (
    (errors.AuthenticationFailed, 401),
    (errors.Forbidden, 403),
    (errors.ModelNotFound, 404),
    (errors.NotFound, 404),
    (errors.MethodNotAllowed, 405),
    (errors.TooLarge, 413),
    (errors.RequestError, 400),
    (errors.Busy, 503),
    (errors.Unavailable, 503),
    (errors.Cancelled, 499),
    (errors.HeylookError, 500),
)


def error_body(error: HeylookError) -> OllamaError:
    return OllamaError(f"{BUSY} ({error.message})" if isinstance(error, errors.Busy) else error.message)


def error_reply(error: HeylookError) -> Reply:
    status = next(status for kind, status in STATUS if isinstance(error, kind))
    headers: dict[str, str] = {}
    waiting_helps = isinstance(error, errors.Busy | errors.Unavailable) and not isinstance(error, errors.LoadFailed)
    if waiting_helps or error.retry_after is not None:
        headers["retry-after"] = str(max(1, math.ceil(error.retry_after or 1)))
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    return Reply(status=status, body=error_body(error), content_type=JSON, headers=headers)


def error_line(error: HeylookError) -> bytes:
    """The last line of a stream that fails; no `done` follows."""
    return encode(error_body(error)) + b"\n"


def not_available(why: str) -> Reply:
    """501: the route is Ollama's, and this server does not do it."""
    return Reply(status=501, body=OllamaError(why), content_type=JSON)
