"""The core's own routes: prefix caches and models, for administrators only."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest

from heylook_core.testkit.server import live_server, toy_settings

LONG = "tell me everything about the sea " * 10


def call(url: str, method: str = "GET", body: object = None, **headers: str) -> tuple[int, dict]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {name.replace("_", "-"): value for name, value in headers.items()})
    request.method = method
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def chat(url: str, *messages: str) -> dict:
    body = {
        "model": "toy",
        "max_tokens": 8,
        "temperature": 0,
        "messages": [
            {"role": "user" if n % 2 == 0 else "assistant", "content": text} for n, text in enumerate(messages)
        ],
    }
    status, answer = call(f"{url}/v1/chat/completions", "POST", body)
    assert status == 200
    return answer


def test_the_cache_tells_what_it_holds_and_can_be_cleared() -> None:
    with live_server(toy_settings()) as server:
        chat(server.url, LONG)
        again = chat(server.url, LONG)
        assert again["usage"]["prompt_tokens_details"]["cached_tokens"] > 300
        (row,) = call(f"{server.url}/v1/admin/cache")[1]["caches"]
        assert (row["model"], row["lookups"], row["hits"]) == ("toy", 2, 1)
        assert row["entries"] > 0
        assert row["bytes"] > 0
        assert call(f"{server.url}/v1/admin/cache", "DELETE") == (200, {"cleared": ["toy"]})
        assert chat(server.url, LONG)["usage"]["prompt_tokens_details"]["cached_tokens"] == 0


def test_loaded_models_are_listed() -> None:
    with live_server(toy_settings()) as server:
        status, answer = call(f"{server.url}/v1/admin/models")
        assert (status, answer["models"], answer["memory"]["reserved_bytes"]) == (200, [], 0)
        assert answer["memory"]["budget_bytes"] > 0
        chat(server.url, "hello")
        (row,) = call(f"{server.url}/v1/admin/models")[1]["models"]
        assert (row["id"], row["state"], row["in_flight"]) == ("toy", "ready", 0)


def test_pages_of_another_origin_are_refused() -> None:
    with live_server(toy_settings()) as server:
        assert call(f"{server.url}/v1/admin/cache", Origin="http://localhost:3000")[0] == 403
        assert call(f"{server.url}/v1/admin/cache", Origin=server.url)[0] == 200


@pytest.mark.parametrize("header", ["X_Admin_Token", "Authorization"])
def test_an_admin_token_is_asked_for_where_one_is_set(header: str) -> None:
    with live_server(toy_settings(server={"admin_tokens": ("secret",)})) as server:
        assert call(f"{server.url}/v1/admin/cache")[0] == 403
        assert call(f"{server.url}/v1/admin/cache", **{header: "Bearer wrong"})[0] == 403
        value = "secret" if header == "X_Admin_Token" else "Bearer secret"
        assert call(f"{server.url}/v1/admin/cache", **{header: value})[0] == 200


def test_a_miss_names_the_message_and_the_character() -> None:
    with live_server(toy_settings()) as server:
        chat(server.url, LONG, "fine", "and the ships?")
        chat(server.url, LONG, "fine", "and the whales?")
        record = server.finishes.get(2)[-1]
        assert record.reuse == "first difference in message 2 (user) at character 8"
