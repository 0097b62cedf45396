"""A YAML file as plain data that remembers its lines, so that every complaint can name the place."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

import msgspec
import yaml

from heylook_core.errors import ConfigError

T = TypeVar("T")

_AT = re.compile(r" - at `\$(.*)`$", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`")
_MISSING = re.compile(r"Object missing required field `(.*)`")
_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


class YamlFile:
    """`data` is what the file says; paths into it look like `models[1].config.n_ctx`, "" is the whole."""

    def __init__(self, path: Path | None, data: Any, lines: dict[str, int]) -> None:
        self.path = path
        self.data = data
        self._lines = lines

    def error(self, where: str, what: str) -> ConfigError:
        """A ConfigError that names file, line and path; a path without a line of its own takes its parent's."""
        place = [str(self.path)] if self.path else []
        if line := self._line(where):
            place.append(f"line {line}")
        text = f"{where}: {what}" if where else what
        return ConfigError(f"{', '.join(place)}: {text}" if place else text)

    def _line(self, where: str) -> int | None:
        while where not in self._lines and where:
            where = where[: max(where.rfind("."), where.rfind("["), 0)]
        return self._lines.get(where)

    def convert(self, data: Any, type_: type[T], where: str = "") -> T:
        """`data`, which stands at `where` in the file, as a `type_`. Raises ConfigError."""
        try:
            return msgspec.convert(data, type_)
        except msgspec.ValidationError as error:
            raise self._complaint(str(error), data, type_, where) from None

    def _complaint(self, message: str, data: Any, type_: type[Any], where: str) -> ConfigError:
        at = _AT.search(message)
        inside = at[1].lstrip(".") if at else ""
        message = _AT.sub("", message)
        here = _join(where, inside)
        steps = list(_steps(inside))
        if unknown := _UNKNOWN.fullmatch(message):
            return self.error(_join(here, unknown[1]), f"there is no such key{nearest(unknown[1], type_, steps)}")
        if missing := _MISSING.fullmatch(message):
            return self.error(here, f"the key `{missing[1]}` is missing")
        found = _value(data, steps)
        shown = "" if isinstance(found, dict | list) else f" {found!r}"
        return self.error(here, message.replace("Expected", "expected", 1) + (f"; found{shown}" if shown else ""))


def read(path: Path) -> YamlFile:
    """Parse a file. Raises ConfigError where it is no YAML, names a key twice, or cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"{path} cannot be read: {why}.") from None
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        file = YamlFile(path, None, {})
        if node is not None:
            _walk(node, "", file, ())
            file.data = loader.construct_document(node)
    except yaml.YAMLError as error:
        raise _syntax_error(path, error) from None
    except (ValueError, TypeError, LookupError, RecursionError) as error:  # PyYAML lets dates like 2001-99-99 through
        raise ConfigError(f"{path} cannot be read: {type(error).__name__}: {error}.") from None
    finally:
        loader.dispose()
    return file


def _syntax_error(path: Path, error: yaml.YAMLError) -> ConfigError:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or str(error)
    line = f", line {mark.line + 1}" if mark else ""
    return ConfigError(f"{path}{line}: this is not valid YAML: {what}.")


def _walk(node: yaml.Node, where: str, file: YamlFile, above: tuple[yaml.Node, ...]) -> None:
    """Note the line of every path below `node`."""
    file._lines.setdefault(where, node.start_mark.line + 1)
    if node in above:
        raise file.error(where, "this refers to itself")
    above = (*above, node)
    if isinstance(node, yaml.MappingNode):
        _walk_mapping(node, where, file, above)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _walk(item, f"{where}[{index}]", file, above)


def _walk_mapping(node: yaml.MappingNode, where: str, file: YamlFile, above: tuple[yaml.Node, ...]) -> None:
    seen: dict[str, int] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if key.tag == "tag:yaml.org,2002:merge":
            continue
        name = str(key.value)
        path = _join(where, name)
        file._lines[path] = line
        if name in seen:
            raise file.error(path, f"the key is given twice, first in line {seen[name]}")
        seen[name] = line
        _walk(value, path, file, above)


def nearest(name: str, type_: Any, steps: list[str | int] | None = None) -> str:
    """A clause with the key that was probably meant, or with all keys that the Struct at `steps` knows."""
    struct = _struct_at(type_, steps or [])
    known = [field.encode_name for field in msgspec.structs.fields(struct)] if struct else []
    if close := difflib.get_close_matches(name, known, 1, cutoff=0.5):
        return f"; did you mean `{close[0]}`?"
    return f"; known are {', '.join(sorted(known))}" if known else ""


def _struct_at(type_: Any, steps: list[str | int]) -> type[msgspec.Struct] | None:
    """The Struct type that `steps` lead to, through Optionals, tuples and dicts."""
    if get_origin(type_) in (Union, UnionType):
        found = (_struct_at(option, steps) for option in get_args(type_))
        return next((struct for struct in found if struct), None)
    is_struct = isinstance(type_, type) and issubclass(type_, msgspec.Struct)
    if not steps:
        return type_ if is_struct else None
    step, rest = steps[0], steps[1:]
    if is_struct:
        types = {field.encode_name: field.type for field in msgspec.structs.fields(type_)}
        return _struct_at(types.get(str(step)), rest)
    arguments = [argument for argument in get_args(type_) if argument is not ...]
    return _struct_at(arguments[-1], rest) if arguments else None


def _steps(path: str) -> Iterator[str | int]:
    for index, key in _STEP.findall(path):
        yield int(index) if index else key


def _join(where: str, inside: str) -> str:
    return f"{where}.{inside}" if where and inside and not inside.startswith("[") else where + inside


def _value(data: Any, steps: list[str | int]) -> Any:
    for step in steps:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return {}  # inside a dict, where msgspec does not name the key
    return data
