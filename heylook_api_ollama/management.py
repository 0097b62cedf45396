"""Routes that change which models there are: pull fetches one; models.yaml decides the rest, with 501 and a reason."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

import msgspec

from heylook_api_ollama.errors import JSON, error_line, not_available
from heylook_api_ollama.names import find
from heylook_api_ollama.schema import OllamaError, OllamaNamedRequest, OllamaStatus
from heylook_api_ollama.stream import KEEPALIVE, NDJSON
from heylook_core.catalog.pull import PullProgress
from heylook_core.dialect import Call, Dialect, Reply, StreamReply, operation
from heylook_core.errors import ModelNotFound
from heylook_core.pulling import Pull

PULL_STEPS = ("pulling manifest", "verifying sha256 digest", "writing manifest", "success")
NO_BLOBS = "This server takes no uploads; put the file on its machine and name it in models.yaml."


class ManagementRoutes(Dialect):
    """Pull, copy, create, delete, push and blobs."""

    pulls = True

    @operation(
        "POST",
        "/api/pull",
        summary="Make a model available",
        body=OllamaNamedRequest,
        response=OllamaStatus,
        chunk=OllamaStatus,
        chunk_media=NDJSON,
        answers={501: OllamaError},
    )
    async def pull(self, call: Call) -> Reply | StreamReply:
        """Success at once for a model that is there: Home Assistant pulls what it does not find in the list."""
        body: OllamaNamedRequest = call.body
        asked = body.model or body.name
        try:
            find(self.serving.catalog, asked)
        except ModelNotFound:
            return await self._fetched(call, str(asked), body.stream is not False)
        if body.stream is False:
            return Reply(body=OllamaStatus("success"), content_type=JSON)
        return StreamReply(content=_statuses(), content_type=NDJSON)

    async def _fetched(self, call: Call, asked: str, stream: bool) -> Reply | StreamReply:
        """By the core's pull, which knows hubs of ORG/NAME only and not Ollama's own library."""
        if not self.pulls:
            return not_available(f"model {asked[:200]!r} not found; pulls are off, see `dialects.ollama.pull`.")
        if "/" not in asked:
            return not_available(
                f"model {asked[:200]!r} not found, and Ollama's library cannot be reached from here; pull a model of "
                "the hub by ORG/NAME or ORG/NAME:file, or name a file in models.yaml."
            )
        news = Pull(self.serving, asked, call.gone).progress(self.serving.settings.server.keepalive)
        first = await anext(news)
        if stream:
            return StreamReply(content=_lines(first, news), failure=error_line, content_type=NDJSON)
        async for _ in news:
            pass
        return Reply(body=OllamaStatus("success"), content_type=JSON)

    @operation("POST", "/api/push", summary="Publish a model: not available", status=501, response=OllamaError)
    async def push(self, call: Call) -> Reply:
        return not_available("This server does not publish models; use `ollama push` or the hub's own client.")

    @operation("POST", "/api/create", summary="Create a model: not available", status=501, response=OllamaError)
    async def create(self, call: Call) -> Reply:
        return not_available("This server does not create models; add an entry with its settings to models.yaml.")

    @operation("POST", "/api/copy", summary="Copy a model: not available", status=501, response=OllamaError)
    async def copy(self, call: Call) -> Reply:
        return not_available("This server does not copy models; add the name to the model's aliases in models.yaml.")

    @operation("DELETE", "/api/delete", summary="Delete a model: not available", status=501, response=OllamaError)
    async def delete(self, call: Call) -> Reply:
        return not_available("This server does not delete models; remove the entry from models.yaml.")

    @operation("HEAD", "/api/blobs/{digest}", summary="No blob is known", status=404)
    async def blob(self, call: Call) -> Reply:
        return Reply(status=404)

    @operation("POST", "/api/blobs/{digest}", summary="Upload a blob: not available", status=501, response=OllamaError)
    async def upload(self, call: Call) -> Reply:
        return not_available(NO_BLOBS)


async def _lines(first: PullProgress | None, news: AsyncGenerator[PullProgress | None, None]) -> AsyncIterator[bytes]:
    try:
        yield _line(first)
        async for progress in news:
            yield _line(progress)
    finally:
        await news.aclose()


def _line(progress: PullProgress | None) -> bytes:
    """Ollama's own lines; it calls a file by the first twelve digits of its digest."""
    if progress is None:
        return KEEPALIVE
    digits = progress.digest.partition(":")[2][:12]
    statuses = {
        "listed": [OllamaStatus(PULL_STEPS[0])],
        "fetching": [OllamaStatus(f"pulling {digits}", progress.digest, progress.total, progress.done)],
        "recognising": [OllamaStatus(PULL_STEPS[1])],
        "done": [OllamaStatus(step) for step in PULL_STEPS[2:]],
    }
    return b"".join(msgspec.json.encode(status) + b"\n" for status in statuses[progress.stage])


async def _statuses() -> AsyncIterator[bytes]:
    for step in PULL_STEPS:
        yield msgspec.json.encode(OllamaStatus(step)) + b"\n"
