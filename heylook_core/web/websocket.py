"""WebSocket routes: a dialect's handler on Falcon's WebSocket, and refusals of the handshake with a real status."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import falcon
import falcon.asgi
import falcon.media

from heylook_core.dialect import Call, Reply, SocketRoute
from heylook_core.errors import Cancelled, InvalidRequest
from heylook_core.sockets import Socket
from heylook_core.web.disconnect import DEPARTURE, SEND, Send, abort
from heylook_core.web.reply import body_of

REASON_BYTES = 123  # of a close frame, as RFC 6455 has it


class RawText(falcon.media.TextBaseHandlerWS):
    """Falcon would decode JSON."""

    def serialize(self, media: object) -> str:
        return str(media)

    def deserialize(self, payload: str) -> object:
        return payload


class RawBytes(falcon.media.BinaryBaseHandlerWS):
    """Falcon would decode MessagePack."""

    def serialize(self, media: object) -> bytes:
        return bytes(media)  # type: ignore[call-overload,no-any-return]

    def deserialize(self, payload: bytes) -> object:
        return payload


def take_raw_messages(app: falcon.asgi.App[Any, Any]) -> None:
    app.ws_options.media_handlers[falcon.WebSocketPayloadType.TEXT] = RawText()
    app.ws_options.media_handlers[falcon.WebSocketPayloadType.BINARY] = RawBytes()


class FalconSocket(Socket):
    """A Socket over Falcon's. A client that does not read is cut off after `write_timeout` seconds."""

    def __init__(
        self, call: Call, offered: tuple[str, ...], ws: falcon.asgi.WebSocket, send: Send, write_timeout: float
    ) -> None:
        super().__init__(call, offered)
        self._ws = ws
        self._send = send
        self._write_timeout = write_timeout

    async def accept(self, protocol: str | None = None) -> None:
        async with self._writing():
            await self._ws.accept(protocol)

    async def receive(self) -> str | bytes:
        try:
            message = await self._ws.receive_media()
        except falcon.WebSocketDisconnected:
            raise self._left() from None
        return message  # type: ignore[return-value]

    async def send(self, message: str | bytes) -> None:
        async with self._writing():
            if isinstance(message, str):
                await self._ws.send_text(message)
            else:
                await self._ws.send_data(message)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        short = reason.encode()[:REASON_BYTES].decode(errors="ignore")
        with contextlib.suppress(Cancelled):
            async with self._writing():
                await self._ws.close(code, short or None)

    @contextlib.asynccontextmanager
    async def _writing(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._write_timeout):
                yield
        except (falcon.WebSocketDisconnected, falcon.OperationNotAllowed):
            raise self._left() from None
        except TimeoutError:
            abort(self._send)
            raise self._left() from None

    def _left(self) -> Cancelled:
        self.call.gone.announce()
        return Cancelled("The client has left.")


class SocketEndpoint:
    """One WebSocket route as a Falcon resource. A plain GET is told what is expected here."""

    def __init__(self, route: SocketRoute, write_timeout: float) -> None:
        self._handler: Callable[[Socket], Awaitable[None]] = route.handler
        self._write_timeout = write_timeout

    async def on_get(self, request: falcon.asgi.Request, response: falcon.asgi.Response, **params: str) -> None:
        raise InvalidRequest(f"{request.path} is a WebSocket: connect to it with ws:// and the handshake of RFC 6455.")

    async def on_websocket(self, request: falcon.asgi.Request, ws: falcon.asgi.WebSocket, **params: str) -> None:
        call = Call(
            id=request.context.id,
            method="GET",
            path=request.path,
            params=params,
            query={name: value if isinstance(value, str) else value[-1] for name, value in request.params.items()},
            headers=request.headers_lower,
            gone=request.scope[DEPARTURE],
            client=request.remote_addr,
        )
        socket = FalconSocket(call, ws.subprotocols, ws, request.scope[SEND], self._write_timeout)
        try:
            await self._handler(socket)
        except Cancelled:
            if not call.gone.happened:
                raise
        else:
            await socket.close()


async def refuse_handshake(send: Send, reply: Reply) -> None:
    """Answer a handshake with a status and a body, as any request (ASGI's extension `websocket.http.response`)."""
    headers = {"content-type": reply.content_type} | reply.headers
    encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "websocket.http.response.start", "status": reply.status, "headers": encoded})
    await send({"type": "websocket.http.response.body", "body": body_of(reply)})
