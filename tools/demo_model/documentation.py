"""Everything that the demo model says about heylook, in one table."""

from __future__ import annotations

from tools.demo_model import documentation_how, documentation_run, documentation_what, small_talk
from tools.demo_model.topics import Topic

ABOUT_HEYLOOK: tuple[Topic, ...] = (
    *documentation_how.TOPICS,
    *documentation_run.TOPICS,
    *documentation_what.WORDS,
    *documentation_what.FACTS,
)
TOPICS: tuple[Topic, ...] = (*ABOUT_HEYLOOK, *small_talk.TOPICS)
