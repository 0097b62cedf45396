"""A change of one text, made in another one that differs from it in small things."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher


def patched(original: str, plain: str, changed: str) -> str | None:
    """`original` with what leads from `plain` to `changed`; None where the place of a change cannot be told.

    `plain` is `original` as a writer of YAML puts it, which moves comments, drops the `---` and names that nothing
    refers to. Lines of `original` that do not change stay byte for byte; new ones end as its lines do.
    """
    ending = "\r" if "\r\n" in original else ""
    lines = original.split("\n")
    last = lines.pop() if lines[-1] == "" else None
    old = [line.rstrip("\r").removeprefix("\ufeff") for line in lines]
    before, after = plain.splitlines(), changed.splitlines()
    places = _places(before, old)
    made: list[str] = []
    done = 0
    for tag, start, end, first, until in _differences(before, after):
        if tag == "equal":
            continue
        place = _place(start, end, places)
        if place is None or place[0] < done:
            return None
        made += lines[done : place[0]] + [line + ending for line in after[first:until]]
        done = place[1]
    made += lines[done:]
    return "\n".join(made) + ("\n" if last is not None or made[-1:] != lines[-1:] else "")


def _differences(one: list[str], other: list[str]) -> Sequence[tuple[str, int, int, int, int]]:
    return SequenceMatcher(None, one, other, autojunk=False).get_opcodes()


def _places(plain: list[str], old: list[str]) -> dict[int, int]:
    """Where lines of `plain` stand in `old`; the end of one is that of the other."""
    found = {len(plain): len(old), -1: -1}
    for tag, start, end, place, _ in _differences(plain, old):
        if tag == "equal":
            found.update((start + step, place + step) for step in range(end - start))
    return found


def _place(start: int, end: int, places: dict[int, int]) -> tuple[int, int] | None:
    """Which lines are replaced; for lines that are only added, behind the one they follow."""
    if start == end:
        found = places[start - 1] + 1 if start - 1 in places else places.get(start)
        return None if found is None else (found, found)
    known = [places.get(line) for line in range(start, end)]
    first = known[0]
    if first is None or known != list(range(first, first + end - start)):
        return None
    return first, first + end - start
