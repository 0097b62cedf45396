"""A tool's parameters, as a whole and one by one; references between schemas lead where they led before.

References are JSON pointers from the root (`#/$defs/Place`), and a grammar has the schema, or one of its parameters,
inside of another one.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import msgspec

from heylook_core.errors import InvalidRequest
from heylook_core.messages import Tool
from heylook_core.text.tools.bounds import bounded

Schema = dict[str, Any]

MOST_REFERENCES = 16


class Parameter(msgspec.Struct, frozen=True):
    name: str
    schema: Schema
    required: bool

    @property
    def is_text(self) -> bool:
        """Whether its values are strings only."""
        return self.schema.get("type") == "string"

    @property
    def texts(self) -> tuple[str, ...]:
        """The only values that a text may have; none where any other would do."""
        named = [self.schema["const"]] if "const" in self.schema else self.schema.get("enum", ())
        return tuple(map(str, named)) if self.is_text else ()

    @property
    def length(self) -> str:
        """How often the regular expression of a letter of it is repeated."""
        least, most = self.schema.get("minLength", 0), self.schema.get("maxLength", "")
        return f"{{{least},{most}}}" if least or most != "" else "*"


def schema_of(tool: Tool) -> Schema:
    """A tool's parameters, bounded; an object of anything where it names none."""
    return bounded(tool.parameters or {"type": "object", "properties": {}, "additionalProperties": False})


def moved(schema: Any, to: str) -> Any:
    """The schema with its references from the root as it is where `to`, a pointer, says."""
    if isinstance(schema, list):
        return [moved(one, to) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: moved(one, to) for key, one in schema.items()}
    reference = found.get("$ref")
    if isinstance(reference, str) and reference.startswith("#"):
        found["$ref"] = to + reference[1:]
    return found


def parameters_of(tool: Tool) -> list[Parameter]:
    """In the order of the schema. Raises InvalidRequest where it is none of an object."""
    whole = schema_of(tool)
    schema = resolved(whole, whole) or {"properties": None}
    known, required = schema.get("properties", {}), schema.get("required", [])
    if not isinstance(known, dict) or not isinstance(required, list):
        message = f"The parameters of the tool {tool.name!r} are no JSON schema of an object."
        raise InvalidRequest(message, param="tools")
    unnamed: Schema = {str(name): {} for name in required if name not in known}
    return [Parameter(name, _alone(one, whole), name in required) for name, one in {**known, **unnamed}.items()]


def resolved(schema: Any, root: Any) -> Any:
    """The schema that a reference of `schema` leads to, with what is said beside it; itself where it has none.

    None where a reference leads nowhere.
    """
    for _ in range(MOST_REFERENCES):
        reference = schema.get("$ref") if isinstance(schema, dict) else None
        if not isinstance(reference, str):
            break
        found = _at(root, reference)
        if not isinstance(found, dict):
            return None
        schema = {**found, **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema


def _alone(one: Any, root: Schema) -> Schema:
    """A schema inside of `root` by itself. What `true` allows is anything; a reference to nowhere stays one."""
    if not isinstance(one, dict):
        return {}
    found = resolved(one, root) or one
    if '"$ref":' not in json.dumps(found):
        return bounded(found)
    whole = "#/$defs/tool"
    return bounded({**moved(found, whole), "$defs": {"tool": moved(root, whole)}})


def _at(root: Any, reference: str) -> Any:
    """What a JSON pointer into `root` names; None where there is nothing, or in another document."""
    if not reference.startswith("#"):
        return None
    found = root
    for part in reference[1:].split("/")[1:]:
        key = unquote(part).replace("~1", "/").replace("~0", "~")
        found = found.get(key) if isinstance(found, dict) else None
    return found
