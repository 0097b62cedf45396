"""Every hook has a docstring, a heading in the docs with its arguments, and a test here called `test_hook_<name>`."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import click
import httpx
import pytest

from heylook_core import hookspecs
from heylook_core.dialect import Call, Reply, operation
from heylook_core.hookspecs import hookimpl
from heylook_core.pages import Pages
from heylook_core.plugins import Plugins
from heylook_core.settings import ModelEntry
from heylook_core.testkit.server import live_server, toy_settings

DOCS = Path(__file__).resolve().parents[2] / "docs" / "reference" / "hooks.md"
HOOKS = {
    name: function for spec in hookspecs.SPECS for name, function in vars(spec).items() if not name.startswith("_")
}


@pytest.mark.unit
@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_has_a_docstring(name):
    assert (HOOKS[name].__doc__ or "").strip().endswith(".")


@pytest.mark.unit
@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_has_a_heading_with_its_arguments(name):
    arguments = ", ".join(list(inspect.signature(HOOKS[name]).parameters)[1:])
    assert f"\n### {name}({arguments})\n" in DOCS.read_text()


@pytest.mark.unit
def test_the_docs_describe_no_other_hooks():
    assert set(re.findall(r"^### (\w+)\(", DOCS.read_text(), re.MULTILINE)) == set(HOOKS)


@pytest.mark.unit
@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_has_a_test(name):
    assert f"test_hook_{name}" in globals()


# ------------------------------------------------------------------ told by a real server


class Told:
    """Remembers what the server told it, in order."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def of(self, hook: str) -> list[dict[str, Any]]:
        return [arguments for name, arguments in self.calls if name == hook]

    @hookimpl
    def server_started(self, urls):
        self.calls.append(("server_started", {"urls": urls}))

    @hookimpl
    def server_stopping(self):
        self.calls.append(("server_stopping", {}))

    @hookimpl
    def model_loading(self, entry):
        self.calls.append(("model_loading", {"entry": entry}))

    @hookimpl
    def model_loaded(self, entry, info, seconds):
        self.calls.append(("model_loaded", {"entry": entry, "info": info, "seconds": seconds}))

    @hookimpl
    def model_unloaded(self, model_id, reason):
        self.calls.append(("model_unloaded", {"model_id": model_id, "reason": reason}))

    @hookimpl
    def residency_event(self, event):
        self.calls.append(("residency_event", {"event": event}))

    @hookimpl
    def request_received(self, request_id, dialect, model):
        self.calls.append(("request_received", {"request_id": request_id, "dialect": dialect, "model": model}))

    @hookimpl
    def prompt_reused(self, model_id, tokens, of, why):
        self.calls.append(("prompt_reused", {"model_id": model_id, "tokens": tokens, "of": of, "why": why}))

    @hookimpl
    def prefix_evicted(self, model_id, nbytes):
        self.calls.append(("prefix_evicted", {"model_id": model_id, "nbytes": nbytes}))

    @hookimpl
    def content_wanted(self):
        return True

    @hookimpl
    def request_finished(self, record, content):
        self.calls.append(("request_finished", {"record": record, "content": content}))


@pytest.fixture(scope="module")
def served() -> tuple[Told, str]:
    """What a server tells while it answers the same question twice, and its address."""
    told, plugins = Told(), Plugins()
    plugins.add("told", told)
    with live_server(toy_settings(), plugins) as server:
        for _ in range(2):
            body = {"model": "toy", "messages": [{"role": "user", "content": "a question " * 20}], "max_tokens": 4}
            assert httpx.post(f"{server.url}/v1/chat/completions", json=body, trust_env=False).status_code == 200
        server.finishes.get(2)
        url = server.url
    return told, url


def test_hook_server_started(served):
    told, url = served
    assert told.calls[0] == ("server_started", {"urls": (url,)})


def test_hook_server_stopping(served):
    told, _ = served
    names = [name for name, _ in told.calls]
    assert names.count("server_stopping") == 1
    assert names.index("server_stopping") > names.index("request_finished")


def test_hook_model_loading(served):
    (call,) = served[0].of("model_loading")
    assert call["entry"].id == "toy"


def test_hook_model_loaded(served):
    (call,) = served[0].of("model_loaded")
    assert call["entry"].id == "toy"
    assert "chat" in call["info"].capabilities
    assert call["seconds"] >= 0


