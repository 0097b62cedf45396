"""/openapi.json: valid, complete, the same every time, and true."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import falcon.inspect
import httpx
import jsonschema_rs
import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from heylook_api_ollama.dialect import OllamaDialect
from heylook_api_openai.dialect import OpenAIDialect
from heylook_core.dialect import Form
from heylook_core.testkit.recorder import Described
from heylook_core.testkit.server import LiveServer, live_server, toy_settings
from heylook_core.web.app import with_pages
from heylook_core.web.openapi import described_path
from heylook_core.web.schemas import Schemas

pytestmark = pytest.mark.integration

Json = dict[str, Any]

PRINT_HASH = """
import hashlib, urllib.request
from heylook_core.testkit.server import live_server
with live_server() as server, urllib.request.urlopen(server.url + "/openapi.json") as answer:
    print(hashlib.sha256(answer.read()).hexdigest())
"""


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for below in value.values():
            yield from references(below)
    elif isinstance(value, list):
        for below in value:
            yield from references(below)


def mounted(server: LiveServer) -> set[tuple[str, str]]:
    """Method and path of everything that Falcon routes; pages and their files aside."""
    app = server.server.app.app
    falcon_app = getattr(app, "_app", app)  # the recorder is around it
    found = set()
    for route in falcon.inspect.inspect_routes(falcon_app):
        for method in route.methods:
            if not method.internal and method.method != "WEBSOCKET":
                found.add((method.method, described_path(route.path)))
    return found


@pytest.mark.parametrize("api", ["openai", "ollama", "both"])
def test_a_validator_accepts_it(api: str):
    with live_server(toy_settings(server={"api": api})) as server:
        document = httpx.get(f"{server.url}/openapi.json", trust_env=False).json()
    OpenAPIV31SpecValidator(document).validate()
    assert document["openapi"] == "3.1.0"


def test_every_mounted_route_is_in_it_and_nothing_else(server: LiveServer, document: Json):
    pages = {
        (operation.method, operation.path)
        for dialect in with_pages(server.server.serving, server.server.dialects)
        for _, operation in dialect.handlers()
        if not operation.described
    }
    assert {(method, path) for method, path, _ in operations(document)} == mounted(server) - pages
    assert all(method in ("GET", "HEAD") for method, _ in pages), "only pages may be left out"


def test_it_is_the_same_in_every_process(http: httpx.Client):
    found = set()
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", PRINT_HASH]
        found.add(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip())
    assert found == {hashlib.sha256(http.get("/openapi.json").content).hexdigest()}


def test_every_operation_has_an_id_of_its_own_a_summary_and_a_tag_that_is_described(document: Json):
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(ids) == len(set(ids))
    tags = {tag["name"]: tag["description"] for tag in document["tags"]}
    assert {"OpenAI API", "Ollama API", "Administration", "Health"} <= tags.keys()
    assert [name for name, words in tags.items() if not words] == []
    for _, path, operation in operations(document):
        assert operation["summary"], path
        assert set(operation["tags"]) <= tags.keys()


def test_every_reference_leads_somewhere_and_every_component_is_used(document: Json):
    found = set(references(document))
    for reference in found:
        _, _, kind, name = reference.split("/")
        assert name in document["components"][kind], reference
    for kind in ("schemas", "responses", "headers"):
        unused = {f"#/components/{kind}/{name}" for name in document["components"][kind]} - found
        mapped = {value for value in json.dumps(document).split('"') if value.startswith("#/components/")}
        assert unused <= mapped, unused


def test_every_operation_declares_an_answer_and_its_errors(document: Json):
    for method, path, operation in operations(document):
        statuses = set(operation["responses"])
        assert statuses & {"200", "101", "404", "501"}, (method, path)
        assert {"401", "403", "500"} <= statuses, (method, path)
        if "requestBody" in operation:
            assert {"400", "404", "413", "503"} <= statuses, (method, path)


@pytest.mark.parametrize(
    ("path", "media", "name"),
    [
        ("/v1/chat/completions", "text/event-stream", "OpenAIChatChunk"),
        ("/v1/completions", "text/event-stream", "OpenAICompletion"),
        ("/v1/responses", "text/event-stream", "OpenAIResponseEvent"),
        ("/v1/admin/models/pull", "text/event-stream", "PullProgress"),
        ("/api/chat", "application/x-ndjson", "OllamaChatAnswer"),
        ("/api/generate", "application/x-ndjson", "OllamaGenerateAnswer"),
        ("/api/pull", "application/x-ndjson", "OllamaStatus"),
    ],
)
def test_streams_are_described_by_their_pieces(document: Json, path: str, media: str, name: str):
    content = document["paths"][path]["post"]["responses"]["200"]["content"]
    assert f"#/components/schemas/{name}" in list(references(content[media]))


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/v1/chat/completions", {"error": {"message": "x", "type": "x", "param": None, "code": None}}),
        ("/api/chat", {"error": "x"}),
        ("/v1/admin/models/pull", {"error": {"kind": "x", "message": "x"}}),
    ],
)
def test_errors_have_the_shape_of_their_api(document: Json, path: str, shape: Json):
    faults = list(Described(document).faults("POST", path, 400, "application/json", json.dumps(shape).encode()))
    assert faults == []
    wrong = json.dumps({"detail": "x"}).encode()
    assert list(Described(document).faults("POST", path, 400, "application/json", wrong))


def test_every_field_of_a_request_is_described(document: Json):
    fields = document["components"]["schemas"]["OpenAIChatRequest"]["properties"]
    assert {"messages", "temperature", "tools", "response_format", "processing_mode", "keep_alive"} <= fields.keys()
    meaning = {"description": OpenAIDialect.meanings["temperature"]}
    assert fields["temperature"] == {"type": ["number", "null"], "minimum": 0, "maximum": 2} | meaning
    assert fields["messages"]["minItems"] == 1


def examples(document: Json) -> list[tuple[str, str, Json]]:
    return [
        (path, label, example["value"])
        for _, path, operation in operations(document)
        for media in operation.get("requestBody", {}).get("content", {}).values()
        for label, example in media.get("examples", {}).items()
    ]


def test_every_example_fits_its_schema_and_is_answered(http: httpx.Client, document: Json):
    found = examples(document)
    assert {path for path, _, _ in found} >= {"/v1/chat/completions", "/v1/embeddings", "/api/chat", "/api/embed"}
    for path, label, body in found:
        schema = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
        jsonschema_rs.validator_for({**schema, "components": document["components"]}).validate(body)
        answer = http.post(path, json=body)
        assert answer.status_code == 200, (path, label, answer.text)


def test_keys_are_asked_for_where_they_are_and_pages_are_open():
    settings = toy_settings(server={"api_keys": ("secret",)})
    with live_server(settings) as server, httpx.Client(base_url=server.url, trust_env=False) as http:
        document = http.get("/openapi.json").json()
        assert http.get("/docs").status_code == 200
        assert http.get("/v1/models").status_code == 401
        assert http.post("/openapi.json").status_code == 401
    OpenAPIV31SpecValidator(document).validate()
    assert document["security"] == [{"bearer": []}, {"key": []}]
    assert document["paths"]["/health"]["get"]["security"] == []
    assert "security" not in document["paths"]["/v1/models"]["get"]


def test_an_admin_token_is_asked_for_where_it_is():
    with live_server(toy_settings(server={"admin_tokens": ("secret",)})) as server:
        document = httpx.get(f"{server.url}/openapi.json", trust_env=False).json()
    OpenAPIV31SpecValidator(document).validate()
    scheme = document["components"]["securitySchemes"]["token"]
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "header", "x-admin-token")
    assert document["paths"]["/v1/admin/models"]["get"]["security"] == [{"token": []}]
    assert "security" not in document["paths"]["/v1/models"]["get"]


def test_forms_are_described_with_their_files(document: Json):
    body = document["paths"]["/v1/chat/completions/multipart"]["post"]["requestBody"]["content"]
    fields = body["multipart/form-data"]["schema"]["properties"]
    assert fields["images"]["type"] == "array"
    assert fields["images"]["items"]["format"] == "binary"
    assert fields["messages"]["contentMediaType"] == "application/json"
    assert fields["temperature"]["type"] == ["number", "null"]


def test_a_websocket_is_described_by_its_handshake_and_its_messages(document: Json):
    operation = document["paths"]["/v1/stt/stream"]["get"]
    assert "101" in operation["responses"]
    assert {"received", "sent"} == operation["x-websocket"].keys()
    for reference in references(operation["x-websocket"]):
        assert reference.rpartition("/")[2] in document["components"]["schemas"]


def test_query_parameters_are_described_decoded_and_refused(http: httpx.Client, document: Json):
    parameters = {one["name"]: one for one in document["paths"]["/v1/admin/events"]["get"]["parameters"]}
    assert all(one["in"] == "query" and not one["required"] for one in parameters.values())
    name = next(name for name, one in parameters.items() if "boolean" in str(one["schema"]) or "integer" in str(one))
    refused = http.get("/v1/admin/events", params={name: "neither"})
    assert refused.status_code == 400
    assert name in refused.json()["error"]["message"]


def test_an_answer_that_does_not_fit_is_found(document: Json):
    described = Described(document)
    chat = "/v1/chat/completions"
    assert list(described.faults("GET", "/v1/models", 200, "application/json", b'{"object": "list", "data": []}')) == []
    assert list(described.faults("GET", "/v1/models", 200, "application/json", b'{"object": "list"}'))
    assert list(described.faults("GET", "/v1/models", 418, "application/json", b"{}"))
    assert list(described.faults("GET", "/v1/models", 200, "text/html", b"x"))
    assert list(described.faults("POST", chat, 200, "text/event-stream", b'data: {"id": 3}\n\ndata: [DONE]\n\n'))
    assert list(described.faults("GET", "/v1/secret", 200, "application/json", b"{}"))
    assert list(described.faults("GET", "/v1/models/a/b", 404, "application/json", b'{"error": "x"}'))


def test_every_field_of_the_requests_of_both_apis_is_explained_and_nothing_else():
    for dialect in (OpenAIDialect, OllamaDialect):
        taken = {
            body
            for _, operation in dialect.handlers()
            for body in (operation.body, operation.fields)
            if isinstance(body, type) and issubclass(body, msgspec.Struct) and body is not Form
        }
        schemas = Schemas(taken, [(body, dialect.meanings) for body in taken])
        fields = {
            (body.__name__, name): one for body in taken for name, one in schemas.inline(body)["properties"].items()
        }
        assert [key for key, one in fields.items() if not one.get("description")] == []
        known = {name for _, name in fields} | {".".join(key) for key in fields}
        assert set(dialect.meanings) - known == set()
