"""What a tool-call format is: where calls begin, how they are read, and how they are forced."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import msgspec

from heylook_core.errors import Unsupported
from heylook_core.messages import Tool
from heylook_core.text.tools.calls import Calls
from heylook_core.text.tools.source import Reading, Source

Literal: TypeAlias = Callable[[str], str]
"""Lark for a literal text; markers that are one token of the model are forced by their id."""


class ToolFormat(msgspec.Struct, frozen=True, kw_only=True):
    """A way to write tool calls into text.

    A template of this format contains one of `signs`, and `besides`. `openers` begin a call or a list of
    calls. `bare` begins one where it is the first letter of the answer, and only if it names a known tool.
    """

    name: str
    signs: tuple[str, ...] = ()
    besides: str = ""
    openers: tuple[str, ...] = ()
    bare: str = ""

    @property
    def markers(self) -> tuple[str, ...]:
        """Strings of this format that may be special tokens of a model."""
        return self.openers

    def shown_in(self, template: str) -> bool:
        return any(sign in template for sign in self.signs) and self.besides in template

    def read(self, source: Source, calls: Calls) -> Reading[None]:
        """Read from an opener (still unread) to the end of the call or list. Raises NotACall."""
        raise NotImplementedError

    def grammar(self, tools: Sequence[Tool], literal: Literal, most: int) -> str:
        """A Lark grammar whose `start` is one to `most` calls of these tools."""
        raise Unsupported(
            f"Forced tool calls are not supported for the format {self.name!r}: use tool_choice auto.",
            param="tool_choice",
        )


def inline(schema: dict[str, Any]) -> str:
    """A schema as a Lark expression (llguidance, docs/syntax.md: Inline JSON Schemas)."""
    return f"%json {json.dumps(schema)}"


def one_of(texts: Sequence[str]) -> str:
    """Lark for one of these texts; "" where there are none."""
    return f"({' | '.join(json.dumps(text, ensure_ascii=False) for text in texts)})" if texts else ""


def alternatives(rules: dict[str, str], most: int, *, before: str = "", between: str = "", after: str = "") -> str:
    """A Lark grammar of one to `most` of `rules`."""
    repeat = "" if most <= 1 else f" ({between} call){{0,{most - 1}}}"
    lines = [f"start: {before} call{repeat} {after}", f"call: {' | '.join(rules)}"]
    return "\n".join(lines + [f"{name}: {body}" for name, body in rules.items()])
