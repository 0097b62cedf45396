"""What known programs send, in their order, read as they read it (contract: their sources, August 2026)."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

import httpx
import pytest

from tests.ollama.conftest import lines_of

pytestmark = pytest.mark.integration


def test_vs_code_finds_models_and_chats_through_the_other_api_on_the_same_port(http: httpx.Client):
    version = tuple(map(int, http.get("/api/version").json()["version"].split("-")[0].split(".")))
    assert version >= (0, 6, 4)
    chosen = ""
    for model in http.get("/api/tags").json()["models"]:
        headers = {"user-agent": "GitHubCopilotChat/0.30.0"}
        card = http.post("/api/show", json={"model": model["model"]}, headers=headers).json()
        architecture = card["model_info"]["general.architecture"]
        assert isinstance(card["model_info"].get(f"{architecture}.context_length", 4096), int)
        assert card["model_info"]["general.basename"] == model["model"]
        card["capabilities"].index("completion")
        chosen = model["model"] if model["model"].startswith("toy") else chosen
    body = {"model": chosen.removesuffix(":latest"), "messages": [{"role": "user", "content": "hi"}], "stream": True}
    answer = http.post("/v1/chat/completions", json=body)
    assert answer.text.endswith("data: [DONE]\n\n")


def test_open_webui_verifies_lists_chats_and_unloads(http: httpx.Client):
    version = http.get("/api/version").json()["version"]
    assert [int(part) for part in re.sub(r"^v|-.*", "", version).split(".")]
    models = {model["model"]: model["name"] for model in http.get("/api/tags").json()["models"]}
    chat = {
        "model": "scripted:latest",
        "messages": [{"role": "user", "content": "say hello there"}],
        "think": False,
        "options": {},
        "stream": True,
        "keep_alive": "5m",
    }
    assert chat["model"] in models
    lines = lines_of(http.post("/api/chat", json=chat))
    assert "".join(line["message"]["content"] for line in lines) == "hello there"
    [running] = [one for one in http.get("/api/ps").json()["models"] if one["name"] == "scripted:latest"]
    assert datetime.fromisoformat(running["expires_at"]) > datetime.now().astimezone()
    unload = http.post("/api/generate", json={"model": "scripted:latest", "keep_alive": 0, "prompt": ""})
    assert unload.json()["done_reason"] == "unload"
    assert "scripted:latest" not in [one["name"] for one in http.get("/api/ps").json()["models"]]


def test_home_assistant_finds_its_exact_name_and_sends_results_without_names(http: httpx.Client):
    models = [model["model"] for model in http.get("/api/tags").json()["models"]]
    assert "caller:latest" in models
    assert http.post("/api/pull", json={"model": "caller:latest", "stream": True}).text.endswith('"success"}\n')
    tool = {
        "type": "function",
        "function": {
            "name": "HassTurnOn",
            "description": "Turns on",
            "parameters": {"type": "object", "properties": {"name": {"type": "string"}}, "required": []},
        },
    }
    body: dict[str, Any] = {
        "model": "caller:latest",
        "messages": [{"role": "system", "content": "home"}, {"role": "user", "content": "light on"}],
        "tools": [tool],
        "stream": True,
        "keep_alive": -1,
        "think": False,
        "options": {"num_ctx": 8192.0},
    }
    calls = [
        call for line in lines_of(http.post("/api/chat", json=body)) for call in line["message"].get("tool_calls", ())
    ]
    assert calls[0]["function"]["name"] == "HassTurnOn"
    functions = [
        {"function": {"name": one["function"]["name"], "arguments": one["function"]["arguments"]}} for one in calls
    ]
    body["messages"] += [{"role": "assistant", "tool_calls": functions}]
    body["messages"] += [{"role": "tool", "content": json.dumps({"ok": number})} for number in range(2)]
    body["messages"] += [{"role": "user", "content": "show"}]
    seen = json.loads("".join(line["message"]["content"] for line in lines_of(http.post("/api/chat", json=body))))
    asked = [call["id"] for call in seen["messages"][2]["tool_calls"]]
    assert [one["tool_call_id"] for one in seen["messages"] if one["role"] == "tool"] == asked
    assert [one["name"] for one in seen["messages"] if one["role"] == "tool"] == ["HassTurnOn", "HassTurnOn"]


def test_continue_reads_parameters_and_asks_with_its_own_keep_alive(http: httpx.Client):
    card = http.post("/api/show", json={"name": "toy"}).json()
    parameters: dict[str, str] = {}
    for line in card["parameters"].split("\n"):
        match = re.match(r'^(\S+)\s+((?:".*")|\S+)$', line)
        assert match is not None
        parameters[match[1]] = match[2]
    assert parameters["num_ctx"] == "2048"
    assert ".Suffix" not in card["template"]
    body = {
        "model": "toy",
        "prompt": "[toy:say=done]",
        "raw": True,
        "options": {"num_ctx": 8096, "num_predict": 20, "stop": ["\n\n"]},
        "keep_alive": 1800,
        "stream": True,
    }
    lines = lines_of(http.post("/api/generate", json=body))
    assert "".join(line["response"] for line in lines) == "done"
    chat = {"model": "toy", "messages": [{"role": "user", "content": "[toy:say=ok]"}], "stream": False, "think": False}
    assert http.post("/api/chat", json={**chat, "keep_alive": 1800}).json()["message"]["content"] == "ok"


def test_litellm_sends_ids_on_results_only_and_no_content_type(http: httpx.Client):
    talk = [
        {"role": "user", "content": "x", "images": []},
        {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]},
        {"role": "tool", "content": "sunny", "tool_call_id": "call_abc", "images": []},
        {"role": "user", "content": "show"},
    ]
    body = json.dumps({"model": "caller", "messages": talk, "stream": False, "options": {}}).encode()
    seen = json.loads(http.request("POST", "/api/chat", content=body).json()["message"]["content"])
    assert seen["messages"][2]["tool_call_id"] == seen["messages"][1]["tool_calls"][0]["id"]


def test_langchain_adds_up_the_counts_of_all_chunks(http: httpx.Client):
    body = {
        "model": "toy",
        "messages": [{"role": "user", "content": "hello"}],
        "stream": True,
        "format": "",
        "options": {"mirostat": None, "num_predict": 5, "stop": None},
        "keep_alive": None,
        "tools": [],
    }
    lines = lines_of(http.post("/api/chat", json=body))
    assert sum(line.get("eval_count", 0) for line in lines) == 5
    assert any(line["message"]["content"] or line["message"].get("thinking") for line in lines)
