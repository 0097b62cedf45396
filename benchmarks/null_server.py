"""Our web layer and OpenAI dialect with no model behind them: what `fastapi_twin` is compared with, like with like.

python -m benchmarks.null_server PORT
"""

from __future__ import annotations

import sys
from typing import Any

import uvicorn

from heylook_api_openai.dialect import OpenAIDialect
from heylook_core.catalog import Catalog
from heylook_core.messages import Accepted, ChatRequest, Finished, Timings, Usage
from heylook_core.plugins import Plugins
from heylook_core.running import Choice
from heylook_core.serving import Serving
from heylook_core.settings import ModelEntry, ServerSettings, Settings
from heylook_core.web.app import create_app


class CannedRun:
    """A run that is over before it began."""

    accepted = Accepted(2)
    progress = None
    load_seconds = 0.0

    async def collect(self) -> list[Choice]:
        return [Choice(0, "hello", finish=Finished(0, "stop", Usage(2, 0, 1), Timings()))]

    def close(self) -> None:
        """Nothing is open."""


class CannedServing(Serving):
    """Answers every request with the same word."""

    async def open(self, request: ChatRequest, **known: Any) -> Any:
        return CannedRun()


class App:
    """Made at the first request, because Serving belongs to a running event loop."""

    def __init__(self) -> None:
        self._app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self._app is None:
            settings = Settings(models=(ModelEntry(id="m", provider="toy"),), server=ServerSettings())
            plugins = Plugins()
            serving = CannedServing(settings, Catalog(settings, plugins), plugins)
            self._app = create_app(serving, [OpenAIDialect(serving)], settings)
        await self._app(scope, receive, send)


if __name__ == "__main__":
    uvicorn.run(App(), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False, lifespan="off")
