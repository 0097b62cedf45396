"""A JSON schema with bounds on what a model could write until max_tokens: whitespace, digits, properties."""

from __future__ import annotations

from typing import Any

LARGEST_INTEGER = 2**53 - 1
_MAPS_OF_SCHEMAS = {"properties", "patternProperties", "$defs", "definitions"}
_LISTS_OF_SCHEMAS = {"anyOf", "oneOf", "allOf", "prefixItems"}
_SCHEMAS = {"items", "additionalProperties"}


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
