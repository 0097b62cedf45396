"""Routes that change what the server serves: models in and out, settings read again, a new start; and what happened."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

import msgspec

from heylook_core.dialect import Call, Reply, StreamReply, operation
from heylook_core.errors import InvalidRequest, NotFound, Unsupported
from heylook_core.quantities import seconds_of
from heylook_core.reloading import Reloaded
from heylook_core.residency_events import ResidencyEvent
from heylook_core.web.guarded import GuardedPages, guarded

MOST_EVENTS = 1000


class AdminEventsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last `limit` events, of one model if it is named; with `follow` as a stream that goes on."""

    limit: Annotated[int, msgspec.Meta(ge=0, le=MOST_EVENTS)] = 100
    model: str | None = None
    follow: bool = False


class AdminActionQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long a loaded model stays, as in a request: seconds, or a text such as "5m". Not for an unload."""

    keep_alive: str | None = None


class AdminEvents(msgspec.Struct, frozen=True):
    """Decisions about models in memory, oldest first."""

    events: list[ResidencyEvent]


class AdminModelAction(msgspec.Struct, frozen=True):
    """`status` is "loaded", "unloaded", "not loaded", or "leaving" for a model that leaves once it is idle."""

    id: str
    status: str


class AdminReloaded(msgspec.Struct, frozen=True):
    """See `Reloaded`. Kept prefixes of models that did not change stay: `cache_cleared` is always false."""

    status: str
    message: str
    cache_cleared: bool
    models_available: tuple[str, ...]
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    when_idle: tuple[str, ...]
    restart_needed: tuple[str, ...]


class AdminRestarting(msgspec.Struct, frozen=True):
    status: str
    message: str


class LifecyclePages(GuardedPages):
    name = "lifecycle"
    title = "Administration"
    prefixes = ("/v1/admin/events", "/v1/admin/reload", "/v1/admin/restart")

    @operation(
        "POST",
        "/v1/admin/models/{model_and_action:path}",
        summary="Load or unload a model: ID/load or ID/unload, where an id may have slashes",
        query=AdminActionQuery,
        response=AdminModelAction,
    )
    @guarded
    async def act(self, call: Call) -> Reply:
        """A load is tried even if it failed a moment ago; an unload waits for running requests, but not the answer."""
        name, _, action = call.params["model_and_action"].rpartition("/")
        if not name or action not in ("load", "unload"):
            raise NotFound(f"{call.path} is no route: it ends in ID/load or ID/unload.")
        entry = self.serving.catalog.get(name)
        stay = _stay(call.args.keep_alive, action)
        if action == "unload":
            return Reply(body=AdminModelAction(entry.id, await self.serving.unload(entry.id)))
        self.serving.residency.forgive(entry.id)
        await self.serving.load(entry.id, stay)
        return Reply(body=AdminModelAction(entry.id, "loaded"))

    @operation(
        "GET",
        "/v1/admin/events",
        summary="What was decided about models in memory, and why",
        query=AdminEventsQuery,
        response=AdminEvents,
        chunk=ResidencyEvent,
    )
    @guarded
    async def events(self, call: Call) -> Reply | StreamReply:
        asked: AdminEventsQuery = call.args
        log = self.serving.residency.log
        if asked.follow:
            return StreamReply(content=self._followed(asked))
        return Reply(body=AdminEvents(log.last(asked.limit, asked.model)), headers={"cache-control": "no-store"})

    async def _followed(self, asked: AdminEventsQuery) -> AsyncIterator[bytes]:
        log = self.serving.residency.log
        following = log.follow(self.serving.settings.server.keepalive, asked.model)
        try:
            for event in log.last(asked.limit, asked.model):
                yield _event(event)
            async for news in following:
                yield _event(news)
        finally:
            await following.aclose()

    @operation(
        "POST", "/v1/admin/reload", summary="Read models.yaml again, all of it or nothing", response=AdminReloaded
    )
    @guarded
    async def reload(self, call: Call) -> Reply:
        found = await self.serving.reload()
        return Reply(body=AdminReloaded("success", _told(found), False, **msgspec.structs.asdict(found)))

    @operation(
        "POST", "/v1/admin/restart", summary="Finish what runs and start anew", response=AdminRestarting, status=202
    )
    @guarded
    async def restart(self, call: Call) -> Reply:
        if self.serving.restart is None:
            raise Unsupported("This server is part of another program and cannot start itself anew.")
        self.serving.restart()
        seconds = self.serving.settings.server.drain_timeout
        message = f"The server starts anew once its running requests have ended, after {seconds:.0f} s at the latest."
        return Reply(status=202, body=AdminRestarting("restarting", message))


def _stay(given: str | None, action: str) -> float | None:
    """`keep_alive` in seconds. Raises InvalidRequest."""
    if given is None:
        return None
    if action == "unload":
        raise InvalidRequest("`keep_alive` is for a load; an unload takes nothing.", param="keep_alive")
    try:
        return seconds_of(given)
    except ValueError as error:
        raise InvalidRequest(f"`keep_alive`: {error}.", param="keep_alive") from None


def _event(event: ResidencyEvent | None) -> bytes:
    return b": keepalive\n\n" if event is None else b"data: %b\n\n" % msgspec.json.encode(event)


def _told(found: Reloaded) -> str:
    parts = [f"{len(found.models_available)} models are available"]
    parts += [f"{len(ids)} {word}" for word in ("added", "changed", "removed") if (ids := getattr(found, word))]
    more = f"; for {', '.join(found.restart_needed)} a restart is needed" if found.restart_needed else ""
    return f"The configuration was read again: {', '.join(parts)}{more}."
