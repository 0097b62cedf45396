"""Turns at the provider, and audio on its way to it."""

from __future__ import annotations

import threading
import time

import pytest

from heylook_core.errors import Cancelled
from heylook_core.workers.intake import Intake
from heylook_core.workers.protocol import Feed
from heylook_core.workers.turns import Turns

pytestmark = pytest.mark.unit


def waiting(turns: Turns, count: int) -> None:
    deadline = time.monotonic() + 10
    while len(turns._waiting) < count:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_no_more_than_n_have_a_turn_and_all_get_one():
    turns = Turns(2)
    inside = 0
    most = 0
    lock = threading.Lock()

    def work() -> None:
        nonlocal inside, most
        for _ in range(50):
            with turns.held():
                with lock:
                    inside += 1
                    most = max(most, inside)
                with lock:
                    inside -= 1
                turns.pass_on()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert most <= 2
    assert not turns._waiting


def test_live_ones_go_first_and_others_in_their_order():
    turns = Turns(1)
    order: list[str] = []
    turns.take()
    threads = []
    for name, live in (("file 1", False), ("file 2", False), ("live", True)):

        def work(name: str = name, live: bool = live) -> None:
            with turns.held(live):
                order.append(name)

        threads.append(threading.Thread(target=work))
        threads[-1].start()
        waiting(turns, len(threads))
    turns.give_back()
    for thread in threads:
        thread.join(10)
    assert order == ["live", "file 1", "file 2"]


def test_who_waits_for_something_else_lets_others_have_the_turn():
    turns = Turns(1)
    with turns.held(), turns.away(), turns.held():
        pass
    with turns.held():
        assert turns._free == 0
    assert turns._free == 1


def test_audio_that_came_together_is_taken_together_and_commands_keep_their_place():
    intake = Intake()
    for feed in (Feed(1, b"a"), Feed(1, b"b"), Feed(1, command="commit"), Feed(1, b"c"), Feed(1, command="end")):
        intake.put(feed)
    taken = intake.take_all()
    assert [(feed.data, feed.command) for feed in taken] == [
        (b"ab", "audio"),
        (b"", "commit"),
        (b"c", "audio"),
        (b"", "end"),
    ]


def test_cancelling_wakes_who_waits_for_audio():
    intake = Intake()
    threading.Timer(0.05, intake.cancel).start()
    with pytest.raises(Cancelled):
        intake.take()
    intake.put(Feed(1, b"a"))
    with pytest.raises(Cancelled):
        intake.take()
