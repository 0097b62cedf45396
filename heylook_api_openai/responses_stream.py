"""A streamed response as server-sent events: `event:` and `data:` lines, numbered from 0, without `[DONE]`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING

import msgspec

from heylook_api_openai.errors import error_body, wording
from heylook_api_openai.responses_output import Output, Told
from heylook_api_openai.responses_schema import OpenAIResponse, OpenAIResponseError
from heylook_api_openai.stream import keepalive
from heylook_core.errors import HeylookError

if TYPE_CHECKING:
    from heylook_core.running import Run

encode = msgspec.json.Encoder().encode


class Frames:
    """Numbers the events of one response."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._number = 0

    def of(self, told: Iterable[Told]) -> bytes:
        return b"".join(map(self._frame, told))

    def failure(self, error: HeylookError) -> bytes:
        """The end of a response that failed: its last state, and the error that the official client raises."""
        body = error_body(error)["error"]
        response = self._output.response
        response.status = "failed"
        response.output = list(self._output.items)
        response.error = OpenAIResponseError(body["code"] or wording(error).type, error.message)
        flat = {"code": body["code"], "message": error.message, "param": body["param"]}
        return self.of([("response.failed", {"response": response}), ("error", {**flat, "error": body})])

    def _frame(self, told: Told) -> bytes:
        kind, fields = told
        number, self._number = self._number, self._number + 1
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), encode({"type": kind, "sequence_number": number, **fields}))


async def response_stream(run: Run, output: Output, frames: Frames) -> AsyncIterator[bytes]:
    try:
        yield frames.of(output.begin())
        async for events in run:
            yield frames.of(output.take(events)) if events else keepalive(run.progress)
    finally:
        run.close()


async def whole_response(run: Run, output: Output) -> OpenAIResponse:
    """The same answer, without its events."""
    try:
        async for events in run:
            for _ in output.take(events):
                pass
        return output.response
    finally:
        run.close()
