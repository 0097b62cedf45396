"""The marks with which code models fill in the middle of a text (as llama.cpp's `llama-vocab.cpp` finds them)."""

from __future__ import annotations

from typing import Any

# Before the text in front of the gap, before that behind it, before the filling.
MARKS = (
    ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),
    ("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),
    ("<fim-prefix>", "<fim-suffix>", "<fim-middle>"),
    ("<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>"),
    ("<\uff5cfim\u2581begin\uff5c>", "<\uff5cfim\u2581hole\uff5c>", "<\uff5cfim\u2581end\uff5c>"),
    ("\u2581<PRE>", "\u2581<SUF>", "\u2581<MID>"),
    ("<PRE>", "<SUF>", "<MID>"),
)


def fill_in_middle(tokenizer: Any) -> list[int] | None:
    """The ids of prefix, suffix and middle mark; None for a vocabulary without them."""
    vocabulary = tokenizer.get_vocab()
    for marks in MARKS:
        if all(mark in vocabulary for mark in marks):
            return [int(vocabulary[mark]) for mark in marks]
    return None
