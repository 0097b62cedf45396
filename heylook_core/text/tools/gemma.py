"""Gemma's own notation: `call:weather{city:<|"|>Paris<|"|>,days:3}`, strings between a marker."""

from __future__ import annotations

import json
from collections.abc import Sequence

from heylook_core.messages import Tool
from heylook_core.text.tools.calls import Calls
from heylook_core.text.tools.format import Literal, ToolFormat, alternatives, inline, one_of
from heylook_core.text.tools.parameters import Parameter, parameters_of
from heylook_core.text.tools.source import NotACall, Reading, Source


class Gemma(ToolFormat, frozen=True, kw_only=True):
    """`open` call:name{key:value,…} `close`; `quote` surrounds strings. Maps and lists nest."""

    open: str
    close: str
    quote: str

    @property
    def markers(self) -> tuple[str, ...]:
        return (self.open, self.close, self.quote)

    def read(self, source: Source, calls: Calls) -> Reading[None]:
        yield from source.literal(self.open)
        yield from source.space()
        yield from source.literal("call:")
        name = yield from source.word()
        yield from source.space()
        if (yield from source.peek()) != "{":
            raise NotACall
        arguments = yield from self._value(source)
        calls.whole(name, json.dumps(arguments, ensure_ascii=False))
        source.mark()
        yield from source.closing(self.close)

    def _value(self, source: Source) -> Reading[object]:
        yield from source.space()
        if (yield from source.maybe(self.quote)):
            return (yield from source.until(self.quote))
        if (yield from source.maybe("{")):
            return (yield from self._map(source))
        if (yield from source.maybe("[")):
            return (yield from self._list(source))
        text = yield from source.json_text()
        try:
            return json.loads(text)
        except ValueError:
            return text

    def _map(self, source: Source) -> Reading[dict[str, object]]:
        found: dict[str, object] = {}
        while True:
            yield from source.space()
            if (yield from source.maybe("}")):
                return found
            key = yield from self._key(source)
            found[key] = yield from self._value(source)
            yield from source.space()
            yield from source.maybe(",")

    def _key(self, source: Source) -> Reading[str]:
        if (yield from source.maybe(self.quote)):
            key = yield from source.until(self.quote)
            yield from source.literal(":")
            return key
        if (yield from source.peek()) == '"':  # of JSON, as a nested value is forced
            key = _unquoted((yield from source.json_text()))
            yield from source.space()
            yield from source.literal(":")
            return key
        return (yield from source.until(":")).strip()

    def _list(self, source: Source) -> Reading[list[object]]:
        found: list[object] = []
        while True:
            yield from source.space()
            if (yield from source.maybe("]")):
                return found
            found.append((yield from self._value(source)))
            yield from source.space()
            yield from source.maybe(",")

    def grammar(self, tools: Sequence[Tool], literal: Literal, most: int) -> str:
        rules = {f"call_{index}": self._rule(tool, literal) for index, tool in enumerate(tools)}
        return alternatives(rules, most)

    def _rule(self, tool: Tool, literal: Literal) -> str:
        """Required parameters only, in their order; a nested value is forced as JSON, which is read as well."""
        parts: list[str] = []
        for one in parameters_of(tool):
            if one.required:
                comma = "," if parts else ""
                parts.append(f"{json.dumps(f'{comma}{one.name}:')} {self._forced(one, literal)}")
        head = f"{literal(self.open)} {json.dumps(f'call:{tool.name}{{')}"
        return " ".join([head, *parts, '"}"', literal(self.close)])

    def _forced(self, one: Parameter, literal: Literal) -> str:
        if not one.is_text:
            return inline(one.schema)
        quote = literal(self.quote)
        return f"{quote} {one_of(one.texts) or f'/[^<]{one.length}/'} {quote}"


def _unquoted(text: str) -> str:
    try:
        return str(json.loads(text))
    except ValueError:
        raise NotACall from None
