"""Requests made from the description, right and wrong ones: no failure of the server, nothing undeclared."""

from __future__ import annotations

import copy
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from heylook_core.testkit.server import LiveServer

pytestmark = [pytest.mark.integration, pytest.mark.slow]

Json = dict[str, Any]

EXAMPLES = 25  # of each operation and mode: about a minute for all
DECLARED = [status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="session")
def toy_document(document: Json) -> Json:
    """The description, with the name of the model that is there: any other one ends at 404."""
    found = copy.deepcopy(document)
    for name, schema in found["components"]["schemas"].items():
        if name.endswith("Request") and "model" in schema["properties"]:
            schema["properties"]["model"] = {"type": "string", "enum": ["toy"]}
    return found


@pytest.fixture(scope="session")
def described(toy_document: Json, server: LiveServer) -> Any:
    found = schemathesis.openapi.from_dict(toy_document)
    found.config.base_url = server.url
    return found


def fuzz(operation: Any, mode: GenerationMode, allowed: tuple[int, ...] = ()) -> None:
    """Ask an operation what its description allows, or what it does not; the same requests every time."""

    @hypothesis.settings(
        max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        answer = case.call()
        assert answer.status_code < 500 or answer.status_code in allowed, (case.as_curl_command(), answer.text)
        case.validate_response(answer, checks=DECLARED)

    ask()


def operations(described: Any, tag: str, mode: GenerationMode) -> list[Any]:
    """Those of one API; what takes no body cannot be asked wrongly."""
    found = [result.ok() for result in described.get_all_operations()]
    mine = [operation for operation in found if tag in operation.tags]
    return [one for one in mine if mode is GenerationMode.POSITIVE or one.body]


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_nothing_that_the_openai_api_can_be_asked_is_a_failure_or_undeclared(described: Any, mode: GenerationMode):
    asked = operations(described, "OpenAI API", mode)
    assert len(asked) >= 6
    for operation in asked:
        fuzz(operation, mode)


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_nothing_that_the_ollama_api_can_be_asked_is_a_failure_or_undeclared(described: Any, mode: GenerationMode):
    """Ollama's routes that are not available answer with 501."""
    asked = operations(described, "Ollama API", mode)
    assert len(asked) >= 6
    for operation in asked:
        fuzz(operation, mode, allowed=(501,))
