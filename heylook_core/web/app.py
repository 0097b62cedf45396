"""The ASGI app: the core's layer (ids, guards, errors, health, disconnects) around the dialects' routes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import falcon.asgi

from heylook_core.dialect import Dialect, Route
from heylook_core.errors import PluginError
from heylook_core.settings import Settings
from heylook_core.web import health
from heylook_core.web.admin import AdminDialect
from heylook_core.web.disconnect import ASGIApp, Disconnects
from heylook_core.web.endpoint import Endpoint
from heylook_core.web.errors import ErrorReplies
from heylook_core.web.guards import guards
from heylook_core.web.websocket import SocketEndpoint, take_raw_messages

if TYPE_CHECKING:
    from heylook_core.serving import Serving


def create_app(serving: Serving, dialects: Sequence[Dialect], settings: Settings) -> ASGIApp:
    """The app that uvicorn serves. Raises PluginError where two dialects claim the same route."""
    dialects = [*dialects, AdminDialect(serving)]
    origins = [origin for dialect in dialects for origin in dialect.origins]
    app: falcon.asgi.App[Any, Any] = falcon.asgi.App(middleware=guards(settings.server, origins))
    ErrorReplies(dialects).install(app)
    app.add_route(health.PATH, health.HealthEndpoint(serving))
    for path, routes in _by_path(dialects).items():
        app.add_route(path, Endpoint(routes, settings))
    take_raw_messages(app)
    for dialect in dialects:
        for route in dialect.sockets():
            app.add_route(route.operation.path, SocketEndpoint(route, settings.server.write_timeout))
    return Disconnects(app, settings.server.write_timeout)


def _by_path(dialects: Sequence[Dialect]) -> dict[str, list[Route]]:
    found: dict[str, list[Route]] = defaultdict(list)
    claimed: dict[tuple[str, str], str] = {}
    for dialect in dialects:
        for route in dialect.routes():
            key = (route.operation.method, route.operation.path)
            other = claimed.setdefault(key, dialect.name)
            if other != dialect.name:
                raise PluginError(
                    f"The dialects {other} and {dialect.name} both answer {' '.join(key)}; serve one with --api."
                )
            found[route.operation.path].append(route)
    return found
