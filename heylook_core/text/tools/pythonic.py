"""Calls written as Python: `[weather(city="Paris", days=3), clock()]`."""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence

from heylook_core.messages import Tool
from heylook_core.text.tools.calls import Calls
from heylook_core.text.tools.format import Literal, ToolFormat, alternatives, inline
from heylook_core.text.tools.parameters import parameters_of
from heylook_core.text.tools.source import NotACall, Reading, Source


class Pythonic(ToolFormat, frozen=True, kw_only=True):
    """A list of calls with keyword arguments that are literals, between `open` and `close` where there are markers."""

    open: str = ""
    close: str = ""

    @property
    def markers(self) -> tuple[str, ...]:
        return (self.open, self.close)

    def read(self, source: Source, calls: Calls) -> Reading[None]:
        marked = bool(self.open) and (yield from source.maybe(self.open))
        yield from source.space()
        yield from source.literal("[")
        first = yield from source.word()
        if not marked and not calls.knows(first):
            raise NotACall
        text = "[" + first + (yield from _bracketed(source))
        for name, arguments in _calls(text):
            calls.whole(name, json.dumps(arguments, ensure_ascii=False))
        source.mark()
        yield from source.closing(self.close)

    def grammar(self, tools: Sequence[Tool], literal: Literal, most: int) -> str:
        rules = {f"call_{index}": self._rule(tool) for index, tool in enumerate(tools)}
        return alternatives(
            rules, most, before=f'{literal(self.open)} "["', between='", "', after=f'"]" {literal(self.close)}'
        )

    def _rule(self, tool: Tool) -> str:
        """Required parameters only, in their order; JSON literals are Python, but for three words."""
        parts: list[str] = []
        for one in parameters_of(tool):
            if one.required:
                comma = ", " if parts else ""
                value = '("True" | "False")' if one.schema.get("type") == "boolean" else inline(one.schema)
                parts.append(f"{json.dumps(f'{comma}{one.name}=')} {value}")
        return " ".join([json.dumps(f"{tool.name}("), *parts, '")"'])


def _bracketed(source: Source) -> Reading[str]:
    """Through the bracket that closes the list; brackets in strings do not count."""
    parts: list[str] = []
    depth, quote, escaped = 1, "", False
    while depth:
        letter = yield from source.peek()
        source.at += 1
        # Some templates write strings between quotes as they are.
        parts.append("\\n" if quote and letter == "\n" else letter)
        if quote:
            quote = "" if letter == quote and not escaped else quote
            escaped = letter == "\\" and not escaped
        elif letter in "\"'":
            quote = letter
        else:
            depth += (letter in "([{") - (letter in ")]}")
    return "".join(parts)


def _calls(text: str) -> list[tuple[str, dict[str, object]]]:
    try:
        tree = ast.parse(text, mode="eval").body
        if not isinstance(tree, ast.List) or not tree.elts:
            raise NotACall
        found = [_call(node) for node in tree.elts]
        json.dumps(found)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        raise NotACall from None
    return found


def _call(node: ast.expr) -> tuple[str, dict[str, object]]:
    if not isinstance(node, ast.Call) or node.args:
        raise NotACall
    return ast.unparse(node.func), {keyword.arg or "": _value(keyword.value) for keyword in node.keywords}


def _value(node: ast.expr) -> object:
    """A literal; JSON's words count as Python's."""
    words = {"true": True, "false": False, "null": None}
    if isinstance(node, ast.Name) and node.id in words:
        return words[node.id]
    return ast.literal_eval(node)
