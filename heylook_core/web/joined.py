"""Head and body of a short answer as one write: one call of the system, and one packet, instead of two."""

from __future__ import annotations

from typing import Any

SIZE = b"content-length"


class JoinedWrites:
    """Stands for the transport of one answer, whose size is known, from its head until its body is there.

    uvicorn's `send` is a method of what has the transport, and writes head and body by themselves.
    """

    def __init__(self, cycle: Any) -> None:
        self._cycle = cycle
        self._transport = cycle.transport
        self._pieces: list[bytes] = []
        cycle.transport = self

    def write(self, data: bytes) -> None:
        self._pieces.append(data)

    def end(self) -> None:
        """Write what was given, once, and leave the rest to the transport itself."""
        self._cycle.transport = self._transport
        pieces, self._pieces = self._pieces, []
        if pieces:
            self._transport.write(b"".join(pieces))

    def close(self) -> None:
        self.end()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def joined(send: Any) -> JoinedWrites | None:
    """None where the server is another one than uvicorn."""
    cycle = getattr(send, "__self__", None)
    return JoinedWrites(cycle) if hasattr(cycle, "transport") else None


def has_size(message: Any) -> bool:
    return any(name == SIZE for name, _ in message["headers"])
