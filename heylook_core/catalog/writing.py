"""Entries as YAML: a file of their own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import yaml

from heylook_core.errors import ConfigError
from heylook_core.paths import expanded_in
from heylook_core.settings import ModelEntry

ORDER = ("id", "provider", "description", "tags", "aliases", "config")


def plain(entry: ModelEntry) -> dict[str, Any]:
    """The entry as a mapping, as models.yaml has it: without what is the default, dollar signs in paths doubled."""
    data = msgspec.to_builtins(entry)
    defaults = _lists(msgspec.to_builtins(ModelEntry(id="", provider="")))
    data = expanded_in(_lists(data), lambda text, where: text.replace("$", "$$"))
    kept = {key: value for key, value in data.items() if value != defaults[key]}
    return {key: kept[key] for key in (*ORDER, *sorted(kept.keys() - set(ORDER))) if key in kept}


def _lists(data: Any) -> Any:
    """The same with lists where tuples are, as YAML has them."""
    if isinstance(data, dict):
        return {key: _lists(value) for key, value in data.items()}
    return [_lists(item) for item in data] if isinstance(data, list | tuple) else data


def as_yaml(entries: Iterable[ModelEntry], header: str) -> str:
    """A models.yaml with these entries, below a comment. The same entries always give the same text."""
    data = {"models": [plain(entry) for entry in entries]}
    text = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)
    comment = "".join(f"# {line}\n" for line in header.splitlines())
    return comment + "\n" + text


class _Dumper(yaml.SafeDumper):
    """Lists are indented; those of plain words stand on one line."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_list(dumper: _Dumper, data: list[Any]) -> yaml.Node:
    words = bool(data) and all(isinstance(item, str | int | float) for item in data)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=words or not data)


_Dumper.add_representer(list, _represent_list)


def write(path: Path, text: str) -> None:
    """Write in one step: the file is never half written. A link is followed, and permissions are kept."""
    target = path.resolve()
    temporary = target.with_name(f".{target.name}.new")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        if target.exists():
            temporary.chmod(target.stat().st_mode)
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ConfigError(f"{path} cannot be written: {error.strerror}.") from error
