"""Errors on the wire: worded by the dialect that owns the path, else in a plain form of the core's own."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import falcon
import falcon.asgi

from heylook_core import errors
from heylook_core.dialect import Dialect, Reply
from heylook_core.errors import HeylookError
from heylook_core.pages import core_form
from heylook_core.web.disconnect import DEPARTURE, SEND
from heylook_core.web.reply import send_reply
from heylook_core.web.websocket import refuse_handshake

log = logging.getLogger(__name__)


class ErrorReplies:
    """Falcon's error handlers. The dialect with the longest matching path prefix words an error."""

    def __init__(self, dialects: Sequence[Dialect]) -> None:
        owners = [(prefix.rstrip("/"), dialect) for dialect in dialects for prefix in dialect.prefixes]
        self._owners = sorted(owners, key=lambda owner: -len(owner[0]))

    def install(self, app: falcon.asgi.App[Any, Any]) -> None:
        for kind in (Exception, falcon.HTTPError, HeylookError):
            app.add_error_handler(kind, self._handle)

    def owner(self, path: str) -> Dialect | None:
        for prefix, dialect in self._owners:
            if path == prefix or path.startswith(prefix + "/"):
                return dialect
        return None

    def reply(self, path: str, error: HeylookError) -> Reply:
        dialect = self.owner(path)
        return dialect.error(error) if dialect is not None else core_form(error)

    async def _handle(
        self,
        request: falcon.asgi.Request,
        response: falcon.asgi.Response | None,
        error: Exception,
        params: dict[str, Any],
        ws: falcon.asgi.WebSocket | None = None,
    ) -> None:
        known, headers = _recognised(request, error)
        request.context.error = known
        reply = self.reply(request.path, known)
        if ws is not None:
            await _end_socket(request, ws, reply, known.message)
        elif response is not None and not _left(request, known):
            send_reply(response, reply)
            response.set_headers(headers)


async def _end_socket(request: falcon.asgi.Request, ws: falcon.asgi.WebSocket, reply: Reply, message: str) -> None:
    if ws.unaccepted:
        await refuse_handshake(request.scope[SEND], reply)
    elif not ws.closed:
        await ws.close(3000 + reply.status, message[:100])


def _left(request: falcon.asgi.Request, error: HeylookError) -> bool:
    return isinstance(error, errors.Cancelled) and request.scope[DEPARTURE].happened


def _recognised(request: falcon.asgi.Request, error: Exception) -> tuple[HeylookError, dict[str, str]]:
    """The error as one of our tree, and the headers that Falcon gave it (`Allow`)."""
    if isinstance(error, HeylookError):
        return error, {}
    if isinstance(error, falcon.HTTPError):
        return _from_falcon(request, error), dict(error.headers or {})
    log.error("%s %s failed unexpectedly", request.method, request.path, exc_info=error)
    return HeylookError("The server failed unexpectedly; its log has the details."), {}


def _from_falcon(request: falcon.asgi.Request, error: falcon.HTTPError) -> HeylookError:
    if error.status_code == 404:
        return errors.NotFound(f"There is no route {request.method} {request.path} on this server.")
    if error.status_code == 405:
        allowed = dict(error.headers or {}).get("Allow", "")
        return errors.MethodNotAllowed(f"{request.path} does not take {request.method}; it takes {allowed}.")
    if error.status_code < 500:
        return errors.InvalidRequest(error.description or error.title or "The request is malformed.")
    return HeylookError(error.description or error.title or "The server failed.")
