"""Writes the generated pages of the documentation: hooks, commands, settings, endpoints, metrics, as the code has them.

Usage: python scripts/reference.py FOLDER
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from heylook_core import hookspecs
from heylook_core.catalog import Catalog
from heylook_core.entrypoints import DIALECTS, PREFIX_TIERS, PROVIDERS, SINKS
from heylook_core.plugins import Plugins
from heylook_core.settings import ModelEntry, Settings
from heylook_core.web.schemas import Schemas

NOTE = "This page is generated from the code.\n"


def main(arguments: list[str]) -> int:
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    plugins = Plugins()
    pages = {
        "hooks": hooks(),
        "commands": commands(),
        "settings": settings(plugins),
        "endpoints": endpoints(plugins),
        "metrics": metrics(),
    }
    for name, lines in pages.items():
        (folder / f"{name}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    heads = list(heads)
    yield ""
    yield f"| {' | '.join(heads)} |"
    yield "|" + "---|" * len(heads)
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|').replace(chr(10), ' ') for cell in row)} |"
    yield ""


def text(subject: Any) -> str:
    return inspect.cleandoc(subject.__doc__ or "")


# ------------------------------------------------------------------ hooks


def hooks() -> Iterator[str]:
    yield "# Every hook\n"
    yield NOTE
    for specs in hookspecs.SPECS:
        yield f"## {specs.__name__.removesuffix('Hooks')}\n"
        yield f"{text(specs)}\n"
        for name, function in vars(specs).items():
            if not name.startswith("_"):
                arguments = str(inspect.signature(function)).replace("(self, ", "(").replace("(self)", "()")
                yield f"### {name}\n"
                yield f"```python\ndef {name}{arguments}: ...\n```\n"
                yield f"{text(function)}\n"


# ------------------------------------------------------------------ commands


def commands() -> Iterator[str]:
    from heylook_core.cli.root import commands as root

    yield "# Every command\n"
    yield NOTE
    yield from command(click.Context(root, info_name="heylookllm"), 2)


def command(context: click.Context, depth: int) -> Iterator[str]:
    one = context.command
    yield f"{'#' * depth} {context.command_path}\n"
    yield f"```text\n{one.get_usage(context)}\n```\n"
    yield inspect.cleandoc((one.help or "").replace("\b", "")) + "\n"
    options = [option.get_help_record(context) for option in one.get_params(context)]
    yield from table(("option", "meaning"), [(f"`{record[0]}`", record[1]) for record in options if record])
    if isinstance(one, click.Group):
        for name in one.list_commands(context):
            below = one.get_command(context, name)
            if below is not None and not below.hidden:
                yield from command(click.Context(below, info_name=name, parent=context), min(depth + 1, 4))


# ------------------------------------------------------------------ settings


def settings(plugins: Plugins) -> Iterator[str]:
    yield "# Every setting\n"
    yield NOTE
    yield "## models.yaml\n"
    yield from struct(Settings, "")
    yield "### Each of `models`\n"
    yield from struct(ModelEntry, "")
    for title, group, where in (
        ("Providers", PROVIDERS, "the `config` of a model"),
        ("Sinks", SINKS, "the `config` of a sink"),
        ("Prefix tiers", PREFIX_TIERS, "the `config` of `prefix_tier`"),
        ("APIs", DIALECTS, "`dialects`, by name"),
    ):
        yield f"## {title}\n"
        for name in plugins.names(group):
            config = getattr(plugins.load(group, name), "Config", None)
            if config is not None and msgspec.structs.fields(config):
                yield f"### {name}\n"
                yield f"In {where}.\n"
                yield from struct(config, "")


def struct(kind: type[Any], prefix: str) -> Iterator[str]:
    """A Struct's table, then those of the Structs in it."""
    schema = Schemas().inline(kind)
    yield f"{schema.get('description', '')}\n"
    fields = msgspec.structs.fields(kind)
    nested = [field for field in fields if isinstance(field.default, msgspec.Struct)]
    plain = [field for field in fields if field not in nested]
    rows = [
        (f"`{prefix}{field.encode_name}`", kind_of(schema["properties"][field.encode_name]), default(field))
        for field in plain
    ]
    yield from table(("key", "value", "default"), rows)
    for field in nested:
        path = f"{prefix}{field.encode_name}"
        yield f"### `{path}`\n"
        yield from struct(type(field.default), f"{path}.")


WORDS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "above {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "below {}",
    "minItems": "at least {} of them",
    "maxItems": "at most {} of them",
}


def kind_of(schema: dict[str, Any]) -> str:
    """A schema in words."""
    if "$ref" in schema:
        return "an object"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(kind_of(option) for option in schema["anyOf"]))
    kinds = schema.get("type", "anything")
    said = " or ".join(kinds) if isinstance(kinds, list) else str(kinds)
    if "items" in schema:
        said = f"list of: {kind_of(schema['items'])}"
    limits = [words.format(schema[word]) for word, words in WORDS.items() if word in schema]
    return ", ".join([said, *limits])


def default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    value = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    if value is None or value in ((), {}, [], ""):
        return "none"
    return f"`{msgspec.json.encode(value).decode()}`"


# ------------------------------------------------------------------ endpoints


def endpoints(plugins: Plugins) -> Iterator[str]:
    from heylook_core.web.app import with_pages
    from heylook_core.web.docs import DescriptionPages
    from heylook_core.web.run import Server

    server = Server(Settings(), plugins, Catalog(Settings(), plugins))
    *others, _ = with_pages(server.serving, server.dialects)
    document = DescriptionPages(server.serving, others).document
    yield "# Every endpoint\n"
    yield NOTE
    yield "A server describes itself at `/openapi.json`, and on the pages `/docs` and `/redoc`.\n"
    for tag in document["tags"]:
        yield f"## {tag['name']}\n"
        yield f"{tag['description']}\n"
        rows = [
            (f"`{method.upper()}`", f"`{path}`", one["summary"], answers(one))
            for path, item in document["paths"].items()
            for method, one in item.items()
            if tag["name"] in one["tags"]
        ]
        yield from table(("method", "path", "what it does", "answers with"), rows)


def answers(operation: dict[str, Any]) -> str:
    """Media types of the success, or its status; what an operation shares with others are its errors."""
    own = {status: one for status, one in operation["responses"].items() if "$ref" not in one}
    status = min(own)
    media = ", ".join(f"`{media}`" for media in own[status].get("content", {}))
    return media if media and status < "300" else status


# ------------------------------------------------------------------ metrics


def metrics() -> Iterator[str]:
    """What a server that has done nothing yet tells of each."""
    from heylook_core.totals import Totals
    from heylook_core.web.metrics import Figures, written

    yield "# Every metric\n"
    yield NOTE
    yield "At `/metrics`, in the words of Prometheus.\n"
    helps: dict[str, str] = {}
    rows = []
    for line in written(Figures(Totals(), (), ())).decode().splitlines():
        _, kind, name, *rest = line.split(" ", 3) if line.startswith("#") else ("", "", "")
        if kind == "HELP":
            helps[name] = rest[0]
        elif kind == "TYPE":
            rows.append((f"`{name}`", rest[0], helps.get(name, "")))
    yield from table(("name", "kind", "meaning"), rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
