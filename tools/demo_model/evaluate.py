"""Asks a model every question of a set, greedily, on MLX and on llama.cpp, and tells what was right and what differs.

    python -m tools.demo_model.evaluate MODEL_FOLDER
    python -m tools.demo_model.evaluate MODEL_FOLDER --set held_out --engines gguf

MODEL_FOLDER is what `export` wrote. The set is the validation set, unless the held-out one is named: that is for the
model card, once, and for nothing that is decided by it. Texts are compared with those of `gguf`, float16 on llama.cpp:
the status is 1 if MLX writes one differently, or q8_0 more than one of a hundred. Without `gguf` nothing is compared.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tools.demo_model.cases import HELD_OUT_FILE, VALIDATION_FILE, Case, read
from tools.demo_model.export import NAME
from tools.demo_model.rendering import rendered
from tools.demo_model.shape import SHAPE
from tools.demo_model.tokenizer import END_OF_TEXT, END_OF_TURN

MOST_TOKENS = 160
ENDS = (END_OF_TURN, END_OF_TEXT)
SETS = {"validation": VALIDATION_FILE, "held_out": HELD_OUT_FILE}
ENGINES = ("gguf", "q8_0", "mlx")
# Of the texts of float16 on llama.cpp, the share that has to be the same.
SAME = {"q8_0": 0.99, "mlx": 1.0}


class Engine(Protocol):
    """A loaded model that is asked one prompt after another."""

    def tokens(self, prompt: str) -> list[int]: ...

    def answer(self, prompt: str) -> str: ...


def prompt_of(case: Case) -> str:
    """What the model reads, as the server renders it."""
    return rendered(case.messages, case.tools, thinks=case.thinking)


class LlamaCpp:
    """A GGUF file on the processor."""

    def __init__(self, path: Path, threads: int) -> None:
        import llama_cpp

        self._model = llama_cpp.Llama(
            str(path),
            n_ctx=SHAPE.context,
            n_threads=threads,
            n_threads_batch=threads,
            n_gpu_layers=0,
            logits_all=True,
            verbose=False,
        )

    def tokens(self, prompt: str) -> list[int]:
        return list(self._model.tokenize(prompt.encode(), add_bos=False, special=True))

    def answer(self, prompt: str) -> str:
        written = until_end(self._model.generate(self.tokens(prompt), temp=0.0, repeat_penalty=1.0))
        return bytes(self._model.detokenize(written, special=True)).decode(errors="replace")

    def logits(self, tokens: Sequence[int]) -> np.ndarray[Any, Any]:
        """Of shape (tokens, vocabulary): after each token, what comes next."""
        self._model.reset()
        self._model.eval(list(tokens))
        return np.array(self._model.scores[: len(tokens)])


class Mlx:
    """A folder, in float32 as heylook computes on a processor."""

    def __init__(self, folder: Path) -> None:
        import mlx.core as mx
        from mlx_lm import load
        from tokenizers import Tokenizer

        self._model = load(str(folder))[0]
        self._model.set_dtype(mx.float32)
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))

    def tokens(self, prompt: str) -> list[int]:
        return list(self._tokenizer.encode(prompt, add_special_tokens=False).ids)

    def answer(self, prompt: str) -> str:
        import mlx.core as mx
        from mlx_lm.generate import generate_step

        steps = generate_step(mx.array(self.tokens(prompt)), self._model, max_tokens=MOST_TOKENS)
        written = until_end(int(token) for token, _ in steps)
        return str(self._tokenizer.decode(written, skip_special_tokens=False))


def until_end(tokens: Iterable[int]) -> list[int]:
    found: list[int] = []
    for token in tokens:
        if token in ENDS or len(found) >= MOST_TOKENS:
            break
        found.append(token)
    return found


def engines(folder: Path, names: Sequence[str], threads: int) -> Iterator[tuple[str, Engine]]:
    """In order: `gguf` (float16), `q8_0` and `mlx`, each loaded when its turn comes."""
    for name in names:
        if name == "mlx":
            yield name, Mlx(folder / "mlx")
        else:
            yield name, LlamaCpp(folder / f"{NAME}-{'f16' if name == 'gguf' else name}.gguf", threads)


def scores(cases: Sequence[Case], answers: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Right ones and all, by skill."""
    asked = Counter(case.skill for case in cases)
    right = Counter(case.skill for case, answer in zip(cases, answers, strict=True) if case.answer == answer)
    return {skill: (right[skill], count) for skill, count in asked.items()}


def wrong(cases: Sequence[Case], answers: Sequence[str]) -> Iterator[str]:
    for case, answer in zip(cases, answers, strict=True):
        if case.answer != answer:
            asked = case.messages[-1]["content"][:80]
            yield f"{case.skill}: {asked!r} wants {case.answer[:100]!r}, got {answer[:100]!r}"


def differing(cases: Sequence[Case], one: Sequence[str], other: Sequence[str]) -> list[str]:
    """A line for each case that two engines answer differently."""
    return [
        f"{case.skill}: {case.messages[-1]['content'][:80]!r}: {first[:100]!r}, {second[:100]!r}"
        for case, first, second in zip(cases, one, other, strict=True)
        if first != second
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--set", choices=list(SETS), default="validation")
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=ENGINES)
    parser.add_argument("--every", type=int, default=1, help="only every so many cases")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--wrong", action="store_true", help="show wrong answers")
    given = parser.parse_args()
    cases = read(SETS[given.set])[:: given.every]
    prompts = [prompt_of(case) for case in cases]
    answers: dict[str, list[str]] = {}
    tokens: dict[str, list[list[int]]] = {}
    for name, engine in engines(given.model, given.engines, given.threads):
        tokens[name] = [engine.tokens(prompt) for prompt in prompts]
        answers[name] = [engine.answer(prompt) for prompt in prompts]
        print(f"{name}:")
        for skill, (right, count) in scores(cases, answers[name]).items():
            print(f"  {skill}: {right} of {count}, {right / count:.1%}")
        if given.wrong:
            print("\n".join(wrong(cases, answers[name])))
    if "gguf" in answers and not agree(cases, answers, tokens):
        raise SystemExit(1)


def agree(cases: Sequence[Case], answers: dict[str, list[str]], tokens: dict[str, list[list[int]]]) -> bool:
    """Whether the others write what float16 on llama.cpp writes, as often as they have to. Prints what they do."""
    agreed = True
    for other in (name for name in SAME if name in answers):
        lines = differing(cases, answers["gguf"], answers[other])
        same = len(cases) - len(lines)
        ids = sum(one == two for one, two in zip(tokens["gguf"], tokens[other], strict=True))
        print(f"gguf and {other}: {same} of {len(cases)} texts are the same, {ids} prompts in the same tokens")
        print(*lines, sep="\n", end="\n" if lines else "")
        agreed &= same >= SAME[other] * len(cases) and ids == len(cases)
    return agreed


if __name__ == "__main__":
    main()
