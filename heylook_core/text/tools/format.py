"""What a tool-call format is: where calls begin, how they are read, and how they are forced."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import msgspec

from heylook_core.errors import Unsupported
from heylook_core.messages import Tool
from heylook_core.text.tools.calls import Calls
from heylook_core.text.tools.source import Reading, Source

Literal: TypeAlias = Callable[[str], str]
"""Lark for a literal text; markers that are one token of the model are forced by their id."""

LARGEST_INTEGER = 2**53 - 1
_MAPS_OF_SCHEMAS = {"properties", "patternProperties", "$defs", "definitions"}
_LISTS_OF_SCHEMAS = {"anyOf", "oneOf", "allOf", "prefixItems"}
_SCHEMAS = {"items", "additionalProperties"}


class ToolFormat(msgspec.Struct, frozen=True, kw_only=True):
    """A way to write tool calls into text.

    A template of this format contains one of `signs`, and `besides`. `openers` begin a call or a list of
    calls. `bare` begins one where it is the first letter of the answer, and only if it names a known tool.
    """

    name: str
    signs: tuple[str, ...] = ()
    besides: str = ""
    openers: tuple[str, ...] = ()
    bare: str = ""

    @property
    def markers(self) -> tuple[str, ...]:
        """Strings of this format that may be special tokens of a model."""
        return self.openers

    def shown_in(self, template: str) -> bool:
        return any(sign in template for sign in self.signs) and self.besides in template

    def read(self, source: Source, calls: Calls) -> Reading[None]:
        """Read from an opener (still unread) to the end of the call or list. Raises NotACall."""
        raise NotImplementedError

    def grammar(self, tools: Sequence[Tool], literal: Literal, most: int) -> str:
        """A Lark grammar whose `start` is one to `most` calls of these tools."""
        raise Unsupported(
            f"Forced tool calls are not supported for the format {self.name!r}: use tool_choice auto.",
            param="tool_choice",
        )


def schema_of(tool: Tool) -> dict[str, Any]:
    """A tool's parameters, whitespace bounded; an object of anything where it names none."""
    return bounded(tool.parameters or {"type": "object", "properties": {}, "additionalProperties": False})


def bounded(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with bounds on what a model could write until max_tokens: whitespace, digits, properties.

    At most one space after commas and colons (llguidance, docs/json_schema.md: x-guidance). An integer without limits
    of its own stays within what every JSON reader takes exactly, 2**53 - 1 either way (RFC 8259, section 6). An object
    whose properties are named has no others, unless the schema speaks of them (so does llama.cpp's own grammar).
    """
    spacing = {"whitespace_flexible": False, "item_separator": ", ?", "key_separator": ": ?"}
    return {**_bounded(schema, not _merges(schema)), "x-guidance": spacing}


def _merges(schema: Any) -> bool:
    """Whether objects are put together from several schemas, so that none of them knows all properties."""
    if isinstance(schema, list):
        return any(map(_merges, schema))
    return isinstance(schema, dict) and ("allOf" in schema or any(map(_merges, schema.values())))


def _bounded(schema: Any, closes: bool) -> Any:
    """The schema and those inside it; `closes` says that objects may be kept to the properties that they name."""
    if not isinstance(schema, dict):
        return schema
    found = dict(schema)
    if closes and _names_all(found):
        found["additionalProperties"] = False
    for key in _MAPS_OF_SCHEMAS & found.keys():
        if isinstance(found[key], dict):
            found[key] = {name: _bounded(one, closes) for name, one in found[key].items()}
    for key in _LISTS_OF_SCHEMAS & found.keys():
        if isinstance(found[key], list):
            found[key] = [_bounded(one, closes) for one in found[key]]
    for key in _SCHEMAS & found.keys():
        found[key] = _bounded(found[key], closes)
    if found.get("type") == "integer" and not {"enum", "const"} & found.keys():
        if not {"minimum", "exclusiveMinimum"} & found.keys():
            found["minimum"] = -LARGEST_INTEGER
        if not {"maximum", "exclusiveMaximum"} & found.keys():
            found["maximum"] = LARGEST_INTEGER
    return found


_SPEAKS_OF_OTHERS = {
    *("additionalProperties", "patternProperties", "unevaluatedProperties", "minProperties"),
    *("anyOf", "oneOf", "$ref"),
}


def _names_all(schema: dict[str, Any]) -> bool:
    named = schema.get("properties")
    if not isinstance(named, dict) or not named or _SPEAKS_OF_OTHERS & schema.keys():
        return False
    required = schema.get("required")
    return not isinstance(required, list) or all(isinstance(name, str) and name in named for name in required)


def inline(schema: dict[str, Any]) -> str:
    """A schema as a Lark expression (llguidance, docs/syntax.md: Inline JSON Schemas)."""
    return f"%json {json.dumps(schema)}"


def alternatives(rules: dict[str, str], most: int, *, before: str = "", between: str = "", after: str = "") -> str:
    """A Lark grammar of one to `most` of `rules`."""
    repeat = "" if most <= 1 else f" ({between} call){{0,{most - 1}}}"
    lines = [f"start: {before} call{repeat} {after}", f"call: {' | '.join(rules)}"]
    return "\n".join(lines + [f"{name}: {body}" for name, body in rules.items()])
