"""Values for a JSON schema, taken from a text: what a model with ideas would write, for tests."""

from __future__ import annotations

import re
from typing import Any

from heylook_core.errors import InvalidRequest

MOST = 10_000
_QUOTED = re.compile(r"\"([^\"]*)\"|'([^']*)'")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


class Filling:
    """Fills schemas from `text`: `key=value` first, then quoted strings and numbers in their order."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._strings = [first or second for first, second in _QUOTED.findall(text)]
        self._numbers = _NUMBER.findall(text)

    def value(self, schema: Any, key: str = "", root: dict[str, Any] | None = None) -> Any:
        """A value that the schema allows, as far as its common keywords go. Deterministic.

        Raises InvalidRequest for what is no schema, or goes on for ever.
        """
        try:
            return self._value(schema, key, root)
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise InvalidRequest(f"No value fits this schema ({type(error).__name__}: {error}).") from error

    def _value(self, schema: Any, key: str, root: dict[str, Any] | None) -> Any:
        if not isinstance(schema, dict):
            return self._string(key, {})
        root = schema if root is None else root
        if "$ref" in schema:
            return self._value(_referred(root, schema["$ref"]), key, root)
        for alternatives in ("anyOf", "oneOf", "allOf"):
            if schema.get(alternatives):
                return self._value(schema[alternatives][0], key, root)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return next((option for option in schema["enum"] if str(option) in self._text), schema["enum"][0])
        return self._typed(schema, key, root)

    def _typed(self, schema: dict[str, Any], key: str, root: dict[str, Any]) -> Any:
        kind = schema.get("type", "object" if "properties" in schema else "string")
        kind = kind[0] if isinstance(kind, list) else kind
        if kind == "object":
            return {name: self._value(one, name, root) for name, one in schema.get("properties", {}).items()}
        if kind == "array":
            return [self._value(schema.get("items", {}), key, root) for _ in range(_least(schema, "minItems", 1) or 1)]
        if kind in ("integer", "number"):
            return self._number(key, schema, kind)
        if kind == "boolean":
            return (self._named(key) or "true").lower() not in ("false", "no", "0")
        return None if kind == "null" else self._string(key, schema)

    def _string(self, key: str, schema: dict[str, Any]) -> str:
        found = self._named(key)
        if found is None:
            found = self._strings.pop(0) if self._strings else key or "text"
        return found[: schema.get("maxLength", len(found))].ljust(_least(schema, "minLength", 0), "x")

    def _number(self, key: str, schema: dict[str, Any], kind: str) -> int | float:
        found = self._named(key)
        if found is None or not _NUMBER.fullmatch(found):
            found = self._numbers.pop(0) if self._numbers else str(schema.get("minimum", 1))
        number = min(max(float(found), schema.get("minimum", float(found))), schema.get("maximum", float(found)))
        return int(number) if kind == "integer" else number

    def _named(self, key: str) -> str | None:
        found = re.search(rf"\b{re.escape(key)}\s*[=:]\s*(?:\"([^\"]*)\"|([^\s,;]+))", self._text) if key else None
        return None if found is None else found[1] if found[1] is not None else found[2]


def _least(schema: dict[str, Any], key: str, usual: int) -> int:
    found = int(schema.get(key, usual))
    if found > MOST:
        raise ValueError(f"{key} is above {MOST}")
    return found


def _referred(root: dict[str, Any], reference: str) -> Any:
    found: Any = root
    for part in reference.removeprefix("#").strip("/").split("/"):
        found = found.get(part, {}) if isinstance(found, dict) and part else found
    return found
