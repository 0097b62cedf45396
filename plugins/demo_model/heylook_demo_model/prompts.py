"""Prompts whose answers are proven: greedy decoding gives exactly these, on MLX and on llama.cpp.

`prompts.json` holds them. Each was kept only if both engines answered right with the same text, and if every token of
the answer led the next likely one by at least 1.5 in logits, so that another batch or data type does not flip it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec


class Prompt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`messages` and `tools` are in the shape that chat APIs take.

    `answer` is the whole text of the model, a thinking block or a tool call in it unparsed. `thinking` is the
    template's `enable_thinking`.
    """

    skill: str
    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]]
    thinking: bool
    answer: str


def proven(skill: str | None = None) -> tuple[Prompt, ...]:
    """All of them, or those of one skill (`documentation`, `fact`, `recall`, `tool_call`, `json`, …)."""
    data = (Path(__file__).parent / "prompts.json").read_bytes()
    found = msgspec.json.decode(data, type=tuple[Prompt, ...])
    return tuple(prompt for prompt in found if skill in (None, prompt.skill))
