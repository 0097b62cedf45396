"""Everything that the demo model says about heylook, in one table."""

from __future__ import annotations

from pathlib import Path

from tools.demo_model import documentation_how, documentation_run, documentation_what, small_talk
from tools.demo_model.topics import Topic

_WORDINGS = Path(__file__).with_name("wordings.txt")

ABOUT_HEYLOOK: tuple[Topic, ...] = (
    *documentation_how.TOPICS,
    *documentation_run.TOPICS,
    *documentation_what.WORDS,
    *documentation_what.FACTS,
)
TOPICS: tuple[Topic, ...] = (*ABOUT_HEYLOOK, *small_talk.TOPICS)


def wordings() -> dict[str, tuple[str, ...]]:
    """Further questions by answer, written without sight of those that training never shows."""
    blocks = [block.splitlines() for block in _WORDINGS.read_text(encoding="utf-8").split("\n\n")]
    return {answer: tuple(question.strip() for question in questions) for answer, *questions in blocks}