def test_hook_model_unloaded(served):
    assert served[0].of("model_unloaded") == [{"model_id": "toy", "reason": "shutdown"}]


def test_hook_residency_event(served):
    events = [call["event"] for call in served[0].of("residency_event")]
    assert [(event.model, event.decision) for event in events] == [
        ("toy", "loading"),
        ("toy", "loaded"),
        ("toy", "unloaded"),
    ]
    assert all(event.reason.endswith(".") for event in events)


def test_hook_request_received(served):
    first, second = served[0].of("request_received")
    assert (first["dialect"], first["model"]) == ("openai", "toy")
    assert first["request_id"] != second["request_id"]


def test_hook_prompt_reused(served):
    call = served[0].of("prompt_reused")[-1]
    assert call["model_id"] == "toy"
    assert 0 < call["tokens"] < call["of"]


def test_hook_request_finished(served):
    records = [call["record"] for call in served[0].of("request_finished")]
    assert [(record.outcome, record.model, record.completion_tokens) for record in records] == [("ok", "toy", 4)] * 2
    received = [call["request_id"] for call in served[0].of("request_received")]
    assert [record.request_id for record in records] == received


def test_hook_content_wanted(served):
    contents = [call["content"] for call in served[0].of("request_finished")]
    assert [content.messages for content in contents] == [({"role": "user", "content": "a question " * 20},)] * 2
    assert all(content.answers[0] for content in contents)


# ------------------------------------------------------------------ told or asked elsewhere


def test_hook_prefix_evicted():
    told, plugins = Told(), Plugins()
    plugins.add("told", told)
    plugins.notify("prefix_evicted", model_id="toy", nbytes=5)
    assert told.of("prefix_evicted") == [{"model_id": "toy", "nbytes": 5}]


class Greeting(Pages):
    name = "greeting"
    prefixes = ("/greeting",)

    @operation("GET", "/greeting", summary="Greet", response=dict[str, str])
    async def greet(self, call: Call) -> Reply:
        return Reply(body={"greeting": "hello"})


class Answers:
    @hookimpl
    def add_commands(self, commands):
        commands.add_command(click.Command("greet"))

    @hookimpl
    def diagnose(self):
        return [("greeter", "ok", "It is well.")]

    @hookimpl
    def unusable(self):
        return "It needs a typewriter."

    @hookimpl
    def provide_models(self):
        return [ModelEntry(id="theirs", provider="toy")]

    @hookimpl
    def memory_limit(self):
        return 5 << 30

    @hookimpl
    def add_pages(self):
        return [Greeting]

    @hookimpl
    def recognise_model(self, path):
        return ModelEntry(id=path.stem, provider="toy") if path.suffix == ".toy" else None


@pytest.fixture
def asked() -> Plugins:
    plugins = Plugins()
    plugins.add("answers", Answers())
    return plugins


def test_hook_add_commands(asked):
    group = click.Group()
    asked.notify("add_commands", commands=group)
    assert list(group.commands) == ["greet"]


def test_hook_diagnose(asked):
    assert asked.ask("diagnose") == [[("greeter", "ok", "It is well.")]]


def test_hook_unusable(asked):
    assert asked.ask("unusable") == ["It needs a typewriter."]


def test_hook_provide_models(asked):
    assert asked.ask("provide_models") == [[ModelEntry(id="theirs", provider="toy")]]


@pytest.mark.parametrize("api", ["openai", "ollama"])
def test_hook_add_pages(asked, api):
    with live_server(toy_settings(server={"api": api}), asked) as server:
        assert httpx.get(f"{server.url}/greeting", trust_env=False).json() == {"greeting": "hello"}
        assert "/greeting" in httpx.get(f"{server.url}/openapi.json", trust_env=False).json()["paths"]
        missing = httpx.get(f"{server.url}/greeting/x", trust_env=False)
        assert (missing.status_code, missing.json()["error"]["kind"]) == (404, "not_found")


def test_hook_memory_limit(asked):
    assert 5 << 30 in asked.ask("memory_limit")


def test_hook_recognise_model(asked):
    assert asked.ask("recognise_model", path=Path("a.toy")) == [ModelEntry(id="a", provider="toy")]
    assert asked.ask("recognise_model", path=Path("a.gguf")) == []
