"""The calls of one answer: what readers report, as events; and what they need to know of the tools."""

from __future__ import annotations

import ast
import json
import secrets
from collections.abc import Sequence
from typing import Any

from heylook_core.messages import Tool, ToolArgs, ToolOpen
from heylook_core.text.markers import Produced
from heylook_core.text.tools.parameters import resolved

MOST_NESTED = 8


class Calls:
    """Collects the events of calls in `produced`. `open`, then `args` as they grow, then `close`."""

    def __init__(self, choice: int, tools: Sequence[Tool]) -> None:
        self.produced: list[Produced] = []
        self.count = 0
        self.is_open = False
        self._choice = choice
        self._tools = {tool.name: tool for tool in tools}

    def knows(self, name: str) -> bool:
        return name in self._tools

    def open(self, name: str) -> None:
        self.is_open = True
        self.produced.append(ToolOpen(self._choice, self.count, new_id(), name))

    def args(self, text: str) -> None:
        if text:
            self.produced.append(ToolArgs(self._choice, self.count, text))

    def close(self) -> None:
        self.is_open = False
        self.count += 1

    def whole(self, name: str, arguments: str) -> None:
        """A call that is known as a whole."""
        self.open(name)
        self.args(arguments)
        self.close()

    def is_string(self, name: str, key: str) -> bool:
        """Whether parameter `key` of tool `name` takes strings only, by the tool's schema."""
        return self._types(name, key) == {"string"}

    def value(self, name: str, key: str, text: str) -> str:
        """JSON for a value that is written as plain text: its type comes from the tool's schema.

        JSON, or a Python literal, where the schema allows another type than a string; a string otherwise.
        """
        types = self._types(name, key)
        if types == {"string"}:
            return _json(text)
        try:
            value = _literal(text.strip())
        except ValueError:
            return _json(text)
        if types and "string" in types and not types & _kinds(value):
            return _json(text)
        return _json(value)

    def _types(self, name: str, key: str) -> set[str]:
        tool = self._tools.get(name)
        root = (tool.parameters if tool is not None else None) or {}
        properties = root.get("properties")
        return _schema_types(properties.get(key), root) if isinstance(properties, dict) else set()


def new_id() -> str:
    return f"call_{secrets.token_hex(12)}"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _literal(text: str) -> Any:
    """The value of a JSON text or a Python literal; ValueError for anything else."""
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        value = ast.literal_eval(text)
        _json(value)
    except (SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError(text) from error
    return value


def _kinds(value: Any) -> set[str]:
    """The JSON Schema types that a value has."""
    if isinstance(value, bool):
        return {"boolean"}
    if isinstance(value, int):
        return {"integer", "number"}
    names = {float: "number", str: "string", list: "array", tuple: "array", dict: "object", type(None): "null"}
    return {names.get(type(value), "")}


def _schema_types(schema: Any, root: Any, depth: int = 0) -> set[str]:
    """Every type that a schema names, references and alternatives included; empty where it names none."""
    schema = resolved(schema, root)
    if not isinstance(schema, dict) or depth > MOST_NESTED:
        return set()
    found = schema.get("type")
    types = {found} if isinstance(found, str) else set(found) if isinstance(found, list) else set()
    for key in ("anyOf", "oneOf", "allOf"):
        for option in schema.get(key) or ():
            types |= _schema_types(option, root, depth + 1)
    for value in schema.get("enum") or ():
        types |= _kinds(value)
    return types
