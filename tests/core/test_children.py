"""Worker processes that are started before they are needed."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import socket
from collections.abc import Awaitable, Callable

import pytest

from heylook_core.provider import ModelSpec
from heylook_core.workers import children as module
from heylook_core.workers.child import arrived
from heylook_core.workers.children import Children
from heylook_core.workers.process import ProcessChannel
from heylook_core.workers.protocol import Lease

pytestmark = pytest.mark.integration

Scenario = Callable[[Children], Awaitable[None]]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AHEAD_SECONDS", 0.0)


def run(scenario: Scenario, ahead: bool = True) -> None:
    async def whole() -> None:
        children = Children(ahead=ahead)
        try:
            async with asyncio.timeout(60):
                await scenario(children)
        finally:
            children.close()

    asyncio.run(whole())


def test_a_child_sees_a_message_on_a_descriptor_above_those_of_select() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, socket.socket(fileno=fcntl.fcntl(theirs.fileno(), fcntl.F_DUPFD, 1100)) as high:
        assert not arrived(high)
        ours.send(b"x")
        assert arrived(high)


def test_a_child_is_out_of_reach_of_keys_pressed_in_the_terminal_of_the_server() -> None:
    async def scenario(children: Children) -> None:
        child = children.take()
        assert os.getpgid(child.process.pid) == child.process.pid != os.getpgid(0)
        child.end()

    run(scenario)


async def load(children: Children) -> int:
    """Load a model and have it leave; the process it was in."""
    lost: list[str] = []
    channel = ProcessChannel(lambda turn: None, lost.append, children)
    await channel.start(ModelSpec(id="m", provider="toy"), Lease())
    pid = channel.pid
    assert await channel.stop(20)
    assert (pid is not None, lost) == (True, [])
    return pid or 0


async def waiting(children: Children) -> int:
    while children.waiting is None:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    return children.waiting


def test_the_next_model_is_loaded_by_the_child_that_waits() -> None:
    async def scenario(children: Children) -> None:
        first = await load(children)
        next_one = await waiting(children)
        assert next_one != first
        assert await load(children) == next_one

    run(scenario)


def test_nothing_waits_before_the_first_model_nor_where_it_is_not_wanted() -> None:
    async def scenario(children: Children) -> None:
        await load(children)
        await asyncio.sleep(0.1)
        assert children.waiting is None

    assert Children(ahead=True).waiting is None
    run(scenario, ahead=False)


def test_a_child_that_died_while_it_waited_is_replaced(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(children: Children) -> None:
        await load(children)
        dead = await waiting(children)
        os.kill(dead, 9)
        await asyncio.to_thread(os.waitid, os.P_PID, dead, os.WEXITED | os.WNOWAIT)
        assert await load(children) != dead

    with caplog.at_level(logging.WARNING):
        run(scenario)
    assert not caplog.records


def test_the_child_that_waits_ends_with_the_server() -> None:
    found: list[int] = []

    async def scenario(children: Children) -> None:
        await load(children)
        found.append(await waiting(children))

    run(scenario)
    with pytest.raises(ProcessLookupError):
        os.kill(found[0], 0)


def test_a_child_whose_server_is_gone_ends_without_a_word(capfd: pytest.CaptureFixture[str]) -> None:
    async def scenario(children: Children) -> None:
        child = children.take()
        child.sock.close()
        assert await asyncio.to_thread(child.process.wait, 30) == 0

    run(scenario)
    assert capfd.readouterr() == ("", "")
