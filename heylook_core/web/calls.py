"""Falcon middleware: what is known of the call that is served, and a record of it if it ends before a model has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import falcon.asgi

from heylook_core.calls import CALL, CurrentCall
from heylook_core.dialect import Dialect, Operation
from heylook_core.request_log import RequestLog

Request = falcon.asgi.Request
Response = falcon.asgi.Response


class Calls:
    """Comes right after the request's id is known and before every guard, so that what they refuse is seen too.

    The error handler leaves the error that was answered in `request.context.error`, the endpoint the name of the model
    that was asked for in `request.context.model`. The handler of an accepted WebSocket tells what it refuses itself.
    """

    def __init__(self, log: RequestLog, dialects: Sequence[Dialect]) -> None:
        self._log = log
        self._known: dict[tuple[str, str], tuple[Dialect, Operation]] = {
            (route.operation.method, route.operation.path): (dialect, route.operation)
            for dialect in dialects
            for route in dialect.routes()
            if route.operation.kind is not None
        }
        self._sockets = {
            route.operation.path: (dialect, route.operation.kind) for dialect in dialects for route in dialect.sockets()
        }

    async def process_request(self, request: Request, response: Response) -> None:
        known = self._known.get((request.method, request.path))
        if known is None:
            CALL.set(CurrentCall(request.context.id))
        else:
            dialect, operation = known
            status_of = _Status(dialect)
            CALL.set(CurrentCall(request.context.id, dialect.name, operation.kind, status_of))

    async def process_request_ws(self, request: Request, ws: falcon.asgi.WebSocket) -> None:
        id_ = getattr(request.context, "id", "")
        known = self._sockets.get(request.path)
        CALL.set(CurrentCall(id_, known[0].name, known[1], _Status(known[0])) if known else CurrentCall(id_))

    async def process_response(self, request: Request, response: Response, resource: Any, ok: bool) -> None:
        call, error = CALL.get(), getattr(request.context, "error", None)
        if call is not None and error is not None:
            self._log.refuse(call, error, getattr(request.context, "model", ""))


class _Status:
    """The status of a dialect's answer to an error."""

    __slots__ = ("_dialect",)

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    def __call__(self, error: Any) -> int:
        return self._dialect.error(error).status
