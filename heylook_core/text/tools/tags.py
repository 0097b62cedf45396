"""Calls whose arguments are written one by one between tags, as plain text."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from heylook_core.messages import Tool
from heylook_core.text.tools.calls import Calls
from heylook_core.text.tools.format import Literal, ToolFormat, alternatives, inline, one_of
from heylook_core.text.tools.parameters import Parameter, parameters_of
from heylook_core.text.tools.source import Ended, NotACall, Reading, Source

_CDATA = ("<![CDATA[", "]]>")


class Tags(ToolFormat, frozen=True, kw_only=True):
    """`call` name `name_end` (`key` name `key_end` value `value_end`)… `close`, inside a `section` where there is one.

    `{key}` in `value_end` is the parameter's name. `newlines`: one line break around each value is not part of it.
    Text between a name and `name_end` (further attributes) is skipped; `attributes` is how they are forced.
    Values are typed by the tool's schema.
    """

    section: tuple[str, str] = ("", "")
    call: str
    name_end: str = ""
    key: str
    key_end: str
    value_end: str
    close: str
    newlines: bool = False
    attributes: str = ""
    name_attributes: str = ""

    @property
    def markers(self) -> tuple[str, ...]:
        return (*self.section, self.call, self.name_end, self.key, self.key_end, self.value_end, self.close)

    def read(self, source: Source, calls: Calls) -> Reading[None]:
        if self.section[0]:
            yield from source.maybe(self.section[0])
            yield from source.space()
        yield from self._call(source, calls)
        while self.section[0]:
            yield from source.space()
            if (yield from source.maybe(self.section[1])):
                return
            if not (yield from source.maybe(self.call)):
                return
            yield from self._call(source, calls, begun=True)

    def _call(self, source: Source, calls: Calls, *, begun: bool = False) -> Reading[None]:
        if not begun:
            yield from source.literal(self.call)
        yield from source.space()
        name = yield from source.word()
        if self.name_end:
            if "\n" in (yield from source.until(self.name_end)).strip():
                raise NotACall
        else:
            yield from source.space()
            if (yield from source.peek()) not in (self.key[0], self.close[0]):
                raise NotACall
        calls.open(name)
        written = _Written(calls, name)
        try:
            yield from self._arguments(source, written)
        except Ended:
            source.rest()
            raise
        except NotACall:
            pass
        written.end()
        source.mark()

    def _arguments(self, source: Source, written: _Written) -> Reading[None]:
        yield from source.space()
        while not (yield from source.maybe(self.close)):
            if not (yield from source.maybe(self.key)):
                return
            key = yield from source.word()
            yield from source.until(self.key_end)
            yield from self._value(source, written, key)
            yield from source.space()

    def _value(self, source: Source, written: _Written, key: str) -> Reading[None]:
        end = self.value_end.replace("{key}", key)
        if self.newlines:
            yield from source.maybe("\n")
        if written.streams(key) and not (yield from source.maybe(_CDATA[0])):
            yield from self._string(source, written, key, end)
            return
        text = yield from source.until(end)
        text = text.removesuffix("\n") if self.newlines else text
        if text.startswith(_CDATA[0]) or text.endswith(_CDATA[1]):
            text = text.removeprefix(_CDATA[0]).removesuffix(_CDATA[1])
        written.value(key, text)

    def _string(self, source: Source, written: _Written, key: str, end: str) -> Reading[None]:
        """A value that is a string in any case is passed on as it comes; its last line break is held back."""
        written.begin(key)
        held = ""

        def give(text: str) -> None:
            nonlocal held
            text, held = held + text, ""
            if self.newlines and text.endswith("\n"):
                text, held = text[:-1], "\n"
            written.more(text)

        yield from source.through(end, give)
        written.finish()

    def grammar(self, tools: Sequence[Tool], literal: Literal, most: int) -> str:
        rules: dict[str, str] = {}
        values: dict[str, str] = {}
        for index, tool in enumerate(tools):
            rules[f"call_{index}"] = self._rule(f"value_{index}", tool, literal, values)
        spaces = [literal(marker) for marker in self.section]
        text = alternatives(rules, most, before=spaces[0], between='"\\n"', after=spaces[1])
        return "\n".join([text, *(f"{name}: {body}" for name, body in values.items())])

    def _rule(self, prefix: str, tool: Tool, literal: Literal, values: dict[str, str]) -> str:
        parts = [literal(f"{self.call}{tool.name}{self.name_attributes}{self.name_end}")]
        for number, one in enumerate(parameters_of(tool)):
            name = f"{prefix}_{number}"
            attributes = self.attributes.format(string=str(one.is_text).lower())
            head = literal(f"{self.key}{one.name}{attributes}{self.key_end}" + ("\n" if self.newlines else ""))
            values[name] = f"{head} {self._value_rule(name, one, literal, values)}"
            parts.append(name if one.required else f"{name}?")
        return " ".join([*parts, literal(self.close)])

    def _value_rule(self, name: str, one: Parameter, literal: Literal, values: dict[str, str]) -> str:
        closing = ("\n" if self.newlines else "") + self.value_end.replace("{key}", one.name)
        end = literal(closing)
        if one.texts:
            return f"{one_of(one.texts)} {end}"
        if not one.is_text:
            return f"{inline(one.schema)} {end}"
        if "<[" not in end:
            values[f"{name}_text[suffix={json.dumps(closing, ensure_ascii=False)}]"] = f"/(?s:.{one.length})/"
            return f"{name}_text"
        # A tag that is a token of its own is no text that could be looked for, so the value may not begin one.
        first = re.escape(self.value_end[0]).replace("/", "\\/")
        values[f"{name}_text"] = f"/[^{first}]{one.length}/"
        return f"{name}_text {end}"


class _Written:
    """The arguments of one call as JSON text, member by member."""

    def __init__(self, calls: Calls, name: str) -> None:
        self._calls = calls
        self._name = name
        self._first = True

    def streams(self, key: str) -> bool:
        return self._calls.is_string(self._name, key)

    def value(self, key: str, text: str) -> None:
        self._key(key)
        self._calls.args(self._calls.value(self._name, key, text))

    def begin(self, key: str) -> None:
        self._key(key)
        self._calls.args('"')

    def more(self, text: str) -> None:
        self._calls.args(json.dumps(text, ensure_ascii=False)[1:-1])

    def finish(self) -> None:
        self._calls.args('"')

    def end(self) -> None:
        self._calls.args("{}" if self._first else "}")
        self._calls.close()

    def _key(self, key: str) -> None:
        self._calls.args(("{" if self._first else ", ") + json.dumps(key, ensure_ascii=False) + ": ")
        self._first = False
