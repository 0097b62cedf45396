"""A dialect's Reply or StreamReply as a Falcon response."""

from __future__ import annotations

import falcon.asgi
import msgspec

from heylook_core.departure import Departure
from heylook_core.dialect import Reply, StreamReply
from heylook_core.web.stream import HEADERS, Pieces

encode = msgspec.json.Encoder().encode


def send_reply(response: falcon.asgi.Response, reply: Reply) -> None:
    response.status = reply.status
    response.content_type = reply.content_type
    response.data = body_of(reply)
    response.set_headers(reply.headers)


def body_of(reply: Reply) -> bytes:
    return reply.body if isinstance(reply.body, bytes) else encode(reply.body)


def send_stream(response: falcon.asgi.Response, reply: StreamReply, gone: Departure) -> None:
    response.content_type = reply.content_type
    response.set_headers(HEADERS | reply.headers)
    response.stream = Pieces(reply, gone)  # type: ignore[assignment]
