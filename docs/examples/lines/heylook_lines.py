"""A dialect of one route: a question in, JSON lines out."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from heylook_core import errors
from heylook_core.dialect import Call, Dialect, Reply, StreamReply, operation
from heylook_core.errors import HeylookError
from heylook_core.messages import ChatRequest, Message, Text, TextPart
from heylook_core.running import Run


class LinesQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a request. Structs of the wire carry the name of their dialect."""

    model: str
    text: str
    stream: bool = False


class LinesAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A whole answer, or one line of a stream: the last line has `done`, or `error` where it broke off."""

    text: str = ""
    done: bool = False
    error: str | None = None


# The first class that fits decides.
STATUS: tuple[tuple[type[HeylookError], int], ...] = (
    (errors.AuthenticationFailed, 401),
    (errors.Forbidden, 403),
    (errors.ModelNotFound, 404),
    (errors.NotFound, 404),
    (errors.MethodNotAllowed, 405),
    (errors.TooLarge, 413),
    (errors.RequestError, 400),
    (errors.Busy, 429),
    (errors.Unavailable, 503),
)


class LinesDialect(Dialect):
    """`prefixes` are the paths whose errors it words, routes that do not exist included."""

    name = "lines"
    prefixes = ("/lines",)

    @operation("POST", "/lines/ask", summary="Ask a model", body=LinesQuestion, response=LinesAnswer, chunk=LinesAnswer)
    async def ask(self, call: Call) -> Reply | StreamReply:
        body: LinesQuestion = call.body
        message = Message("user", (TextPart(body.text),))
        request = ChatRequest(model=body.model, messages=(message,), stream=body.stream)
        run = await self.serving.open(request, request_id=call.id, dialect=self.name, gone=call.gone)
        if body.stream:
            return StreamReply(content=lines(run), failure=failure, content_type="application/x-ndjson")
        try:
            (choice,) = await run.collect()
            return Reply(body=LinesAnswer(choice.text, done=True))
        finally:
            run.close()

    def error(self, error: HeylookError) -> Reply:
        status = next((status for kind, status in STATUS if isinstance(error, kind)), 500)
        return Reply(status=status, body=LinesAnswer(error=error.message))


async def lines(run: Run) -> AsyncIterator[bytes]:
    """A line for everything that came since the last one; an empty line where nothing came for a while."""
    try:
        async for events in run:
            text = "".join(event.text for event in events if isinstance(event, Text))
            if text or not events:
                yield line(LinesAnswer(text)) if text else b"\n"
        yield line(LinesAnswer(done=True))
    finally:
        run.close()


def failure(error: HeylookError) -> bytes:
    """The last line of a stream whose 200 has already gone out."""
    return line(LinesAnswer(error=error.message))


def line(answer: LinesAnswer) -> bytes:
    return msgspec.json.encode(answer) + b"\n"
