"""Who is let in: host names, origins, keys. Through the real server."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

import httpx
import pytest

from heylook_core.errors import ConfigError
from heylook_core.settings import ServerSettings
from heylook_core.testkit.server import live_server, toy_settings
from heylook_core.web.guards import Origins, allowed_hosts, host_name
from heylook_core.web.listen import close, listen, urls

CHAT = "/v1/chat/completions"
BODY = {"model": "toy", "messages": [{"role": "user", "content": "x"}], "max_tokens": 1}


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    with live_server() as server, httpx.Client(base_url=server.url, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def locked() -> Iterator[httpx.Client]:
    settings = toy_settings(server={"api_keys": ("first", "s\u00e9cond"), "cors_origins": ("https://app.test",)})
    with live_server(settings) as server, httpx.Client(base_url=server.url, timeout=60) as client:
        yield client


@pytest.mark.integration
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:9", "[::1]:80", "LOCALHOST:8080"])
def test_loopback_names_are_let_in(http: httpx.Client, host: str):
    assert http.get("/v1/models", headers={"host": host}).status_code == 200


@pytest.mark.integration
@pytest.mark.parametrize("host", ["evil.test", "evil.test:8080", "localhost.evil.test", "127.0.0.1.evil.test", "["])
def test_name_that_was_rebound_to_this_machine_is_refused(http: httpx.Client, host: str):
    answer = http.get("/v1/models", headers={"host": host})
    assert answer.status_code == 403
    assert answer.json()["error"]["message"]


@pytest.mark.integration
def test_request_ids_are_echoed_if_sane_and_made_otherwise(http: httpx.Client):
    def id_of(given: str) -> str:
        return http.get("/health", headers={"x-request-id": given}).headers["x-request-id"]

    assert id_of("job-17.a:b_c") == "job-17.a:b_c"
    assert id_of("a b") != "a b"
    assert id_of("x" * 129) != "x" * 129
    assert http.get("/nope").headers["x-request-id"] != http.get("/nope").headers["x-request-id"]


@pytest.mark.integration
def test_preflight_of_an_allowed_origin_allows_any_header(http: httpx.Client):
    asked = {
        "origin": "http://localhost:5173",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization, x-stainless-os",
        "access-control-request-private-network": "true",
    }
    for path in (CHAT, "/nope"):
        answer = http.options(path, headers=asked)
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == "http://localhost:5173"
        assert answer.headers["access-control-allow-headers"] == "authorization, x-stainless-os"
        assert "POST" in answer.headers["access-control-allow-methods"]
        assert answer.headers["access-control-allow-private-network"] == "true"


@pytest.mark.integration
def test_preflight_of_a_foreign_origin_is_refused(http: httpx.Client):
    answer = http.options(CHAT, headers={"origin": "https://evil.test", "access-control-request-method": "POST"})
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.integration
@pytest.mark.parametrize(
    "origin", ["https://evil.test", "null", "http://localhost.evil.test:80", "http://localhost:1x"]
)
@pytest.mark.parametrize("path", [CHAT, "/nope", "/health"])
def test_write_from_a_foreign_page_is_refused_on_every_route(http: httpx.Client, origin: str, path: str):
    answer = http.post(path, json=BODY, headers={"origin": origin, "content-type": "text/plain"})
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.integration
def test_write_from_an_allowed_page_and_from_our_own_works(http: httpx.Client):
    for origin in ("http://localhost:3000", "http://[::1]:1", str(http.base_url).rstrip("/")):
        answer = http.post(CHAT, json=BODY, headers={"origin": origin})
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == origin
        assert answer.headers["vary"] == "Origin"


@pytest.mark.integration
def test_foreign_page_may_ask_but_not_read(http: httpx.Client):
    answer = http.get("/v1/models", headers={"origin": "https://evil.test"})
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.integration
@pytest.mark.parametrize(
    "headers", [{}, {"authorization": "Bearer wrong"}, {"authorization": "first"}, {"authorization": "Basic first"}]
)
def test_without_a_right_key_nothing_but_health_is_answered(locked: httpx.Client, headers: dict[str, str]):
    for path in ("/v1/models", "/nope"):
        answer = locked.get(path, headers=headers)
        assert answer.status_code == 401
    assert locked.get("/v1/models", headers=headers).json()["error"]["code"] == "invalid_api_key"
    assert locked.get("/health", headers=headers).status_code == 200


@pytest.mark.integration
def test_each_key_opens_in_both_headers(locked: httpx.Client):
    for key in ("first", "s\u00e9cond"):
        for name, value in (("authorization", f"Bearer {key}"), ("authorization", f"bearer {key}"), ("x-api-key", key)):
            assert locked.get("/v1/models", headers={name.encode(): value.encode()}).status_code == 200, (name, value)


@pytest.mark.integration
def test_preflight_needs_no_key(locked: httpx.Client):
    asked = {"origin": "https://app.test", "access-control-request-method": "POST"}
    assert locked.options(CHAT, headers=asked).status_code == 204


@pytest.mark.unit
def test_origin_patterns():
    origins = Origins(("http://localhost:*", "https://app.test", "app://*"))
    for origin in (
        "http://localhost",
        "http://localhost:1",
        "https://app.test",
        "HTTPS://App.test",
        "app://obsidian.md",
    ):
        assert origins.allow(origin), origin
    for origin in (
        "https://localhost:1",
        "https://app.test:8",
        "http://localhost:1.evil.test",
        "https://app.test.x",
        "",
    ):
        assert not origins.allow(origin), origin
    assert Origins(("*",)).allow("null")
    assert not Origins(()).allow("null")


@pytest.mark.unit
def test_host_names_are_guarded_on_loopback_only_unless_configured():
    assert allowed_hosts(ServerSettings()) == frozenset(("localhost", "127.0.0.1", "::1"))
    assert allowed_hosts(ServerSettings(host="0.0.0.0")) is None
    assert allowed_hosts(ServerSettings(host="0.0.0.0", allowed_hosts=("Mine.Test",))) == frozenset(("mine.test",))
    assert allowed_hosts(ServerSettings(allowed_hosts=("*",))) is None
    assert host_name("[::1]:80") == "::1"
    assert host_name("[") == ""


@pytest.mark.unit
def test_port_in_use_is_one_clear_sentence():
    first = listen("127.0.0.1", 0)
    try:
        port = first[0].getsockname()[1]
        assert urls("127.0.0.1", first) == (f"http://127.0.0.1:{port}",)
        assert urls("0.0.0.0", first) == (f"http://localhost:{port}",)
        with pytest.raises(ConfigError, match=f"Port {port} on 127.0.0.1 is already in use; .* --port") as error:
            listen("127.0.0.1", port)
        assert isinstance(error.value.__cause__, OSError)
        assert error.value.__cause__.errno == errno.EADDRINUSE
    finally:
        close(first)


@pytest.mark.unit
def test_answers_are_not_delayed_by_nagle():
    sockets = listen("127.0.0.1", 0)
    try:
        assert {each.proto for each in sockets} == {socket.IPPROTO_TCP}
    finally:
        close(sockets)


@pytest.mark.unit
def test_name_without_an_address_is_a_clear_error():
    with pytest.raises(ConfigError, match=r"cannot listen on 'no-such-host.invalid'"):
        listen("no-such-host.invalid", 0)
