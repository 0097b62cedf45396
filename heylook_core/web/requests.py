"""`/v1/admin/requests`: what runs, what waits, what ended last, and how to end one."""

from __future__ import annotations

import msgspec

from heylook_core.analytics import RequestRecord
from heylook_core.dialect import Call, Reply, operation
from heylook_core.errors import NotFound
from heylook_core.running import Phase, Run
from heylook_core.web.guarded import GuardedPages, guarded


class LiveRequest(msgspec.Struct, frozen=True):
    """A request that is not over. `at` is Unix time at arrival; of the prompt `prompt_done` tokens have been read.

    `phase` is loading (its model), queued (for a place), prompt or answering.
    """

    id: str
    phase: Phase
    model: str
    provider: str
    dialect: str
    kind: str
    streamed: bool
    at: float
    seconds: float
    prompt_tokens: int
    prompt_done: int
    images: int


class AdminRequests(msgspec.Struct, frozen=True):
    """In the order of their arrival; of those that have ended the last 200, newest first."""

    running: list[LiveRequest]
    queued: list[LiveRequest]
    recent: list[RequestRecord]


class CancelledRequests(msgspec.Struct, frozen=True):
    """How many requests had the id and were told to stop: a batch has one for each item."""

    id: str
    cancelled: int


class RequestPages(GuardedPages):
    name = "requests"
    title = "Administration"
    prefixes = ("/v1/admin/requests",)

    @operation(
        "GET", "/v1/admin/requests", summary="Requests that run, that wait, and the last ones", response=AdminRequests
    )
    @guarded
    async def requests(self, call: Call) -> Reply:
        found = [_live(run) for run in self.serving.requests.running]
        waiting = [live for live in found if live.phase in ("loading", "queued")]
        running = [live for live in found if live.phase not in ("loading", "queued")]
        recent = list(reversed(self.serving.requests.recent))
        return Reply(body=AdminRequests(running, waiting, recent), headers={"cache-control": "no-store"})

    @operation("DELETE", "/v1/admin/requests/{id}", summary="End a request", response=CancelledRequests)
    @guarded
    async def cancel(self, call: Call) -> Reply:
        """The client is told in its API's own words."""
        id_ = call.params["id"]
        count = self.serving.requests.cancel(id_)
        if not count:
            raise NotFound(f"No request with the id {id_!r} is running or waiting.")
        return Reply(body=CancelledRequests(id_, count))


def _live(run: Run) -> LiveRequest:
    origin = run.origin
    return LiveRequest(
        id=origin.request_id,
        phase=run.phase,
        model=origin.model,
        provider=origin.provider,
        dialect=origin.dialect,
        kind=origin.kind,
        streamed=origin.streamed,
        at=origin.at,
        seconds=run.seconds,
        prompt_tokens=run.prompt_tokens,
        prompt_done=run.progress.done if run.progress is not None else 0,
        images=run.images,
    )
