"""Head and body of a short answer are one write; pieces of a stream go out as they come."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from heylook_core.testkit.server import LiveServer, live_server, toy_settings
from heylook_core.web.disconnect import Exchange


class Connection:
    """What uvicorn has of a connection, as far as its `send` writes to it."""

    def __init__(self) -> None:
        self.transport: Any = self
        self.told: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.told.append(data)

    def close(self) -> None:
        self.told.append(b"closed")

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.transport.write(b"head ")
        else:
            self.transport.write(message["body"])
            if message.get("last"):
                self.transport.close()


def told(headers: list[tuple[bytes, bytes]], *bodies: dict[str, Any]) -> list[bytes]:
    async def whole() -> list[bytes]:
        connection = Connection()

        async def receive() -> dict[str, Any]:
            return {"type": "http.request"}

        exchange = Exchange(receive, connection.send, 60.0)
        await exchange.send({"type": "http.response.start", "status": 200, "headers": headers})
        for body in bodies:
            await exchange.send({"type": "http.response.body", **body})
        assert connection.transport is connection
        return connection.told

    return asyncio.run(whole())


def test_an_answer_whose_size_is_known_is_one_write():
    assert told([(b"content-length", b"4")], {"body": b"body"}) == [b"head body"]


def test_what_follows_its_first_piece_is_written_as_it_comes():
    assert told([(b"content-length", b"2")], {"body": b"a"}, {"body": b"b"}) == [b"head a", b"b"]


def test_it_is_written_before_the_connection_is_closed():
    assert told([(b"content-length", b"4")], {"body": b"body", "last": True}) == [b"head body", b"closed"]


def test_the_head_of_a_stream_does_not_wait():
    assert told([(b"content-type", b"text/event-stream")], {"body": b"a"}, {"body": b"b"}) == [b"head ", b"a", b"b"]


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with live_server(toy_settings()) as running:
        yield running


@pytest.mark.integration
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_connection_that_is_not_kept_gets_the_whole_answer(server: LiveServer, version: str):
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        request = f"GET /v1/models HTTP/{version}\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode())
        answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head.lower()
    assert body.startswith(b'{"object":"list"')


@pytest.mark.integration
def test_requests_that_are_sent_ahead_are_answered_in_order(server: LiveServer):
    host, port = server.url.removeprefix("http://").split(":")
    paths = ["/v1/models/toy", "/v1/models/none", "/v1/models/toy"]
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        heads = [f"GET {path} HTTP/1.1\r\nHost: {host}\r\n" for path in paths]
        connection.sendall(("\r\n".join(heads) + "Connection: close\r\n\r\n").encode())
        answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"404", b"200"]
