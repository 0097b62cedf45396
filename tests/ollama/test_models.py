"""GET /api/tags, GET /api/ps, POST /api/show and the management routes."""

from __future__ import annotations

import json
import re
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from heylook_core.settings import ModelEntry, Settings
from heylook_core.testkit.server import LiveServer, live_server, toy_settings

pytestmark = pytest.mark.integration

HEX = re.compile(r"[0-9a-f]{64}")
# Continue's own expression for a line of `parameters`.
LINE = re.compile(r'^(\S+)\s+((?:".*")|\S+)$')


def checkpoint(folder: Path) -> Path:
    """A folder in the form of Hugging Face with one tensor of 6 weights."""
    folder.mkdir()
    config = {"model_type": "llama", "max_position_embeddings": 4096, "hidden_size": 8, "num_hidden_layers": 2}
    config |= {"num_attention_heads": 4, "num_key_value_heads": 2, "torch_dtype": "bfloat16"}
    (folder / "config.json").write_text(json.dumps(config))
    template = "{% if tools %}x{% endif %}{% if enable_thinking %}y{% endif %}"
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": template}))
    header = json.dumps({"w": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]}}).encode()
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"\0" * 12)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def shelf(folder: Path) -> Any:
    """A server with a model that is not loaded; its provider need not be able to."""
    config = {"model_path": str(folder), "temperature": 0.25, "stop": ['a "quoted" stop', "\n\n"], "context": 2048}
    entry = ModelEntry(id="org/tiny", provider="mlx", config=config, aliases=("tiny",))
    settings = toy_settings()
    with live_server(msgspec.structs.replace(settings, models=(*settings.models, entry))) as server:
        yield server


@pytest.fixture(scope="module")
def http_shelf(shelf: LiveServer) -> Any:
    with httpx.Client(base_url=shelf.url, timeout=60) as client:
        yield client


def listed(http: httpx.Client) -> dict[str, dict[str, Any]]:
    return {model["name"]: model for model in http.get("/api/tags").json()["models"]}


def test_every_model_and_alias_is_listed_with_its_tag(http_shelf: httpx.Client):
    models = listed(http_shelf)
    assert models.keys() == {"toy:latest", "org/tiny:latest", "tiny:latest"}
    for name, model in models.items():
        assert model.keys() == {"name", "model", "modified_at", "size", "digest", "details", "capabilities"}
        assert model["model"] == name
        assert HEX.fullmatch(model["digest"])
        assert isinstance(model["size"], int)
        datetime.fromisoformat(model["modified_at"])
        details = model["details"]
        assert all(details[key] for key in ("format", "family", "families", "parameter_size", "quantization_level"))
        assert details["parent_model"] == ""


def test_sizes_and_digests_are_those_of_the_files(http_shelf: httpx.Client, folder: Path):
    model = listed(http_shelf)["org/tiny:latest"]
    file = folder / "model.safetensors"
    assert model["size"] == file.stat().st_size
    details = model["details"]
    assert (details["format"], details["family"], details["families"]) == ("safetensors", "llama", ["llama"])
    assert (details["parameter_size"], details["quantization_level"]) == ("6", "BF16")
    assert details["embedding_length"] == 8
    assert listed(http_shelf)["tiny:latest"]["digest"] == model["digest"]
    assert listed(http_shelf)["org/tiny:latest"]["digest"] == model["digest"]
    file.write_bytes(file.read_bytes()[:-1] + b"\1")
    assert listed(http_shelf)["org/tiny:latest"]["digest"] != model["digest"]


def test_newest_model_comes_first(http_shelf: httpx.Client):
    dates = [model["modified_at"] for model in listed(http_shelf).values()]
    assert dates[:2] == sorted(dates[:2], reverse=True)


def test_card_of_a_model_that_is_not_loaded_comes_from_its_files(http_shelf: httpx.Client):
    card = http_shelf.post("/api/show", json={"model": "tiny"}).json()
    info = card["model_info"]
    assert info["general.architecture"] == "llama"
    assert info["general.parameter_count"] == 6
    assert info["general.basename"] == "org/tiny"
    assert info["llama.block_count"] == 2
    assert info["llama.attention.head_count_kv"] == 2
    assert {"completion", "tools", "thinking"} <= set(card["capabilities"])
    assert "enable_thinking" in card["template"]
    assert "general.name" not in info
    assert str(Path.home()) not in json.dumps(card)
    assert http_shelf.get("/api/ps").json() == {"models": []}


def test_card_has_parameters_that_continue_can_parse(http_shelf: httpx.Client):
    pytest.importorskip("heylook_mlx")
    lines = http_shelf.post("/api/show", json={"name": "tiny"}).json()["parameters"].splitlines()
    matches = [match for line in lines if (match := LINE.match(line))]
    assert len(matches) == len(lines)
    parsed = {match[1]: match[2] for match in matches}
    assert parsed["temperature"] == "0.25"
    assert parsed["num_ctx"] == "2048"
    assert [json.loads(match[2]) for match in matches if match[1] == "stop"] == ['a "quoted" stop', "\n\n"]
    assert lines[0].startswith("num_ctx" + " " * 24)


def test_context_is_that_which_requests_really_have(http_shelf: httpx.Client):
    pytest.importorskip("heylook_mlx")
    card = http_shelf.post("/api/show", json={"name": "tiny"}).json()
    assert card["model_info"]["llama.context_length"] == 2048
    assert card["details"]["context_length"] == 2048


