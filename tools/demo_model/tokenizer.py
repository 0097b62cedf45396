"""The vocabulary: byte-level BPE made so that a word has the same pieces wherever it stands.

    python -m tools.demo_model.tokenizer FILE

writes `tokenizer.json`. At run time it is plain GPT-2 pre-tokenisation, which both engines know.

Merges are learned with every space cut off, so that `Zagreb` is in the same pieces after a space, a quote or a line
break: to copy a word is then to copy its tokens. Last come merges of a space with one of the commonest words of the
fixed texts, which shorten rows by a tenth; words that get copied are not among them. Digits are single tokens.
"""

from __future__ import annotations

import argparse
import collections
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, trainers

from tools.demo_model.corpus import conversations
from tools.demo_model.documentation import TOPICS
from tools.demo_model.shape import SHAPE
from tools.demo_model.words import TRAINING

CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
# Shown when text is made of tokens, so that what reads the text sees them.
MARKS = (
    "<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<tools>", "</tools>",
)  # fmt: skip
END_OF_TEXT, _, END_OF_TURN = range(len(CONTROL))
SIZE = SHAPE.vocabulary
WHOLE_WORDS = 300
SPACE = "\u0120"
_WORD = re.compile(r" ([A-Za-z]+|[^\sA-Za-z0-9]+)")


def texts(seed: int, count: int) -> Iterator[str]:
    """What merges are learned from: the fixed texts several times, and conversations."""
    for topic in TOPICS:
        for question in topic.questions()[:24]:
            yield question
            yield topic.answer
    for _, conversation in zip(range(count), conversations(f"tokenizer {seed}"), strict=False):
        for piece in conversation.pieces():
            yield piece.text


def learned(seed: int = 1, count: int = 4000) -> Tokenizer:
    removed = re.compile("|".join([r"\d", *map(re.escape, (*CONTROL, *MARKS))]))
    bare = [removed.sub("", text) for text in texts(seed, count)]
    bytewise = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(" ", "isolated"), bytewise])
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE - len(MARKS) - WHOLE_WORDS,
        special_tokens=list(CONTROL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(bare, trainer)
    return _finished(json.loads(tokenizer.to_str()), bare)


def _finished(described: dict[str, Any], bare: list[str]) -> Tokenizer:
    vocabulary, merges = described["model"]["vocab"], described["model"]["merges"]
    for word in _common_words(vocabulary, bare):
        vocabulary[SPACE + word] = len(vocabulary)
        merges.append([SPACE, word])
    bytewise = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    described["pre_tokenizer"] = described["decoder"] = bytewise
    tokenizer: Tokenizer = Tokenizer.from_str(json.dumps(described))
    tokenizer.add_tokens([AddedToken(mark, normalized=False, special=False) for mark in MARKS])
    if tokenizer.get_vocab_size() != SIZE:
        raise ValueError(f"The vocabulary has {tokenizer.get_vocab_size()} tokens and not {SIZE}.")
    return tokenizer


def _common_words(vocabulary: dict[str, int], bare: list[str]) -> list[str]:
    counted = collections.Counter(word for text in bare for word in _WORD.findall(text))
    copied = {*TRAINING.names, *TRAINING.cities, *TRAINING.words}
    fitting = (
        word
        for word, _ in counted.most_common()
        if word in vocabulary and word not in copied and (len(word) > 1 or word in '"+=-')
    )
    return [word for word, _ in zip(fitting, range(WHOLE_WORDS), strict=False)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    given = parser.parse_args()
    learned().save(str(given.file))


if __name__ == "__main__":
    main()
