"""The requests that run, and the last ones that have ended. Event loop only."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING

from heylook_core import records
from heylook_core.analytics import Exchanged, RequestRecord
from heylook_core.errors import HeylookError

if TYPE_CHECKING:
    from heylook_core.calls import CurrentCall
    from heylook_core.plugins import Plugins
    from heylook_core.running import Run

log = logging.getLogger(__name__)

MOST = 200


class RequestLog:
    """Every record passes here once, on its way to the plugins. `recent` has the newest last."""

    def __init__(self, plugins: Plugins) -> None:
        self._plugins = plugins
        self._running: dict[Run, None] = {}
        self.recent: deque[RequestRecord] = deque(maxlen=MOST)
        self.wants_content = False

    def open(self) -> None:
        """The server starts: see whether a plugin wants texts."""
        self.wants_content = any(self._plugins.ask("content_wanted"))

    @property
    def running(self) -> list[Run]:
        """In the order of their arrival."""
        return list(self._running)

    def begin(self, run: Run) -> None:
        self._running[run] = None

    def end(self, run: Run, record: RequestRecord) -> None:
        """Called once for each request that was begun, when it is over."""
        self._running.pop(run, None)
        content = run.overheard.exchanged(run.error) if run.overheard is not None else None
        self._tell(record, content, run.error)

    def refuse(self, call: CurrentCall, error: HeylookError, model: str = "") -> None:
        """A call ended with this error. Nothing is recorded where it asked nothing of a model, or came to one."""
        if call.kind is None or call.begun:
            return
        content = Exchanged(error=error.message) if self.wants_content else None
        self._tell(records.refused(call, call.kind, error, model), content, error)

    def cancel(self, request_id: str) -> int:
        """End the requests of this id; how many there were."""
        found = [run for run in self._running if run.origin.request_id == request_id and not run.over]
        for run in found:
            run.cancel()
        return len(found)

    def _tell(self, record: RequestRecord, content: Exchanged | None, error: HeylookError | None) -> None:
        self.recent.append(record)
        level = _level(record)
        if log.isEnabledFor(level):
            log.log(level, "%s", sentence(record), extra={"request_id": record.request_id})
        if error is not None:
            log.debug("the error was: %s", error.message, extra={"request_id": record.request_id})
        self._plugins.notify("request_finished", record=record, content=content)


def _level(record: RequestRecord) -> int:
    return logging.WARNING if record.outcome == "failed" and record.status >= 500 else logging.INFO


def sentence(record: RequestRecord) -> str:
    """One line for the log; no texts, and no message of an error, which may quote a request."""
    what = f"{record.kind} {record.model or '(no model)'}: {record.outcome}"
    if record.outcome == "failed":
        what += f" ({record.error}, {record.status})"
    counts = f"{record.prompt_tokens}+{record.completion_tokens} tokens"
    if record.cached_tokens:
        counts += f", {record.cached_tokens} cached"
    if record.completion_tokens > 1 and record.decode_seconds > 0:
        counts += f", first after {record.first_token_seconds:.3f} s, then {record.tokens_per_second:.1f}/s"
    return f"{what}, {counts}, {record.total_seconds:.3f} s"
