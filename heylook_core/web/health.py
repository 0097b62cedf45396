"""`GET /health`: whether the server can answer, and the state of its models."""

from __future__ import annotations

import msgspec

from heylook_core.dialect import Call, Reply, operation
from heylook_core.pages import Pages

PATH = "/health"


class HealthModel(msgspec.Struct):
    """A model that is in memory or on its way."""

    id: str
    state: str
    in_flight: int
    detail: str


class Health(msgspec.Struct):
    """`status` is `ok`, or says what is wrong."""

    status: str
    models: list[HealthModel]


class HealthPages(Pages):
    """Whether the server works. Open without an API key."""

    name = "health"
    title = "Health"
    prefixes = (PATH,)

    @operation("GET", PATH, summary="Whether the server can answer", response=Health, answers={503: Health}, open=True)
    @operation("HEAD", PATH, summary="Whether the server can answer", answers={503: None}, open=True)
    async def health(self, call: Call) -> Reply:
        """200 while everything works, 503 while a worker hangs or the server stops."""
        health = self.serving.health()
        models = [HealthModel(model.id, model.state, model.in_flight, model.detail) for model in health.models]
        status = 200 if health.status == "ok" else 503
        return Reply(status=status, body=Health(health.status, models), headers={"cache-control": "no-store"})
