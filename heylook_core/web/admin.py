"""The core's own routes under `/v1/admin`: what the prefix caches hold, which models are loaded, pulls.

Only for clients on this machine, unless an admin token is configured, which they then have to send; never for pages
of another origin.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import TYPE_CHECKING, Any

import msgspec

from heylook_core.catalog.pull import PullProgress
from heylook_core.dialect import Call, Reply, StreamReply, operation
from heylook_core.errors import HeylookError
from heylook_core.pages import core_form
from heylook_core.pulling import Pull
from heylook_core.web.guarded import GuardedPages, guarded

if TYPE_CHECKING:
    from heylook_core.serving import Serving


class AdminCache(msgspec.Struct, frozen=True):
    """Prefix reuse of one loaded model; bytes, and counts since it was loaded. `tier` is what lies behind memory."""

    model: str
    entries: int
    bytes: int
    lookups: int
    hits: int
    evicted_bytes: int
    tier: dict[str, Any] | None = None
    tier_refused: str = ""


class AdminModel(msgspec.Struct, frozen=True):
    """A model that is in memory or on its way; `expires_at` is Unix time, null where it stays.

    `total_bytes` is what it holds now, `reserved_bytes` what the budget counts it with, as it may take that much.
    Where the KV cache is allocated as a whole (`allocated_kv_bytes`), live KV is within that.
    """

    id: str
    state: str
    in_flight: int
    weights_bytes: int
    live_kv_bytes: int
    kept_bytes: int
    expires_at: float | None = None
    detail: str = ""
    allocated_kv_bytes: int = 0
    total_bytes: int = 0
    reserved_bytes: int = 0
    pinned: bool = False


class AdminCaches(msgspec.Struct, frozen=True):
    caches: list[AdminCache]


class AdminMemory(msgspec.Struct, frozen=True):
    """`memory_budget`, and how much of it is reserved. Bytes."""

    budget_bytes: int
    reserved_bytes: int


class AdminModels(msgspec.Struct, frozen=True):
    models: list[AdminModel]
    memory: AdminMemory


class AdminCleared(msgspec.Struct, frozen=True):
    """The ids of the models whose prefixes were dropped."""

    cleared: list[str]


class AdminPullRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`model` is ORG/NAME, or ORG/NAME:file for one of several GGUF files."""

    model: str


class AdminDialect(GuardedPages):
    """The models in memory, what they keep, requests that run, the server itself: for who has this machine."""

    name = "admin"
    title = "Administration"
    prefixes = ("/v1/admin",)

    def __init__(self, serving: Serving) -> None:
        super().__init__(serving)

    @operation("GET", "/v1/admin/cache", summary="What the prefix caches hold", response=AdminCaches)
    @guarded
    async def cache(self, call: Call) -> Reply:
        rows = [
            AdminCache(
                state.id,
                state.gauges.entries,
                state.gauges.kept,
                state.gauges.lookups,
                state.gauges.hits,
                state.gauges.evicted,
                msgspec.structs.asdict(state.gauges.tier) if state.gauges.tier is not None else None,
                state.gauges.tier_refused,
            )
            for state in await self.serving.states()
        ]
        return Reply(body=AdminCaches(rows))

    @operation(
        "DELETE",
        "/v1/admin/cache",
        summary="Drop every kept prefix, in memory and in the tier",
        response=AdminCleared,
    )
    @guarded
    async def clear(self, call: Call) -> Reply:
        return Reply(body=AdminCleared(list(await self.serving.clear_caches(request_id=call.id))))

    @operation("GET", "/v1/admin/models", summary="Models in memory", response=AdminModels)
    @guarded
    async def models(self, call: Call) -> Reply:
        rows = [
            AdminModel(
                state.id,
                state.state,
                state.in_flight,
                state.gauges.weights,
                state.gauges.live_kv,
                state.gauges.kept,
                state.expires_at,
                state.detail,
                state.gauges.allocated,
                state.gauges.total,
                state.reserved,
                state.pin,
            )
            for state in await self.serving.states()
        ]
        return Reply(body=AdminModels(rows, AdminMemory(*await self.serving.residency.budget())))

    @operation(
        "POST",
        "/v1/admin/models/pull",
        summary="Fetch a model from the hub; progress as a stream",
        body=AdminPullRequest,
        chunk=PullProgress,
    )
    @guarded
    async def pull(self, call: Call) -> StreamReply:
        """What cannot be pulled at all is a status; the stream begins once there is something to fetch."""
        silence = self.serving.settings.server.keepalive
        news = Pull(self.serving, call.body.model, call.gone).progress(silence)
        first = await anext(news)
        return StreamReply(content=_events(first, news), failure=_failure)


async def _events(first: PullProgress | None, news: AsyncGenerator[PullProgress | None, None]) -> AsyncIterator[bytes]:
    try:
        yield _event(first)
        async for progress in news:
            yield _event(progress)
    finally:
        await news.aclose()


def _event(progress: PullProgress | None) -> bytes:
    return b": keepalive\n\n" if progress is None else b"data: %b\n\n" % msgspec.json.encode(progress)


def _failure(error: HeylookError) -> bytes:
    return b"event: error\ndata: %b\n\n" % msgspec.json.encode(core_form(error).body)
