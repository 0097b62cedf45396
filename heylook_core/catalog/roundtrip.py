"""A models.yaml that is read and written again with its comments, order, quotes and indentation (ruamel.yaml)."""

from __future__ import annotations

import io
import itertools
from collections.abc import Sequence
from typing import Any

import yaml

from heylook_core.errors import ConfigError

try:
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap, CommentedSeq
    from ruamel.yaml.error import CommentMark
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString
    from ruamel.yaml.tokens import CommentToken
except ImportError as error:
    raise ConfigError(
        "--merge needs a YAML library that keeps comments; install it with: pip install 'heylook[import]'"
    ) from error

WIDTH = 10_000


class RoundTrip:
    """The text of a file, changed in place."""

    def __init__(self, text: str) -> None:
        text = text.removeprefix("\ufeff").replace("\r\n", "\n")
        self._yaml = YAML()
        self._yaml.preserve_quotes = True
        self._yaml.width = WIDTH
        self._yaml.allow_unicode = True
        mapping, sequence, offset = indentation(text)
        self._yaml.indent(mapping=mapping, sequence=sequence, offset=offset)
        self._document = self._yaml.load(text)
        self._leading = ""
        if self._document is None:
            self._leading, self._document = text, CommentedMap()

    def complete(self, index: int, keys: dict[str, Any]) -> None:
        """Add keys to the `config` of an entry."""
        entry = self._document["models"][index]
        tail = _take_tail(entry)
        if not entry.get("config"):
            entry["config"] = CommentedMap()
        for key, value in keys.items():
            entry["config"][key] = commented(value)
        _put_tail(entry, tail)

    def append(self, entries: Sequence[dict[str, Any]]) -> None:
        """Add entries behind the others; a comment that follows the list stays behind it."""
        if not entries:
            return
        models = self._document.get("models")
        if not models:
            models = self._document["models"] = CommentedSeq()
        tail = _take_tail(models)
        models.extend(commented(entry) for entry in entries)
        _put_tail(models, tail)

    def text(self) -> str:
        out = io.StringIO()
        self._yaml.dump(self._document, out)
        lead = self._leading if not self._leading or self._leading.endswith("\n") else f"{self._leading}\n"
        return lead.replace("---\n", "") + out.getvalue()


def indentation(text: str) -> tuple[int, int, int]:
    """How far keys, the keys of the models and their dashes stand in, as the file has it."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    dash = _below(lines, "models:", "- ")
    config = _below(lines, "config:", "")
    mapping = config if config is not None and 0 < config <= 8 else 2
    return (mapping, 4, 2) if dash is None else (mapping, dash + 2, dash)


def _below(lines: list[str], key: str, start: str) -> int | None:
    """How much further in the line after `key` stands, if it begins with `start`."""
    for line, following in itertools.pairwise(lines):
        if line.strip() == key and following.lstrip().startswith(start):
            return len(following) - len(following.lstrip()) - (len(line) - len(line.lstrip()))
    return None


def commented(data: Any) -> Any:
    """The data in ruamel's types: lists of plain values on one line, and texts such as `on` in quotes."""
    if isinstance(data, dict):
        made = CommentedMap()
        for key, value in data.items():
            made[commented(key)] = commented(value)
        return made
    if isinstance(data, list):
        items = CommentedSeq([commented(item) for item in data])
        if all(not isinstance(item, dict | list) for item in data):
            items.fa.set_flow_style()
        return items
    if isinstance(data, str) and _reads_otherwise(data):
        return DoubleQuotedScalarString(data)
    return data


def _reads_otherwise(text: str) -> bool:
    """Whether the reader of models.yaml, which knows YAML 1.1, takes the bare text for something else."""
    try:
        return bool(yaml.safe_load(text) != text)
    except yaml.YAMLError:
        return True


# ------------------------------------------------------------------ comments behind the last item


def _last(node: Any) -> tuple[Any, Any] | None:
    """The innermost block collection at the end of `node`, and the key of its last item."""
    found = None
    while isinstance(node, CommentedMap | CommentedSeq) and len(node) and not node.fa.flow_style():
        key = list(node)[-1] if isinstance(node, CommentedMap) else len(node) - 1
        found, node = (node, key), node[key]
    return found


def _slot(node: Any) -> int:
    """Where ruamel keeps what follows an item: a place in the list of its comments."""
    return 2 if isinstance(node, CommentedMap) else 0


def _take_tail(node: Any) -> str:
    """Cut off the comment lines that follow `node`; a comment on its last line itself stays."""
    if (last := _last(node)) is None:
        return ""
    holder, key = last
    comments = holder.ca.items.get(key)
    token = comments[_slot(holder)] if comments and len(comments) > _slot(holder) else None
    if token is None or isinstance(token, list):
        return ""
    own, _, tail = token.value.partition("\n")
    if own.strip():
        token.value = own + "\n"
    else:
        comments[_slot(holder)] = None
    return str(tail)


def _put_tail(node: Any, tail: str) -> None:
    if not tail or (last := _last(node)) is None:
        return
    holder, key = last
    comments = holder.ca.items.setdefault(key, [None, None, None, None])
    slot = _slot(holder)
    own = comments[slot].value.partition("\n")[0] if comments[slot] is not None else ""
    comments[slot] = CommentToken(f"{own}\n{tail}", CommentMark(0), None)
