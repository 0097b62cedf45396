"""What constrains an answer: `response_format`, and the fields that vLLM and llama.cpp have beside it."""

from __future__ import annotations

from heylook_api_openai.schema import OpenAIFormat, OpenAIGenerationRequest, OpenAIJsonFormat, OpenAISchemaFormat
from heylook_core.errors import InvalidRequest
from heylook_core.messages import Format


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


def _beside(body: OpenAIGenerationRequest) -> list[tuple[str, Format]]:
    nested = body.structured_outputs
    schemas = [("guided_json", body.guided_json), ("structured_outputs.json", nested.json if nested else None)]
    regexes = [("guided_regex", body.guided_regex), ("structured_outputs.regex", nested.regex if nested else None)]
    grammars = [
        ("grammar", body.grammar),
        ("guided_grammar", body.guided_grammar),
        ("structured_outputs.grammar", nested.grammar if nested else None),
    ]
    choices = [("guided_choice", body.guided_choice), ("structured_outputs.choice", nested.choice if nested else None)]
    return [
        *((name, Format("schema", schema=schema)) for name, schema in schemas if schema is not None),
        *((name, Format("regex", text=text)) for name, text in regexes if text is not None),
        *((name, Format("grammar", text=text)) for name, text in grammars if text is not None),
        *((name, _choice(name, given)) for name, given in choices if given is not None),
    ]


def _choice(name: str, choices: list[str]) -> Format:
    if not choices or not all(choices):
        raise InvalidRequest(f"`{name}` must be a list of texts, none of them empty.", param=name)
    return Format("choice", choices=tuple(choices))
