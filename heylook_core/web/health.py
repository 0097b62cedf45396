"""`GET /health` and `GET /ready`: whether the server can answer, and whether its models do."""

from __future__ import annotations

import time
from typing import Literal

import msgspec

from heylook_core.dialect import Call, Reply, operation
from heylook_core.pages import Pages
from heylook_core.residency import ModelState

HEALTH, READY = "/health", "/ready"


class HealthModel(msgspec.Struct):
    """A model that is in memory or on its way.

    `answers` says whether its worker has answered just now; one in the middle of a long step answers later and is well
    all the same. It is null while the model is not ready.
    """

    id: str
    state: str
    in_flight: int
    detail: str
    answers: bool | None = None


class Health(msgspec.Struct):
    """`status` is `ok`, or says what is wrong: `degraded` where a worker hangs, `stopping`."""

    status: str
    models: list[HealthModel]


class Readiness(msgspec.Struct):
    """Whether requests should be sent here. `loading` while the model that was named at start is loaded."""

    status: Literal["ready", "loading", "degraded", "stopping"]
    models: list[HealthModel]


class HealthPages(Pages):
    """Whether the server works. Open without an API key."""

    name = "health"
    title = "Health"
    prefixes = (HEALTH, READY)

    @operation(
        "GET", HEALTH, summary="Whether the server can answer", response=Health, answers={503: Health}, open=True
    )
    @operation("HEAD", HEALTH, summary="Whether the server can answer", answers={503: None}, open=True)
    async def health(self, call: Call) -> Reply:
        """200 while everything works, 503 while a worker hangs or the server stops."""
        models = await self._models()
        status = self.serving.health().status
        return _fresh(200 if status == "ok" else 503, Health(status, models))

    @operation(
        "GET",
        READY,
        summary="Whether requests should come here",
        response=Readiness,
        answers={503: Readiness},
        open=True,
    )
    @operation("HEAD", READY, summary="Whether requests should come here", answers={503: None}, open=True)
    async def ready(self, call: Call) -> Reply:
        """200 once the model that was named at start is in memory, 503 before, and whenever /health says 503."""
        models = await self._models()
        status = self._readiness()
        return _fresh(200 if status == "ready" else 503, Readiness(status, models))

    def _readiness(self) -> Literal["ready", "loading", "degraded", "stopping"]:
        health, preloading = self.serving.health().status, self.serving.preloading
        if health != "ok":
            return health
        return "loading" if preloading is not None and not preloading.done() else "ready"

    async def _models(self) -> list[HealthModel]:
        """Every worker is asked for a sign of life, for half a second at most."""
        asked_at = time.monotonic()
        return [self._model(state, asked_at) for state in await self.serving.states()]

    def _model(self, state: ModelState, asked_at: float) -> HealthModel:
        resident = self.serving.residency.resident(state.id)
        ready = state.state == "ready" and resident is not None
        answers = resident.heard_at >= asked_at if ready and resident is not None else None
        return HealthModel(state.id, state.state, state.in_flight, state.detail, answers)


def _fresh(status: int, body: object) -> Reply:
    return Reply(status=status, body=body, headers={"cache-control": "no-store"})
