"""Streamed answers: the pieces of a StreamReply, with its errors worded and its iterator closed."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

from heylook_core.departure import Departure
from heylook_core.dialect import StreamReply
from heylook_core.errors import Cancelled, EngineFailed, HeylookError

log = logging.getLogger(__name__)

HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}


class Pieces:
    """What Falcon streams. It awaits `close` whatever happens; a bare generator would be left to the collector."""

    def __init__(self, reply: StreamReply, gone: Departure) -> None:
        self._pieces = pieces(reply, gone)
        self._content = reply.content

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._pieces

    async def close(self) -> None:
        for iterator in (self._pieces, self._content):
            close = getattr(iterator, "aclose", None)
            if close is not None:
                await close()


async def pieces(reply: StreamReply, gone: Departure) -> AsyncIterator[bytes]:
    """The content; an error ends it with the dialect's failure piece, or silently where the client has left."""
    try:
        async for piece in reply.content:
            yield piece
        return
    except Cancelled as error:
        if gone.happened:
            return
        failure: HeylookError = error
    except HeylookError as error:
        failure = error
    except Exception:
        log.exception("An answer broke off with an unexpected error")
        failure = EngineFailed("The server failed unexpectedly while it answered; its log has the details.")
    if reply.failure is None:
        raise failure
    yield reply.failure(failure)
