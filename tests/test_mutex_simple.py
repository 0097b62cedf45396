"""Requests for one GGUF model run side by side: no lock makes one wait for the end of another.

By pytest, and as a command: `python tests/test_mutex_simple.py [URL [MODEL]]`. Without a URL it starts a server with
the GGUF demo model.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

pytest.importorskip("heylook_gguf", reason="the GGUF provider is not installed")
pytest.importorskip("heylook_demo_model", reason="the demo model is not installed")
sys.path.insert(0, str(Path(__file__).parent))

from demo_gguf import MODEL, Demo, demo_at, run_checks

from heylook_demo_model.prompts import proven

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with demo_at() as made:
        yield made


def prompts() -> list[tuple[list[object], str]]:
    """Plain questions with their proven answers, of different lengths."""
    chosen = [*proven("fact")[:3], *proven("documentation")[:3], *proven("recall")[:2]]
    return [(list(prompt.messages), prompt.answer) for prompt in chosen]


def test_eight_requests_at_once_are_all_answered_as_one_by_one(demo: Demo) -> None:
    alone = [demo.ask(messages) for messages, _ in prompts()]
    assert demo.at_once([partial(demo.ask, messages) for messages, _ in prompts()]) == alone
    assert demo.at_once([partial(demo.ask_streamed, messages) for messages, _ in prompts()]) == alone
    if demo.model == MODEL:
        assert alone == [answer for _, answer in prompts()]


def test_a_short_request_is_answered_while_a_long_one_is_still_being_written(demo: Demo) -> None:
    messages, _ = prompts()[0]
    endless = {"max_tokens": 1500, "extra_body": {"ignore_eos": True}}
    stream = demo.client.chat.completions.create(model=demo.model, messages=messages, stream=True, **endless)
    with stream:
        assert next(iter(stream)).choices
        assert demo.ask(messages)
        assert demo.in_flight() >= 1


def test_nothing_runs_any_more_when_all_are_answered(demo: Demo) -> None:
    for messages, _ in prompts()[:2]:
        demo.ask(messages)
    for _ in range(1000):
        if demo.in_flight() == 0:
            return
    pytest.fail(f"{demo.in_flight()} requests still count as running")


CHECKS = (
    test_eight_requests_at_once_are_all_answered_as_one_by_one,
    test_a_short_request_is_answered_while_a_long_one_is_still_being_written,
    test_nothing_runs_any_more_when_all_are_answered,
)


def main(arguments: Sequence[str]) -> int:
    with demo_at(*arguments[:2]) as made:
        return run_checks(made, CHECKS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
