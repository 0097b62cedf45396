"""A client of `/v1/stt/stream` for tests: it remembers what came."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from heylook_core.testkit.speech_contract import pcm

SECONDS = 60


class LiveClient:
    """A session with the messages that came."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.news: list[dict[str, Any]] = []

    def say(self, **message: Any) -> None:
        self.connection.send(json.dumps(message))

    def play(self, audio: np.ndarray[Any, Any], block: int = 1600, speed: float = 0.0, rate: int = 16_000) -> None:
        """Send as it would be spoken, `speed` times as fast; 0 is as fast as it goes."""
        started = time.monotonic()
        for at in range(0, len(audio), block):
            if speed:
                time.sleep(max(0.0, started + at / rate / speed - time.monotonic()))
            self.connection.send(pcm(audio[at : at + block]))

    def until(self, kind: str) -> dict[str, Any]:
        """The next message of this kind."""
        while True:
            message: dict[str, Any] = json.loads(self.connection.recv(SECONDS))
            self.news.append(message)
            if message["type"] == kind:
                return message

    def rest(self) -> int:
        """Everything up to the end; the close code."""
        try:
            self.until("none of the kinds")
        except ConnectionClosed as closed:
            if closed.rcvd is None:
                raise
            return closed.rcvd.code
        raise AssertionError("unreachable")

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.news if message["type"] == kind]

    @property
    def text(self) -> str:
        return " ".join(message["text"] for message in self.of("final"))


@contextlib.contextmanager
def live_session(url: str, query: str = "", **options: Any) -> Iterator[LiveClient]:
    """A session with the server at `url` (http://…)."""
    address = f"{url.replace('http', 'ws', 1)}/v1/stt/stream{query}"
    with connect(address, max_size=None, **options) as connection:
        yield LiveClient(connection)
