"""`GET /health`: whether the server can answer, and the state of its models."""

from __future__ import annotations

from typing import TYPE_CHECKING

import falcon.asgi

from heylook_core.dialect import Reply
from heylook_core.web.reply import send_reply

if TYPE_CHECKING:
    from heylook_core.serving import Serving

PATH = "/health"


class HealthEndpoint:
    """200 while everything works, 503 while a worker hangs or the server stops. Open without an API key."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    async def on_get(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        health = self._serving.health()
        models = [
            {"id": model.id, "state": model.state, "in_flight": model.in_flight, "detail": model.detail}
            for model in health.models
        ]
        status = 200 if health.status == "ok" else 503
        send_reply(response, Reply(status=status, body={"status": health.status, "models": models}))
        response.set_header("cache-control", "no-store")

    on_head = on_get
