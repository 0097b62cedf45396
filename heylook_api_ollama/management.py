"""Routes that change which models there are: models.yaml decides that, so most of them answer 501 with a reason."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from heylook_api_ollama.errors import JSON, not_available
from heylook_api_ollama.names import find
from heylook_api_ollama.schema import OllamaNamedRequest, OllamaStatus
from heylook_api_ollama.stream import NDJSON
from heylook_core.dialect import Call, Dialect, Reply, StreamReply, operation
from heylook_core.errors import ModelNotFound

PULL_STEPS = ("pulling manifest", "verifying sha256 digest", "writing manifest", "success")
NO_BLOBS = "This server takes no uploads; put the file on its machine and name it in models.yaml."


class ManagementRoutes(Dialect):
    """Pull, copy, create, delete, push and blobs."""

    @operation("POST", "/api/pull", summary="Make a model available", body=OllamaNamedRequest, chunk=OllamaStatus)
    async def pull(self, call: Call) -> Reply | StreamReply:
        """Success at once for a model that is there: Home Assistant pulls what it does not find in the list."""
        body: OllamaNamedRequest = call.body
        asked = body.model or body.name
        try:
            find(self.serving.catalog, asked)
        except ModelNotFound:
            return not_available(
                f"model {str(asked)[:200]!r} not found, and this server does not download models; "
                "download it and add it to models.yaml."
            )
        if body.stream is False:
            return Reply(body=OllamaStatus("success"), content_type=JSON)
        return StreamReply(content=_statuses(), content_type=NDJSON)

    @operation("POST", "/api/push", summary="Not available")
    async def push(self, call: Call) -> Reply:
        return not_available("This server does not publish models; use `ollama push` or the hub's own client.")

    @operation("POST", "/api/create", summary="Not available")
    async def create(self, call: Call) -> Reply:
        return not_available("This server does not create models; add an entry with its settings to models.yaml.")

    @operation("POST", "/api/copy", summary="Not available")
    async def copy(self, call: Call) -> Reply:
        return not_available("This server does not copy models; add the name to the model's aliases in models.yaml.")

    @operation("DELETE", "/api/delete", summary="Not available")
    async def delete(self, call: Call) -> Reply:
        return not_available("This server does not delete models; remove the entry from models.yaml.")

    @operation("HEAD", "/api/blobs/{digest}", summary="No blob is known")
    async def blob(self, call: Call) -> Reply:
        return Reply(status=404)

    @operation("POST", "/api/blobs/{digest}", summary="Not available")
    async def upload(self, call: Call) -> Reply:
        return not_available(NO_BLOBS)


async def _statuses() -> AsyncIterator[bytes]:
    for step in PULL_STEPS:
        yield msgspec.json.encode(OllamaStatus(step)) + b"\n"
