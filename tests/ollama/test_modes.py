"""Which API answers on which port, and both of them on one conversation."""

from __future__ import annotations

import logging

import httpx
import msgspec
import pytest

from heylook_api_ollama.dialect import OllamaDialect
from heylook_core.catalog import Catalog
from heylook_core.config import load_settings
from heylook_core.errors import ConfigError
from heylook_core.plugins import Plugins
from heylook_core.testkit.server import LiveServer, live_server, toy_settings
from heylook_core.web.listen import close, listen
from heylook_core.web.run import Server

CHAT = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "tell me"}]


def server_of(api: str, port: int | None = None) -> Server:
    settings = toy_settings(server={"api": api, "port": port})
    plugins = Plugins()
    return Server(settings, plugins, Catalog(settings, plugins))


@pytest.mark.unit
@pytest.mark.parametrize(
    ("api", "port", "ports"),
    [
        ("openai", None, [8080]),
        ("ollama", None, [11434]),
        ("both", None, [8080, 11434]),
        ("all", None, [8080, 11434]),
        ("all", 9000, [9000]),
        ("ollama", 9000, [9000]),
    ],
)
def test_every_api_has_its_clients_port_unless_one_is_given(api: str, port: int | None, ports: list[int]):
    assert server_of(api, port).ports() == ports


@pytest.fixture
def two_ports(monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """Two ports that were free a moment ago, as the dialects' own."""
    from heylook_api_openai.dialect import OpenAIDialect

    first, second = listen("127.0.0.1", 0), listen("127.0.0.1", 0)
    ports = sorted(each[0].getsockname()[1] for each in (first, second))
    close(first + second)
    monkeypatch.setattr(OpenAIDialect, "default_port", ports[0])
    monkeypatch.setattr(OllamaDialect, "default_port", ports[1])
    return ports[0], ports[1]


@pytest.mark.integration
def test_both_apis_answer_on_both_ports(two_ports: tuple[int, int]):
    with live_server(toy_settings(server={"port": None})) as server:
        assert server.server.urls == tuple(f"http://127.0.0.1:{port}" for port in two_ports)
        for url in server.server.urls:
            assert httpx.get(f"{url}/api/version").status_code == 200
            assert httpx.get(f"{url}/v1/models").status_code == 200
            assert httpx.get(f"{url}/health").status_code == 200
            assert isinstance(httpx.get(f"{url}/api/none").json()["error"], str)
            assert isinstance(httpx.get(f"{url}/v1/none").json()["error"], dict)


@pytest.mark.integration
def test_taken_port_of_a_real_ollama_is_said_and_the_other_one_serves(
    two_ports: tuple[int, int], caplog: pytest.LogCaptureFixture
):
    taken = listen("127.0.0.1", two_ports[1])
    try:
        with caplog.at_level(logging.WARNING), live_server(toy_settings(server={"port": None})) as server:
            assert server.server.urls == (f"http://127.0.0.1:{two_ports[0]}",)
            assert httpx.get(f"{server.url}/api/version").status_code == 200
    finally:
        close(taken)
    assert f"Port {two_ports[1]} on 127.0.0.1 is already in use" in caplog.text
    assert f"Going on with port {two_ports[0]} alone" in caplog.text


@pytest.mark.integration
def test_first_port_is_needed(two_ports: tuple[int, int]):
    taken = listen("127.0.0.1", two_ports[0])
    try:
        with pytest.raises(ConfigError, match="already in use"), live_server(toy_settings(server={"port": None})):
            pass
    finally:
        close(taken)


@pytest.mark.integration
def test_api_that_is_not_served_is_404():
    with live_server(toy_settings(server={"api": "ollama"})) as server:
        assert httpx.get(f"{server.url}/v1/models").status_code == 404
        assert httpx.get(f"{server.url}/health").status_code == 200
    with live_server(toy_settings(server={"api": "openai"})) as server:
        assert httpx.get(f"{server.url}/api/tags").status_code == 404
        assert httpx.get(f"{server.url}/").status_code == 404


@pytest.mark.integration
def test_one_conversation_through_both_apis_is_one_text_with_equal_counts(server: LiveServer):
    openai = {"model": "toy", "messages": CHAT, "temperature": 0.7, "top_p": 0.9, "top_k": 40, "seed": 5}
    openai |= {"max_tokens": 9, "chat_template_kwargs": {"enable_thinking": False}}
    options = {"temperature": 0.7, "top_p": 0.9, "top_k": 40, "seed": 5, "num_predict": 9}
    ollama = {"model": "toy", "messages": CHAT, "options": options, "think": False, "stream": False}
    one = httpx.post(f"{server.url}/v1/chat/completions", json=openai, timeout=60).json()
    other = httpx.post(f"{server.url}/api/chat", json=ollama, timeout=60).json()
    assert one["choices"][0]["message"]["content"] == other["message"]["content"] != ""
    assert one["usage"]["prompt_tokens"] == other["prompt_eval_count"]
    assert one["usage"]["completion_tokens"] == other["eval_count"] == 9


@pytest.mark.integration
def test_model_loaded_through_one_api_shows_in_the_other(server: LiveServer):
    body = {"model": "scripted", "messages": [{"role": "user", "content": "say x"}]}
    httpx.post(f"{server.url}/v1/chat/completions", json=body, timeout=60)
    names = [model["name"] for model in httpx.get(f"{server.url}/api/ps").json()["models"]]
    assert "scripted:latest" in names


@pytest.mark.integration
def test_ollamas_variable_lets_a_web_page_in(monkeypatch: pytest.MonkeyPatch, tmp_path):
    monkeypatch.setenv("OLLAMA_ORIGINS", "https://chat.test, http://other.test:*")
    (tmp_path / "models.yaml").write_text("server: {port: 0}\n")
    settings = load_settings(tmp_path / "models.yaml").settings
    made = msgspec.structs.replace(toy_settings(), server=settings.server)
    with live_server(made) as server:
        for origin, status in (("https://chat.test", 200), ("http://other.test:5", 200), ("https://no.test", 403)):
            answer = httpx.post(f"{server.url}/api/generate", json={"model": "toy"}, headers={"origin": origin})
            assert answer.status_code == status


@pytest.mark.unit
def test_wrong_setting_of_the_dialect_keeps_the_server_from_starting():
    settings = msgspec.structs.replace(toy_settings(), dialects={"ollama": {"colour": "1.2.3"}})
    plugins = Plugins()
    with pytest.raises(ConfigError, match="colour"):
        Server(
            msgspec.structs.replace(settings, server=msgspec.structs.replace(settings.server, api="ollama")),
            plugins,
            Catalog(settings, plugins),
        )
