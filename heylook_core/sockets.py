"""WebSockets as a dialect's handler sees them, without the web framework."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from heylook_core.dialect import Call


class Socket(ABC):
    """One WebSocket, from its handshake on. Event loop only; one task receives, any may send.

    Guards (host, origin, API key) have been passed when the handler gets it. An error that is raised before `accept`
    is the answer to the handshake, with its own status; afterwards the connection is closed with 3000 + that status.
    `call` says what was asked: path, query, headers, the client's address, and `gone`, which happens when it leaves.
    `offered` are the subprotocols that the client knows. What is still open when the handler returns is closed with
    1000.
    """

    def __init__(self, call: Call, offered: tuple[str, ...] = ()) -> None:
        self.call = call
        self.offered = offered

    @abstractmethod
    async def accept(self, protocol: str | None = None) -> None:
        """Answer the handshake, with one of the subprotocols that were offered if any."""

    @abstractmethod
    async def receive(self) -> str | bytes:
        """The next message: a text or bytes. While nobody receives, the client cannot send much.

        Raises Cancelled when the client has left.
        """

    @abstractmethod
    async def send(self, message: str | bytes) -> None:
        """Send a message. Raises Cancelled when the client has left, or has not read for `server.write_timeout`."""

    @abstractmethod
    async def close(self, code: int = 1000, reason: str = "") -> None:
        """End the connection, with a code of RFC 6455 or one from 4000 on. Does nothing once it is closed."""
