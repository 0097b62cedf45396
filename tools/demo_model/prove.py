"""Chooses the prompts that tests may rely on: asked of both engines, kept where the answer is right and not close.

    python -m tools.demo_model.prove MODEL_FOLDER PROMPTS

MODEL_FOLDER is what `export` wrote; PROMPTS, the package's `prompts.json`, is read and written again. Candidates are
the prompts in it, with the answers that the table gives now, and the validation set. One is kept if float16 and q8_0
of llama.cpp and float32 of MLX write the same right text, and if each of its tokens leads the next likely one by
`LEAD`, so that another batch or data type does not flip it. The held-out set is not looked at.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np

from tools.demo_model.cases import VALIDATION_FILE, Case, read
from tools.demo_model.documentation import TOPICS
from tools.demo_model.evaluate import ENDS, MOST_TOKENS, LlamaCpp, engines, prompt_of

LEAD = 1.5
MOST_OF_A_SKILL = 40
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


def candidates(kept: Sequence[Case]) -> Iterator[Case]:
    """Those of the package first, then the validation set's under the names that tests know."""
    table = {question: topic.answer for topic in TOPICS for question in topic.questions()}
    known = {topic.answer for topic in TOPICS}
    for case in kept:
        yield _corrected(case, table, known)
    names = {of_set: name for name, all_of_sets in SKILLS.items() for of_set in all_of_sets}
    for case in read(VALIDATION_FILE):
        if case.skill in names:
            yield msgspec.structs.replace(case, skill=names[case.skill])


def _corrected(case: Case, table: dict[str, str], known: set[str]) -> Case:
    """With the table's answer where the question is one of it."""
    answer = table.get(case.messages[-1]["content"])
    before, thought, said = case.answer.rpartition("</think>\n\n")
    if answer is None or case.skill not in ("documentation", "tool_not_needed", "thinking") or said in known:
        return case
    return msgspec.structs.replace(case, answer=before + thought + answer)


def lead(model: LlamaCpp, case: Case) -> float:
    """The least difference of logits between a token of the right answer, its end included, and the next likely one."""
    prompt = model.tokens(prompt_of(case))
    answer = [*model.tokens(case.answer), ENDS[0]]
    logits = model.logits([*prompt, *answer])[len(prompt) - 1 : -1]
    right = logits[np.arange(len(answer)), answer]
    logits[np.arange(len(answer)), answer] = -np.inf
    return float((right - logits.max(axis=1)).min())


def proven(folder: Path, asked: Sequence[Case]) -> list[Case]:
    """In order, those that all engines answer right and that are not close."""
    left = list(asked)
    for name, engine in engines(folder, ["gguf", "q8_0", "mlx"], 1):
        left = [case for case in left if engine.answer(prompt_of(case)) == case.answer]
        print(f"{name}: {len(left)} of {len(asked)} are still right", flush=True)
        if isinstance(engine, LlamaCpp):
            left = [case for case in left if lead(engine, case) >= LEAD]
            print(f"{name}: {len(left)} lead by {LEAD}", flush=True)
    return left


def chosen(asked: Sequence[Case], most: int = MOST_OF_A_SKILL) -> list[Case]:
    """Each prompt once, and no more of a skill than tests can use."""
    found: list[Case] = []
    taken: Counter[str] = Counter()
    seen: set[bytes] = set()
    for case in asked:
        key = msgspec.json.encode([case.messages, case.tools, case.thinking])
        if key not in seen and taken[case.skill] < most and len(case.answer) < 4 * MOST_TOKENS:
            seen.add(key)
            taken[case.skill] += 1
            found.append(case)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("prompts", type=Path)
    given = parser.parse_args()
    kept = chosen(proven(given.model, chosen([*candidates(read(given.prompts))])))
    lines = ",\n".join(json.dumps(msgspec.to_builtins(case), ensure_ascii=False) for case in kept)
    given.prompts.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    print(f"{given.prompts}: {dict(Counter(case.skill for case in kept))}")


if __name__ == "__main__":
    main()
