"""Request bodies as the API description has them: forms, and examples of JSON."""

from __future__ import annotations

from importlib import resources
from typing import Any

from heylook_core.dialect import Dialect

Json = dict[str, Any]

BINARY = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}
JSON_TEXT = {"type": "string", "contentMediaType": "application/json"}


def form(fields: Json, files: tuple[str, ...]) -> Json:
    """The schema of a form: its text fields, what is not plain as JSON, and its files.

    A file whose name ends in `[]` may come several times.
    """
    known: dict[str, Json] = fields.get("properties", {})
    texts = {name: one if _is_plain(one) else {**JSON_TEXT, "contentSchema": one} for name, one in known.items()}
    binaries: Json = {
        name.removesuffix("[]"): {"type": "array", "items": BINARY} if name.endswith("[]") else BINARY for name in files
    }
    return {**fields, "properties": {**texts, **binaries}}


def _is_plain(schema: Json) -> bool:
    """Whether a field of a form is the text itself, or texts: no object, and no list of objects."""
    kinds = schema.get("type", [])
    if kinds == "array":
        return _is_plain(schema["items"])
    options = schema.get("anyOf", [])
    return "object" not in kinds and "array" not in kinds and "$ref" not in schema and all(map(_is_plain, options))


def examples(dialect: type[Dialect], handler: str, model: str) -> dict[str, str]:
    """Request bodies by label: the files `examples/<handler>.<label>.json` of the package that the dialect is in."""
    package = dialect.__module__.rpartition(".")[0]
    folder = resources.files(package).joinpath("examples") if package else None
    if folder is None or not folder.is_dir():
        return {}
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".json")), key=lambda file: file.name)
    return {
        file.name.split(".")[1]: file.read_text(encoding="utf-8").replace("{model}", model)
        for file in files
        if file.name.split(".")[0] == handler
    }
