"""The HTTP call that the running code serves: for log lines, and for the records of requests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from heylook_core.analytics import Kind
from heylook_core.errors import HeylookError


class CurrentCall:
    """One call of a client. `kind` is None where it asks for nothing that a model does.

    `begun` counts the requests to models that it came to; `status_of` is how its dialect answers an error.
    """

    __slots__ = ("at", "begun", "dialect", "kind", "request_id", "started", "status_of")

    def __init__(
        self,
        request_id: str,
        dialect: str = "",
        kind: Kind | None = None,
        status_of: Callable[[HeylookError], int] | None = None,
    ) -> None:
        self.request_id = request_id
        self.dialect = dialect
        self.kind = kind
        self.status_of = status_of
        self.begun = 0
        self.at = time.time()
        self.started = time.monotonic()


CALL: ContextVar[CurrentCall | None] = ContextVar("heylook_call", default=None)


@contextmanager
def about(request_id: str) -> Iterator[None]:
    """What this thread or task logs meanwhile is about this request."""
    token = CALL.set(CurrentCall(request_id))
    try:
        yield
    finally:
        CALL.reset(token)
