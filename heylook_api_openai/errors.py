"""Errors in OpenAI's words: `{"error": {"message", "type", "param", "code"}}`, all four keys always there.

The official clients repeat a request by themselves on 408, 409, 429 and 5xx unless `x-should-retry` says no,
and wait as `retry-after` says. What would fail again is therefore marked.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import msgspec

from heylook_core import errors
from heylook_core.dialect import Reply
from heylook_core.errors import HeylookError

encode = msgspec.json.Encoder().encode


class OpenAIErrorDetail(msgspec.Struct):
    """`param` is the field at fault, `code` a word to tell errors of one type apart; null where there is none."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIError(msgspec.Struct):
    """What `error_body` makes, for the API description."""

    error: OpenAIErrorDetail


class Wording(NamedTuple):
    status: int
    type: str
    code: str | None = None
    param: str | None = None
    retry: bool = False


INVALID = "invalid_request_error"

# The first class that fits decides.
WORDINGS: tuple[tuple[type[HeylookError], Wording], ...] = (
    (errors.MissingField, Wording(400, INVALID, "missing_required_parameter")),
    (errors.WrongType, Wording(400, INVALID, "invalid_type")),
    (errors.InvalidRequest, Wording(400, INVALID, "invalid_value")),
    (errors.Unsupported, Wording(400, INVALID, "unsupported_value")),
    (errors.ContextExceeded, Wording(400, INVALID, "context_length_exceeded", "messages")),
    (errors.ModelNotFound, Wording(404, INVALID, "model_not_found", "model")),
    (errors.AuthenticationFailed, Wording(401, INVALID, "invalid_api_key")),
    (errors.Forbidden, Wording(403, INVALID, "forbidden")),
    (errors.NotFound, Wording(404, INVALID)),
    (errors.MethodNotAllowed, Wording(405, INVALID)),
    (errors.TooLarge, Wording(413, INVALID, "request_too_large")),
    (errors.WrongMediaType, Wording(415, INVALID, "unsupported_media_type")),
    (errors.RequestError, Wording(400, INVALID)),
    (errors.Busy, Wording(429, "rate_limit_error", "rate_limit_exceeded", retry=True)),
    (errors.LoadFailed, Wording(503, "unavailable_error", "model_load_failed")),
    (errors.Unavailable, Wording(503, "unavailable_error", retry=True)),
    (errors.Cancelled, Wording(503, "unavailable_error", "cancelled")),
    (errors.HeylookError, Wording(500, "server_error")),
)


def wording(error: HeylookError) -> Wording:
    return next(wording for kind, wording in WORDINGS if isinstance(error, kind))


def error_body(error: HeylookError) -> dict[str, dict[str, str | None]]:
    words = wording(error)
    param = error.param or words.param
    code = words.code
    if type(error) in (errors.InvalidRequest, errors.WrongType) and param is None:
        code = None  # the body as a whole: bad JSON, or no object
    return {"error": {"message": error.message, "type": words.type, "param": param, "code": code}}


def error_reply(error: HeylookError) -> Reply:
    words = wording(error)
    headers: dict[str, str] = {}
    if words.retry or error.retry_after is not None:
        headers["retry-after"] = str(max(1, math.ceil(error.retry_after or 1)))
    if words.status >= 500 and not words.retry:
        headers["x-should-retry"] = "false"
    if words.status == 401:
        headers["www-authenticate"] = "Bearer"
    return Reply(status=words.status, body=error_body(error), headers=headers)


def error_frame(error: HeylookError) -> bytes:
    """The last event of a stream that fails: the official client raises APIError from it."""
    return b"data: %b\n\n" % encode(error_body(error))
