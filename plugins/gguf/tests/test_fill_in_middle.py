"""Text around a gap: a model that knows the marks fills it in, through both APIs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from heylook_core.settings import ModelEntry, ServerSettings, Settings
from heylook_core.testkit.server import live_server

gguf = pytest.importorskip("gguf")

pytestmark = pytest.mark.integration

BEFORE, AFTER = "the quick brown ", " over the lazy dog"
# Where the tokenizer of these tests keeps them: bytes that no text of these tests has.
PREFIX, SUFFIX, MIDDLE = 10, 11, 12


def add_marks(writer: Any) -> None:
    for name, token in (("pre", PREFIX), ("suf", SUFFIX), ("mid", MIDDLE)):
        writer.add_uint32(f"tokenizer.ggml.fim_{name}_token_id", token)


@pytest.fixture(scope="module")
def http(
    tmp_path_factory: pytest.TempPathFactory, make_model: Callable[..., Path], tiny: Path
) -> Iterator[httpx.Client]:
    marked = make_model(tmp_path_factory.mktemp("marks") / "marked.gguf", extra=add_marks)
    config = {"n_ctx": 512, "n_threads": 1, "temperature": 0.0}
    models = tuple(
        ModelEntry(id=name, provider="gguf", placement="thread", config={**config, "model_path": str(path)})
        for name, path in (("marked", marked), ("plain", tiny))
    )
    settings = Settings(max_loaded_models=2, models=models, server=ServerSettings(port=0))
    with live_server(settings) as server, httpx.Client(base_url=server.url, timeout=60) as made:
        yield made


def answered(http: httpx.Client, path: str, **body: Any) -> dict[str, Any]:
    answer = http.post(path, json={"model": "marked", **body})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_the_gap_is_filled_as_the_marks_around_it_ask(http: httpx.Client):
    before, after = (
        answered(http, "/tokenize", prompt=text, add_special_tokens=False)["tokens"] for text in (BEFORE, AFTER)
    )
    marked = [PREFIX, *before, SUFFIX, *after, MIDDLE]
    spelled = answered(http, "/v1/completions", prompt=marked, max_tokens=12)
    filled = answered(http, "/v1/completions", prompt=BEFORE, suffix=AFTER, max_tokens=12)
    assert filled["usage"]["prompt_tokens"] == len(marked)
    assert filled["choices"][0]["text"] == spelled["choices"][0]["text"]
    assert (
        filled["choices"][0]["text"]
        != answered(http, "/v1/completions", prompt=BEFORE, max_tokens=12)["choices"][0]["text"]
    )
    of_tokens = answered(http, "/v1/completions", prompt=before, suffix=AFTER, max_tokens=12)
    assert of_tokens["choices"][0]["text"] == filled["choices"][0]["text"]
    ollama = answered(
        http,
        "/api/generate",
        prompt=BEFORE,
        suffix=AFTER,
        stream=False,
        options={"num_predict": 12, "repeat_penalty": 1},
    )
    assert ollama["response"] == filled["choices"][0]["text"]


def test_a_gap_may_be_at_the_beginning_and_its_filling_streamed(http: httpx.Client):
    body = {"prompt": "", "suffix": AFTER, "max_tokens": 8}
    whole = answered(http, "/v1/completions", **body)["choices"][0]["text"]
    with http.stream("POST", "/v1/completions", json={"model": "marked", "stream": True, **body}) as answer:
        lines = [line for line in answer.iter_lines() if line.startswith("data: {")]
    assert "".join(json.loads(line[6:])["choices"][0]["text"] for line in lines) == whole


def test_a_model_without_marks_refuses_by_name(http: httpx.Client):
    answer = http.post("/v1/completions", json={"model": "plain", "prompt": BEFORE, "suffix": AFTER})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "suffix"
    assert "fill_in_middle" in answer.json()["error"]["message"]


def test_the_capability_is_told(http: httpx.Client):
    for name, told in (("marked", True), ("plain", False)):
        assert ("fill_in_middle" in http.get(f"/v1/models/{name}").json()["capabilities"]) is told
