"""Chooses the prompts that tests may rely on: asked of both engines, kept where the answer is right and not close.

    python -m tools.demo_model.prove MODEL_FOLDER PROMPTS

MODEL_FOLDER is what `export` wrote; PROMPTS, the package's `prompts.json`, is read and written again. Candidates are
the prompts in it, with the answers that the table gives now, and the validation set. One is kept if float16 and q8_0
of llama.cpp and float32 of MLX write the same right text, and if each of its tokens leads the next likely one by
`LEAD`, so that another batch or data type does not flip it. What the held-out set asks is left out.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np

from tools.demo_model.cases import HELD_OUT_FILE, VALIDATION_FILE, Case, read, write
from tools.demo_model.documentation import TOPICS
from tools.demo_model.evaluate import ENDS, ENGINES, MOST_TOKENS, Engine, LlamaCpp, engines, prompt_of

LEAD = 1.5
# The skills of tests, and those of the sets that are of their kind.
SKILLS = {
    "documentation": ("documentation",),
    "fact": ("fact",),
    "recall": ("recall of a name", "recall of another fact", "recall of one of two facts"),
    "long_recall": ("recall over 14 to 22 turns",),
    "system": ("fact of the system prompt",),
    "unknown": ("unknown", "fact never told"),
    "count": ("counting",),
    "json": ("JSON",),
    "copy": ("copying 2 to 4 words", "copying 5 to 7 words"),
    "tool_call": ("call, one tool", "call, two tools", "call, three tools"),
    "tool_result": ("answer from a tool's result",),
    "tool_not_needed": ("no tool needed",),
    "thinking": ("thinking and answer",),
}

# How many of each: what tests can use. MLX takes seconds to read a long one on a processor.
MOST = {**dict.fromkeys(SKILLS, 14), "long_recall": 3}


def candidates(kept: Sequence[Case]) -> Iterator[Case]:
    """Those of the package first, then the validation set's under the names that tests know."""
    table = {question: topic.answer for topic in TOPICS for question in topic.questions()}
    for case in kept:
        yield _corrected(case, table)
    names = {of_set: name for name, all_of_sets in SKILLS.items() for of_set in all_of_sets}
    for case in read(VALIDATION_FILE):
        if case.skill in names:
            yield msgspec.structs.replace(case, skill=names[case.skill])


def _corrected(case: Case, table: dict[str, str]) -> Case:
    """With the table's answer where the question is one of it."""
    answer = table.get(case.messages[-1]["content"])
    if answer is None or case.skill not in ("documentation", "tool_not_needed", "thinking"):
        return case
    before, thought, _ = case.answer.rpartition("</think>\n\n")
    return msgspec.structs.replace(case, answer=before + thought + answer)


def lead(model: LlamaCpp, case: Case) -> float:
    """The least difference of logits between a token of the right answer, its end included, and the next likely one."""
    prompt = model.tokens(prompt_of(case))
    answer = [*model.tokens(case.answer), ENDS[0]]
    logits = model.logits([*prompt, *answer])[len(prompt) - 1 : -1]
    right = logits[np.arange(len(answer)), answer]
    logits[np.arange(len(answer)), answer] = -np.inf
    return float((right - logits.max(axis=1)).min())


class Proof:
    """The engines with one model, which ask a case until one of them is wrong or unsure."""

    def __init__(self, folder: Path) -> None:
        self._engines = [engine for _, engine in engines(folder, ENGINES, 1)]

    def holds(self, case: Case) -> bool:
        return all(self._right(engine, case) for engine in self._engines)

    def _right(self, engine: Engine, case: Case) -> bool:
        if engine.answer(prompt_of(case)) != case.answer:
            return False
        return not isinstance(engine, LlamaCpp) or lead(engine, case) >= LEAD


def chosen(asked: Iterable[Case], holds: Callable[[Case], bool], most: Mapping[str, int] = MOST) -> list[Case]:
    """Each prompt once, and no more of a skill than `most` says."""
    found: list[Case] = []
    taken: Counter[str] = Counter()
    seen = {_question(case) for case in read(HELD_OUT_FILE)}
    for case in asked:
        question = _question(case)
        if question in seen or taken[case.skill] == most[case.skill] or len(case.answer) >= 4 * MOST_TOKENS:
            continue
        seen.add(question)
        if holds(case):
            taken[case.skill] += 1
            found.append(case)
    return found


def _question(case: Case) -> bytes:
    return msgspec.json.encode([case.messages, case.tools, case.thinking])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("prompts", type=Path)
    given = parser.parse_args()
    kept = chosen(candidates(read(given.prompts)), Proof(given.model).holds)
    write(kept, given.prompts)
    print(f"{given.prompts}: {len(kept)}, {dict(Counter(case.skill for case in kept))}")


if __name__ == "__main__":
    main()
