"""One path of a dialect as a Falcon resource: a responder for each method."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any

import falcon.asgi
import msgspec

from heylook_core.complaints import invalid_value
from heylook_core.dialect import Call, Form, Operation, Route, StreamReply
from heylook_core.errors import Cancelled, InvalidRequest
from heylook_core.settings import Settings
from heylook_core.web.body import Limit, decode, read_body
from heylook_core.web.disconnect import DEPARTURE
from heylook_core.web.form import read_form
from heylook_core.web.reply import send_reply, send_stream

Responder = Callable[..., Awaitable[None]]


class Endpoint:
    """Falcon finds responders as attributes `on_get`, `on_post`, … of the resource."""

    def __init__(self, routes: Iterable[Route], settings: Settings) -> None:
        for route in routes:
            setattr(self, f"on_{route.operation.method.lower()}", responder(route, settings))


def responder(route: Route, settings: Settings) -> Responder:
    operation, handler = route.operation, route.handler
    body_of = _body_reader(operation, Limit(attrgetter(operation.limit)(settings), operation.limit))

    async def respond(request: falcon.asgi.Request, response: falcon.asgi.Response, **params: str) -> None:
        gone = request.scope[DEPARTURE]
        body = await body_of(request)
        request.context.model = _model_of(body)
        if gone.happened:
            raise Cancelled("The client left before its request was complete.")
        query = _single_values(request.params)
        call = Call(
            id=request.context.id,
            method=operation.method,
            path=request.path,
            params=params,
            query=query,
            args=_arguments(operation, query),
            headers=request.headers_lower,
            body=body,
            gone=gone,
            client=request.remote_addr,
        )
        reply = await handler(call)
        if isinstance(reply, StreamReply):
            send_stream(response, reply, gone)
        else:
            send_reply(response, reply)

    return respond


def _model_of(body: Any) -> str:
    """What a decoded body names as its model, for the record of a request that comes to none."""
    model = getattr(body, "model", None)
    return model if isinstance(model, str) else ""


def _body_reader(operation: Operation, limit: Limit) -> Callable[[falcon.asgi.Request], Awaitable[Any]]:
    async def nothing(request: falcon.asgi.Request) -> None:
        await read_body(request, limit)

    async def raw(request: falcon.asgi.Request) -> bytes:
        return await read_body(request, limit)

    async def form(request: falcon.asgi.Request) -> Form:
        _refuse_encoded(request)
        return await read_form(request, limit)

    if operation.body is None:
        return nothing
    if operation.body is bytes:
        return raw
    if operation.body is Form:
        return form
    decoder = msgspec.json.Decoder(operation.body)

    async def decoded(request: falcon.asgi.Request) -> Any:
        _refuse_encoded(request)
        return decode(decoder, await read_body(request, limit), request.content_type)

    return decoded


def _arguments(operation: Operation, query: Mapping[str, str]) -> Any:
    """The query parameters as the operation's Struct. Raises InvalidRequest that names the one at fault."""
    if operation.query is None:
        return None
    try:
        return msgspec.convert(query, operation.query, strict=False)
    except msgspec.ValidationError as error:
        raise invalid_value(str(error), "The query") from None


def _refuse_encoded(request: falcon.asgi.Request) -> None:
    encoding = request.get_header("content-encoding", default="identity")
    if encoding != "identity":
        raise InvalidRequest(f"Bodies in the content encoding {encoding!r} are not accepted; send it uncompressed.")


def _single_values(params: Mapping[str, str | list[str]]) -> dict[str, str]:
    """Query parameters; the last one counts where a name is repeated."""
    return {name: value if isinstance(value, str) else value[-1] for name, value in params.items()}
