"""WebSocket routes through the real server: messages, guards, refusals, close codes, clients that leave, the end."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from socket import create_connection
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from heylook_core.dialect import Dialect, Reply, Socket, socket
from heylook_core.errors import Busy, Cancelled, EngineFailed, HeylookError
from heylook_core.plugins import DIALECTS, Plugins
from heylook_core.testkit.server import LiveServer, live_server, toy_settings

pytestmark = pytest.mark.integration

KEY = "secret"


class EchoDialect(Dialect):
    """A text `close N` or `fail` does that; anything else comes back."""

    name = "echo"
    prefixes = ("/echo",)
    left = threading.Event()
    received = 0

    def error(self, error: HeylookError) -> Reply:
        return Reply(status=418, body={"echo": error.message}, headers={"x-odd": "yes"})

    @socket("/echo/{name}", summary="Give back what comes")
    async def echo(self, socket: Socket) -> None:
        if socket.call.params["name"] == "busy":
            raise Busy("All are busy.")
        await socket.accept("v1" if "v1" in socket.offered else None)
        await socket.send(json.dumps([socket.call.params, dict(socket.call.query), bool(socket.call.id)]))
        try:
            while True:
                message = await socket.receive()
                EchoDialect.received += 1
                if message == "bye":
                    return
                if message == "fail":
                    raise EngineFailed("It broke.")
                if message == "bug":
                    raise ZeroDivisionError
                if message == "flood":
                    while True:
                        await socket.send(b"x" * (1 << 19))
                if isinstance(message, str) and message.startswith("close"):
                    await socket.close(int(message.split()[1]), "because" * 30)
                    await socket.close(1000)
                    return
                await socket.send(message)
        except Cancelled:
            EchoDialect.left.set()
            raise


class WithEcho(Plugins):
    def names(self, group: str) -> list[str]:
        return [*super().names(group), "echo"] if group == DIALECTS else super().names(group)

    def load(self, group: str, name: str) -> type[Any]:
        return EchoDialect if (group, name) == (DIALECTS, "echo") else super().load(group, name)


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with live_server(toy_settings(server={"write_timeout": 0.5}), WithEcho()) as running:
        yield running


@contextlib.contextmanager
def opened(server: LiveServer, path: str = "/echo/x", **options: Any) -> Iterator[ClientConnection]:
    with connect(server.url.replace("http", "ws") + path, max_size=None, **options) as client:
        yield client


def close_code(client: ClientConnection) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as closed:
        receive_all(client)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, closed.value.rcvd.reason


def receive_all(client: ClientConnection) -> None:
    while True:
        client.recv(30)


def refused(server: LiveServer, path: str = "/echo/x", **options: Any) -> tuple[int, Any]:
    with pytest.raises(InvalidStatus) as refusal, opened(server, path, **options):
        pass
    return refusal.value.response.status_code, json.loads(refusal.value.response.body or b"null")


def test_texts_and_bytes_go_both_ways(server: LiveServer):
    with opened(server, "/echo/me?a=1&a=2", subprotocols=["v0", "v1"]) as client:
        assert client.subprotocol == "v1"
        assert json.loads(client.recv()) == [{"name": "me"}, {"a": "2"}, True]
        for message in ("text", b"\x00\xff", "", "ä" * 1000, b"x" * (1 << 20)):
            client.send(message)
            assert client.recv() == message


def test_a_handler_that_returns_closes_normally(server: LiveServer):
    with opened(server) as client:
        client.recv()
        client.send("bye")
        assert close_code(client) == (1000, "Normal Closure")


def test_a_close_code_of_the_handler_reaches_the_client_with_a_reason_that_fits(server: LiveServer):
    with opened(server) as client:
        client.recv()
        client.send("close 4408")
        code, reason = close_code(client)
        assert code == 4408
        assert reason == ("because" * 30)[:123]


@pytest.mark.parametrize("how", ["fail", "bug"])
def test_an_error_after_the_handshake_closes_with_the_status_of_the_dialect(server: LiveServer, how: str):
    with opened(server) as client:
        client.recv()
        client.send(how)
        assert close_code(client)[0] == 3418


def test_an_error_before_the_handshake_is_its_answer(server: LiveServer):
    assert refused(server, "/echo/busy") == (418, {"echo": "All are busy."})


def test_a_route_that_does_not_exist_is_worded_by_the_dialect(server: LiveServer):
    status, body = refused(server, "/echo/x/y")
    assert status == 418
    assert "/echo/x/y" in body["echo"]


def test_pages_of_other_sites_are_refused(server: LiveServer):
    status, body = refused(server, origin="http://evil.example")
    assert status == 418
    assert "evil.example" in body["echo"]
    with opened(server, origin="http://localhost:3000") as client:
        assert client.recv()


def test_foreign_host_names_are_refused(server: LiveServer):
    _, _, port = server.url.rpartition(":")
    with (
        create_connection(("127.0.0.1", int(port))) as connection,
        pytest.raises(InvalidStatus) as refusal,
    ):
        connect(f"ws://evil.example:{port}/echo/x", sock=connection)
    assert b"evil.example" in refusal.value.response.body


def test_an_api_key_is_asked_for():
    with live_server(toy_settings(server={"api_keys": [KEY]}), WithEcho()) as server:
        assert refused(server)[0] == 418
        with opened(server, additional_headers={"Authorization": f"Bearer {KEY}"}) as client:
            assert client.recv()


def test_a_web_page_offers_its_api_key_as_a_subprotocol():
    """It can set no header. Which one of the others is spoken is the dialect's choice."""
    with live_server(toy_settings(server={"api_keys": [KEY]}), WithEcho()) as server:
        assert refused(server, subprotocols=["echo.v1", "openai-insecure-api-key.another"])[0] == 418
        with opened(server, subprotocols=["echo.v1", f"openai-insecure-api-key.{KEY}"]) as client:
            assert client.recv()
            assert client.subprotocol != f"openai-insecure-api-key.{KEY}"


def test_a_plain_request_is_told_that_this_is_a_websocket(server: LiveServer):
    answer = httpx.get(f"{server.url}/echo/x")
    assert answer.status_code == 418
    assert "ws://" in answer.json()["echo"]


def test_the_handler_learns_that_its_client_has_left(server: LiveServer):
    EchoDialect.left.clear()
    with opened(server) as client:
        client.recv()
        client.socket.close()
    assert EchoDialect.left.wait(30)


def test_a_client_that_does_not_read_is_cut_off(server: LiveServer):
    EchoDialect.left.clear()
    with opened(server, max_queue=1) as client:
        client.recv()
        client.send("flood")
        assert EchoDialect.left.wait(30)


def test_a_message_beyond_a_megabyte_ends_the_connection(server: LiveServer):
    with opened(server) as client:
        client.recv()
        client.send(b"x" * ((1 << 20) + 1))
        assert close_code(client)[0] == 1009


def test_a_text_that_is_not_utf_8_ends_the_connection(server: LiveServer, caplog: pytest.LogCaptureFixture):
    with opened(server) as client:
        client.recv()
        client.send(b"\xff\xfe", text=True)
        assert close_code(client)[0] == 1007


def test_open_sockets_do_not_keep_the_server_from_stopping():
    server = LiveServer(toy_settings(), WithEcho())
    server.start()
    with opened(server) as client:
        client.recv()
        server.stop()
        assert close_code(client)[0] == 1012
