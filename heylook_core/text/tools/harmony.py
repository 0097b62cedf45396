"""The Harmony format of gpt-oss: every message of an answer names its channel, and calls are messages too.

    <|channel|>analysis<|message|>…<|end|><|start|>assistant<|channel|>final<|message|>…<|return|>
    <|start|>assistant<|channel|>commentary to=functions.NAME <|constrain|>json<|message|>{…}<|call|>

Source: openai/harmony, docs/format.md, and the chat template of openai/gpt-oss-120b, which puts the recipient first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from heylook_core.messages import Tool
from heylook_core.text.markers import Kind, Produced, first_marker, possible_tail
from heylook_core.text.reasoning import ReasoningFormat
from heylook_core.text.tools.calls import Calls
from heylook_core.text.tools.format import Literal, ToolFormat, alternatives, inline
from heylook_core.text.tools.parameters import schema_of

START, CHANNEL, MESSAGE, CONSTRAIN = "<|start|>", "<|channel|>", "<|message|>", "<|constrain|>"
ENDS = ("<|end|>", "<|call|>", "<|return|>")
MARKERS = (START, CHANNEL, MESSAGE, CONSTRAIN, *ENDS)
_RECIPIENT = re.compile(r"\bto=([^\s<]+)")
_CHANNEL = re.compile(r"<\|channel\|>\s*(\w+)")

# For a guide: an answer begins in the middle of reasoning, which ends where the final channel or a message ends.
TO_ANSWER = ReasoningFormat("harmony", f"{START}assistant", f"{CHANNEL}final{MESSAGE}")
TO_CALL = ReasoningFormat("harmony", f"{START}assistant", "<|end|>")


class HarmonyFormat(ToolFormat, frozen=True, kw_only=True):
    """Read by `HarmonyStage`, not by a reader of its own; forced as the model's documentation writes it."""

    @property
    def markers(self) -> tuple[str, ...]:
        return MARKERS

    def grammar(self, tools: Sequence[Tool], literal: Literal, most: int) -> str:
        rules = {}
        for index, tool in enumerate(tools):
            head = f"{START}assistant{CHANNEL}commentary to=functions.{tool.name} {CONSTRAIN}json{MESSAGE}"
            rules[f"call_{index}"] = f"{literal(head)} {inline(schema_of(tool))}"
        return alternatives(rules, 1)


class HarmonyStage:
    """The whole of an answer: headers, reasoning, text and calls. `tools` None shows calls as text."""

    def __init__(self, choice: int, tools: Sequence[Tool] | None, single: bool = False) -> None:
        self._calls = Calls(choice, tools or ())
        self._reads_calls = tools is not None
        self._single = single
        self._held = ""
        self._body: Kind | None = None

    @property
    def reasoning(self) -> bool:
        return self._body == "reasoning"

    @property
    def calls(self) -> int:
        return self._calls.count + self._calls.is_open

    @property
    def stopped(self) -> bool:
        return self._single and self._calls.count > 0

    def push(self, text: str) -> list[Produced]:
        text, self._held = self._held + text, ""
        rest: str | None = text
        while rest:
            rest = self._header(rest) if self._body is None else self._message(rest)
        return self._take()

    def end(self) -> list[Produced]:
        held, self._held = self._held, ""
        if self._body is None and held and not held.startswith(MARKERS) and "to=" not in held:
            self._body = "text"
        self._shown(held)
        if self._calls.is_open:
            self._calls.close()
        return self._take()

    def _take(self) -> list[Produced]:
        produced, self._calls.produced = self._calls.produced, []
        return produced

    def _header(self, text: str) -> str | None:
        """Between messages: everything up to `<|message|>` says what kind of message follows."""
        found = first_marker(text, (MESSAGE,))
        if found is None:
            if not _may_be_header(text):
                self._body = "text"
                return text
            self._held = text
            return None
        header, end = text[: found[0]], found[0] + len(MESSAGE)
        self._give("silent", text[:end])
        self._begin(header)
        return text[end:]

    def _begin(self, header: str) -> None:
        recipient, channel = _RECIPIENT.search(header), _CHANNEL.search(header)
        name = recipient[1].removeprefix("functions.") if recipient is not None else ""
        called = recipient is not None and (recipient[1].startswith("functions.") or self._calls.knows(name))
        if called and self._reads_calls:
            self._body = "silent"
            self._calls.open(name)
        else:
            self._body = "reasoning" if channel is not None and channel[1] == "analysis" else "text"

    def _message(self, text: str) -> str | None:
        markers = (*ENDS, START)
        found = first_marker(text, markers)
        if found is None:
            keep = possible_tail(text, markers)
            self._shown(text[: len(text) - keep])
            self._held = text[len(text) - keep :]
            return None
        self._shown(text[: found[0]])
        end = found[0] + (0 if found[1] == START else len(found[1]))
        self._give("silent", text[found[0] : end])
        self._body = None
        if self._calls.is_open:
            self._calls.close()
            if self.stopped:
                return None
        return text[end:]

    def _shown(self, text: str) -> None:
        if self._calls.is_open:
            self._calls.args(text)
        self._give(self._body or "silent", text)

    def _give(self, kind: Kind, text: str) -> None:
        if text:
            self._calls.produced.append((kind, text))


def _may_be_header(text: str) -> bool:
    """Whether text before any `<|message|>` still looks like the beginning of a message."""
    bare = text.lstrip()
    begins = (START, CHANNEL, "to=")
    return len(bare) < 400 and any(bare.startswith(sign) or sign.startswith(bare) for sign in begins)
