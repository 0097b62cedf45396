"""Connections as clients use them that are no browsers: closed after one answer, or with requests sent ahead."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator

import pytest

from heylook_core.testkit.server import LiveServer, live_server, toy_settings


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
