"""Calls whose arguments are written as JSON: an object that holds the name too, or a name and then the object."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from heylook_core.messages import Tool
from heylook_core.text.tools.bounds import bounded
from heylook_core.text.tools.calls import Calls
from heylook_core.text.tools.format import Literal, ToolFormat, alternatives, inline
from heylook_core.text.tools.parameters import moved, schema_of
from heylook_core.text.tools.source import NotACall, Reading, Source

_NAME_KEYS = ("name", "tool_name", "function")
_ARGUMENT_KEYS = ("arguments", "parameters")


class JsonCalls(ToolFormat, frozen=True, kw_only=True):
    """`open`, then `{"name": …, "arguments": {…}}`, several of them, or a list; then `close`.

    `listed`: the format writes a list always. `keyed`: the object has one key, the name, and its value are the
    arguments. `spaced`: a newline inside the markers. The keys that are forced are `name_key` and `arguments_key`;
    any known ones are read.
    """

    open: str = ""
    close: str = ""
    listed: bool = False
    keyed: bool = False
    spaced: bool = False
    name_key: str = "name"
    arguments_key: str = "arguments"

    @property
    def markers(self) -> tuple[str, ...]:
        return (*self.openers, self.open, self.close)

    def read(self, source: Source, calls: Calls) -> Reading[None]:
        marked = False
        for opener in self.openers:
            marked = marked or (yield from source.maybe(opener))
        yield from source.space()
        if (yield from source.maybe("[")):
            yield from self._list(source, calls, marked)
        else:
            yield from self._object(source, calls, marked)
        yield from source.space()
        while (yield from self._another(source)):
            yield from self._object(source, calls, marked)
            yield from source.space()
        yield from source.closing(self.close)

    def _another(self, source: Source) -> Reading[bool]:
        """Whether one more object follows before the end."""
        if self.bare and (yield from source.maybe(";")):
            yield from source.space()
        if source.at == len(source.buffer) and source.ended:
            return False
        return (yield from source.peek()) == "{"

    def _list(self, source: Source, calls: Calls, marked: bool) -> Reading[None]:
        yield from source.space()
        while not (yield from source.maybe("]")):
            yield from self._object(source, calls, marked)
            yield from source.space()
            yield from source.maybe(",")
            yield from source.space()

    def _object(self, source: Source, calls: Calls, marked: bool) -> Reading[None]:
        call = _Call(calls, marked)
        yield from source.literal("{")
        yield from source.space()
        while not (yield from source.maybe("}")):
            yield from self._member(source, call)
            yield from source.space()
            yield from source.maybe(",")
            yield from source.space()
        call.end()
        source.mark()

    def _member(self, source: Source, call: _Call) -> Reading[None]:
        if (yield from source.peek()) != '"':
            raise NotACall
        key = _string((yield from source.json_text()))
        yield from source.space()
        yield from source.literal(":")
        yield from source.space()
        if self.keyed:
            call.named(key)
            yield from source.json(call.arguments)
        elif key in _ARGUMENT_KEYS and (yield from source.peek()) == '"':
            call.arguments(_string((yield from source.json_text())) or "{}")
        elif key in _ARGUMENT_KEYS:
            yield from source.json(call.arguments)
        elif key in _NAME_KEYS and (yield from source.peek()) == '"':
            call.named(_string((yield from source.json_text())))
        else:
            yield from source.json_text()

    def grammar(self, tools: Sequence[Tool], literal: Literal, most: int) -> str:
        space = "\n" if self.spaced else ""
        rules = {f"call_{index}": inline(self._schema(tool)) for index, tool in enumerate(tools)}
        opened, closed = literal(self.open + space), literal(space + self.close)
        if self.listed:
            return alternatives(rules, most, before=f'{opened} "["', between='", "', after=f'"]" {closed}')
        if not self.close:
            return alternatives(rules, 1, before=opened)
        rules = {name: f"{opened} {body} {closed}" for name, body in rules.items()}
        return alternatives(rules, most, between='"\\n"')

    def _schema(self, tool: Tool) -> dict[str, Any]:
        key = tool.name if self.keyed else self.arguments_key
        arguments = moved(schema_of(tool), f"#/properties/{key}")
        name = {} if self.keyed else {self.name_key: {"const": tool.name}}
        properties: dict[str, Any] = {**name, key: arguments}
        return bounded(
            {
                "type": "object",
                "properties": properties,
                "required": list(properties),
                "additionalProperties": False,
            }
        )


class _Call:
    """One object under way: opened when its name is known, whatever the order of its keys."""

    def __init__(self, calls: Calls, marked: bool) -> None:
        self._calls = calls
        self._marked = marked
        self._waiting = ""
        self._written = False

    def named(self, name: str) -> None:
        if self._calls.is_open:
            return
        if not name or not (self._marked or self._calls.knows(name)):
            raise NotACall
        self._calls.open(name)
        self._calls.args(self._waiting)

    def arguments(self, text: str) -> None:
        if text == "null" and not self._written:
            return
        self._written = True
        if self._calls.is_open:
            self._calls.args(text)
        else:
            self._waiting += text

    def end(self) -> None:
        if not self._calls.is_open:
            raise NotACall
        if not self._written:
            self._calls.args("{}")
        self._calls.close()


class NamedJson(ToolFormat, frozen=True, kw_only=True):
    """A section of calls, each a name between markers and then its arguments as a JSON object.

    `section` surrounds all calls, where there is one. `name` picks the name out of the text between `call` and
    `arguments`. `written` is how a name is forced, `{name}` and `{index}` in it.
    """

    section: tuple[str, str] = ("", "")
    call: str
    arguments: str
    close: str = ""
    name_pattern: str = r"\s*([\w.:/-]+)\s*"
    written: str = "{name}"

    @property
    def markers(self) -> tuple[str, ...]:
        return (*self.section, self.call, self.arguments, self.close)

    def read(self, source: Source, calls: Calls) -> Reading[None]:
        if self.section[0]:
            yield from source.maybe(self.section[0])
            yield from source.space()
        yield from self._call(source, calls)
        while self.section[0]:
            yield from source.space()
            if (yield from source.maybe(self.section[1])):
                return
            if not (yield from self._more(source)):
                return
            yield from self._call(source, calls)

    def _more(self, source: Source) -> Reading[bool]:
        if source.at == len(source.buffer) and source.ended:
            return False
        return (yield from source.peek()) == self.call[0]

    def _call(self, source: Source, calls: Calls) -> Reading[None]:
        yield from source.literal(self.call)
        found = re.fullmatch(self.name_pattern, (yield from source.until(self.arguments)), re.DOTALL)
        yield from source.space()
        if found is None or (yield from source.peek()) != "{":
            raise NotACall
        calls.open(found[1])
        yield from source.json(calls.args)
        calls.close()
        source.mark()
        yield from source.closing(self.close.strip())

    def grammar(self, tools: Sequence[Tool], literal: Literal, most: int) -> str:
        rules = {}
        for index, tool in enumerate(tools):
            head = literal(self.call + self.written.format(name=tool.name, index=0) + self.arguments)
            rules[f"call_{index}"] = f"{head} {inline(schema_of(tool))} {literal(self.close)}"
        return alternatives(rules, most, before=literal(self.section[0]), after=literal(self.section[1]))


def _string(text: str) -> str:
    try:
        value = json.loads(text, strict=False)
    except ValueError:
        raise NotACall from None
    return value if isinstance(value, str) else ""
