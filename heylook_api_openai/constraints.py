"""What constrains an answer: `response_format`, and the fields that vLLM and llama.cpp have beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

from heylook_api_openai.schema import OpenAIFormat, OpenAIGenerationRequest, OpenAIJsonFormat, OpenAISchemaFormat
from heylook_core.errors import InvalidRequest
from heylook_core.messages import Format

Kind: TypeAlias = Literal["schema", "regex", "grammar", "choice"]


def format_of(body: OpenAIGenerationRequest) -> Format | None:
    """Raises InvalidRequest where two constraints are set, or a choice has nothing to choose from."""
    found = [*_beside(body)]
    formatted = _response_format(body.response_format)
    if formatted is not None:
        found.insert(0, ("response_format", formatted))
    if len(found) > 1:
        names = " and ".join(f"`{name}`" for name, _ in found)
        raise InvalidRequest(f"{names} both constrain the answer; send one of them.", param=found[1][0])
    return found[0][1] if found else None


def _response_format(format_: OpenAIFormat | None) -> Format | None:
    if isinstance(format_, OpenAISchemaFormat):
        schema = format_.json_schema.schema
        return Format("json") if schema is None else Format("schema", schema=schema)
    if isinstance(format_, OpenAIJsonFormat):
        return Format("json") if format_.schema is None else Format("schema", schema=format_.schema)
    return None


BESIDE: dict[str, Kind] = {
    "guided_json": "schema",
    "guided_regex": "regex",
    "grammar": "grammar",
    "guided_grammar": "grammar",
    "guided_choice": "choice",
}
NESTED: dict[str, Kind] = {"json": "schema", "regex": "regex", "grammar": "grammar", "choice": "choice"}


def _beside(body: OpenAIGenerationRequest) -> Iterator[tuple[str, Format]]:
    for name, kind in BESIDE.items():
        if (given := getattr(body, name)) is not None:
            yield name, _format(name, kind, given)
    if body.structured_outputs is not None:
        for name, kind in NESTED.items():
            if (given := getattr(body.structured_outputs, name)) is not None:
                yield f"structured_outputs.{name}", _format(f"structured_outputs.{name}", kind, given)


def _format(name: str, kind: Kind, given: Any) -> Format:
    if kind == "schema":
        return Format(kind, schema=given, param=name)
    return _choice(name, given) if kind == "choice" else Format(kind, text=given, param=name)


def _choice(name: str, choices: list[str]) -> Format:
    if not choices or not all(choices):
        raise InvalidRequest(f"`{name}` must be a list of texts, none of them empty.", param=name)
    return Format("choice", choices=tuple(choices), param=name)
