"""Routes that belong to no public API: the core's own, and those of plugins that bring web pages or tools."""

from __future__ import annotations

import math
from typing import ClassVar

import msgspec

from heylook_core import errors
from heylook_core.dialect import Dialect, Reply
from heylook_core.errors import HeylookError

# The first class that fits decides.
STATUS: tuple[tuple[type[HeylookError], int], ...] = (
    (errors.AuthenticationFailed, 401),
    (errors.Forbidden, 403),
    (errors.ModelNotFound, 404),
    (errors.NotFound, 404),
    (errors.MethodNotAllowed, 405),
    (errors.TooLarge, 413),
    (errors.WrongMediaType, 415),
    (errors.RequestError, 400),
    (errors.Busy, 429),
    (errors.Unavailable, 503),
)


class CoreErrorDetail(msgspec.Struct):
    """`kind` is one word of heylook's own, as in `not_found`."""

    kind: str
    message: str


class CoreError(msgspec.Struct):
    """An error outside of every API's paths."""

    error: CoreErrorDetail


def core_form(error: HeylookError) -> Reply:
    """The wire form outside every dialect's paths."""
    status = next((status for kind, status in STATUS if isinstance(error, kind)), 500)
    headers = {"retry-after": str(max(1, math.ceil(error.retry_after)))} if error.retry_after is not None else {}
    return Reply(status=status, body=CoreError(CoreErrorDetail(error.kind, error.message)), headers=headers)


class Pages(Dialect):
    """Served whatever `--api` says. A plugin gives its class by the hook `add_pages`."""

    error_body: ClassVar[type | None] = CoreError

    def error(self, error: HeylookError) -> Reply:
        return core_form(error)
