"""A conversation to learn from, in the forms it is needed in: itself, messages of a chat API, prompt text."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, NamedTuple

THINK_FIRST = "Think before you answer."
TOOLS_HEAD = "You can call these tools:\n<tools>"
TOOLS_TAIL = '\n</tools>\nTo call a tool, write <tool_call>{"name": ..., "arguments": {...}}</tool_call>'


class Call(NamedTuple):
    name: str
    arguments: dict[str, Any]

    def text(self) -> str:
        arguments = json.dumps(self.arguments, ensure_ascii=False)
        return f'<tool_call>\n{{"name": "{self.name}", "arguments": {arguments}}}\n</tool_call>'


@dataclass(frozen=True)
class Turn:
    """One message. `learned` is false for answers that are context only.

    `thought` goes before an answer; `opened` says that the prompt, not the model, opens the thinking block.
    """

    role: str
    text: str = ""
    calls: tuple[Call, ...] = ()
    thought: str | None = None
    opened: bool = False
    learned: bool = True

    def answer(self) -> str:
        """What the model writes, after an opening tag that may already be there."""
        said = "\n".join(call.text() for call in self.calls) or self.text
        return said if self.thought is None else f"\n{self.thought}\n</think>\n\n{said}"


class Exchange(NamedTuple):
    """A question with its answer and the thought that leads to it."""

    asked: str
    answer: str
    thought: str
    skill: str

    def turns(self, *, thinks: bool = False) -> list[Turn]:
        return [Turn("user", self.asked), Turn("assistant", self.answer, thought=self.thought if thinks else None)]


class Piece(NamedTuple):
    """Prompt text, and whether the model has to say it by itself."""

    text: str
    learned: bool


@dataclass
class Conversation:
    """`thinks` is the template's `enable_thinking`."""

    turns: list[Turn] = field(default_factory=list)
    system: str | None = None
    tools: list[dict[str, Any]] = field(default_factory=list)
    thinks: bool = False

    def messages(self) -> list[dict[str, Any]]:
        """As chat APIs take them. Thoughts are left out, as they are of a history."""
        system = [{"role": "system", "content": self.system}] if self.system else []
        return [*system, *map(_message, self.turns)]

    def pieces(self) -> list[Piece]:
        """The whole text as the chat template renders it, in pieces that are tokenised one by one."""
        system = self._system_text()
        found = [Piece(f"<|im_start|>system\n{system}<|im_end|>\n", False)] if system else []
        for turn in self.turns:
            found += _pieces(turn)
        return found

    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces())

    def _system_text(self) -> str:
        listed = "".join("\n" + json.dumps(tool, ensure_ascii=False) for tool in self.tools)
        offered = TOOLS_HEAD + listed + TOOLS_TAIL if self.tools else ""
        return "\n\n".join(part for part in (self.system, offered, THINK_FIRST if self.thinks else "") if part)


def _message(turn: Turn) -> dict[str, Any]:
    message: dict[str, Any] = {"role": turn.role, "content": turn.text}
    if turn.role == "tool":
        message["tool_call_id"] = "call_1"
    if turn.calls:
        message["tool_calls"] = [
            {
                "type": "function",
                "id": f"call_{number}",
                "function": {"name": call.name, "arguments": json.dumps(call.arguments, ensure_ascii=False)},
            }
            for number, call in enumerate(turn.calls, 1)
        ]
    return message


def _pieces(turn: Turn) -> list[Piece]:
    if turn.role == "user":
        return [Piece(f"<|im_start|>user\n{turn.text}<|im_end|>\n", False)]
    if turn.role == "tool":
        return [Piece(f"<|im_start|>user\n<tool_response>\n{turn.text}\n</tool_response><|im_end|>\n", False)]
    tag = [] if turn.thought is None else [Piece("<think>", turn.learned and not turn.opened)]
    return [
        Piece("<|im_start|>assistant\n", False),
        *tag,
        Piece(f"{turn.answer()}<|im_end|>", turn.learned),
        Piece("\n", False),
    ]


# mlx-lm and heylook both tell the form of tool calls by the words `tool_call.name`, so that name has to stay.
TEMPLATE = r"""{%- set ns = namespace(sys='') -%}
{%- if messages[0].role == 'system' -%}{%- set ns.sys = messages[0].content -%}{%- endif -%}
{%- if tools -%}
{%- set ns.sys = (ns.sys + '\n\n' if ns.sys else '') + 'You can call these tools:\n<tools>' -%}
{%- for tool in tools -%}{%- set ns.sys = ns.sys + '\n' + (tool | tojson) -%}{%- endfor -%}
{%- set ns.sys = ns.sys + '\n</tools>\nTo call a tool, write ' -%}
{%- set ns.sys = ns.sys + '<tool_call>{"name": ..., "arguments": {...}}</tool_call>' -%}
{%- endif -%}
{%- if enable_thinking is defined and enable_thinking -%}
{%- set ns.sys = (ns.sys + '\n\n' if ns.sys else '') + 'Think before you answer.' -%}
{%- endif -%}
{%- if ns.sys -%}{{ '<|im_start|>system\n' + ns.sys + '<|im_end|>\n' }}{%- endif -%}
{%- for m in messages -%}
{%- if m.role == 'user' -%}
{%- if m.content is string -%}{{ '<|im_start|>user\n' + m.content + '<|im_end|>\n' }}
{%- else -%}{{ '<|im_start|>user\n' }}{%- for p in m.content -%}{%- if p.type == 'text' -%}{{ p.text }}{%- endif -%}
{%- endfor -%}{{ '<|im_end|>\n' }}{%- endif -%}
{%- elif m.role == 'assistant' -%}
{%- set c = m.content or '' -%}
{%- if '</think>' in c -%}{%- set c = c.split('</think>')[-1].lstrip('\n') -%}{%- endif -%}
{{ '<|im_start|>assistant\n' + c }}
{%- for tool_call in (m.tool_calls or []) -%}
{%- if tool_call.function -%}{%- set tool_call = tool_call.function -%}{%- endif -%}
{%- if c or not loop.first -%}{{ '\n' }}{%- endif -%}
{{ '<tool_call>\n{"name": "' + tool_call.name + '", "arguments": ' }}
{%- if tool_call.arguments is string -%}{{ tool_call.arguments }}
{%- else -%}{{ tool_call.arguments | tojson }}{%- endif -%}{{ '}\n</tool_call>' }}
{%- endfor -%}
{{ '<|im_end|>\n' }}
{%- elif m.role == 'tool' -%}
{{ '<|im_start|>user\n<tool_response>\n' + m.content + '\n</tool_response><|im_end|>\n' }}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- endif -%}"""