def test_copilot_is_shown_the_name_that_it_asked_for(http_shelf: httpx.Client):
    headers = {"user-agent": "GitHubCopilotChat/0.30"}
    card = http_shelf.post("/api/show", json={"model": "tiny:latest"}, headers=headers).json()
    assert card["model_info"]["general.basename"] == "tiny:latest"


def test_loaded_model_tells_its_own_capabilities(http: httpx.Client):
    http.post("/api/generate", json={"model": "caller"})
    card = http.post("/api/show", json={"model": "caller"}).json()
    assert card["capabilities"] == ["completion", "tools", "vision", "thinking", "audio"]
    assert card["model_info"]["calling.context_length"] == 4096


def test_lists_are_lists_when_there_is_nothing():
    with live_server(Settings(server=toy_settings().server)) as server:
        assert httpx.get(f"{server.url}/api/ps").json() == {"models": []}
        assert isinstance(httpx.get(f"{server.url}/api/tags").json()["models"], list)


def test_models_that_are_loaded_expire_when_they_say(http: httpx.Client):
    def expiry(name: str) -> float:
        [model] = [one for one in http.get("/api/ps").json()["models"] if one["name"] == name]
        assert model.keys() == {
            "name",
            "model",
            "size",
            "digest",
            "details",
            "expires_at",
            "size_vram",
            "context_length",
        }
        return datetime.fromisoformat(model["expires_at"]).timestamp()

    before = time.time()
    http.post("/api/generate", json={"model": "scripted", "keep_alive": "10m"})
    after = time.time()
    assert before + 599.9 <= expiry("scripted:latest") <= after + 600.1
    http.post("/api/chat", json={"model": "scripted", "keep_alive": -1})
    assert expiry("scripted:latest") > after + 200 * 365 * 86400
    names = [one["name"] for one in http.get("/api/ps").json()["models"]]
    assert "scripted:latest" in names


def test_keep_alive_of_zero_unloads_after_the_answer(http: httpx.Client):
    body = {"model": "plain", "messages": [{"role": "user", "content": "x"}], "keep_alive": 0}
    for stream in (True, False):
        assert http.post("/api/chat", json={**body, "stream": stream}).status_code == 200
        deadline = time.monotonic() + 60
        while any(one["name"] == "plain:latest" for one in http.get("/api/ps").json()["models"]):
            assert time.monotonic() < deadline


def test_pull_of_a_known_model_succeeds_at_once(http: httpx.Client):
    assert http.post("/api/pull", json={"model": "toy", "stream": False}).json() == {"status": "success"}
    answer = http.post("/api/pull", json={"name": "TOY:latest"})
    assert answer.headers["content-type"] == "application/x-ndjson"
    statuses = [json.loads(line)["status"] for line in answer.text.splitlines()]
    assert (statuses[0], statuses[-1]) == ("pulling manifest", "success")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/pull", {"model": "llama9"}),
        ("POST", "/api/push", {"model": "toy"}),
        ("POST", "/api/create", {"model": "new", "from": "toy"}),
        ("POST", "/api/copy", {"source": "toy", "destination": "b"}),
        ("DELETE", "/api/delete", {"model": "toy"}),
        ("POST", "/api/blobs/sha256:00", {}),
    ],
)
def test_what_this_server_does_not_do_is_501_with_the_reason(
    http: httpx.Client, method: str, path: str, body: dict[str, str]
):
    answer = http.request(method, path, json=body)
    assert answer.status_code == 501
    assert answer.json()["error"].endswith(".")
    assert len(answer.json()["error"]) > 40


def test_no_blob_is_there(http: httpx.Client):
    assert http.head("/api/blobs/sha256:00").status_code == 404


def test_embeddings_are_normalised_rows_of_floats(http: httpx.Client):
    answer = http.post("/api/embed", json={"model": "toy", "input": ["a", "bc", "a"]}).json()
    assert answer.keys() == {"model", "embeddings", "total_duration", "load_duration", "prompt_eval_count"}
    assert 0 < answer["load_duration"] < answer["total_duration"]
    one, two, three = answer["embeddings"]
    assert one == three != two
    assert sum(value * value for value in one) == pytest.approx(1, abs=1e-5)
    assert answer["prompt_eval_count"] == 4
    assert http.post("/api/embed", json={"model": "toy", "input": "a"}).json()["embeddings"] == [one]
    assert http.post("/api/embeddings", json={"model": "toy", "prompt": "a"}).json() == {"embedding": one}


def test_nothing_to_embed_gives_nothing(http: httpx.Client):
    for nothing in (None, "", []):
        assert http.post("/api/embed", json={"model": "toy", "input": nothing}).json()["embeddings"] == []
    assert http.post("/api/embeddings", json={"model": "toy", "prompt": ""}).json() == {"embedding": []}


def test_twelve_null_options_of_langchain_are_nothing(http: httpx.Client):
    nulls = (
        "mirostat mirostat_eta mirostat_tau num_ctx num_gpu num_thread repeat_last_n repeat_penalty temperature stop"
    )
    options = dict.fromkeys([*nulls.split(), "tfs_z", "top_k"])
    body = {"model": "toy", "input": ["a"], "options": options, "keep_alive": None}
    answer = http.post("/api/embed", json=body)
    assert answer.status_code == 200
    assert "x-heylook-warning" not in answer.headers
