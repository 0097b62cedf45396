"""The ASGI app: the core's layer (ids, guards, errors, health, disconnects) around the dialects' routes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import falcon.asgi

from heylook_core.dialect import Dialect, Route
from heylook_core.errors import PluginError
from heylook_core.plugins import Plugins
from heylook_core.settings import Settings
from heylook_core.web.admin import AdminDialect
from heylook_core.web.calls import Calls
from heylook_core.web.capabilities import CapabilityPages
from heylook_core.web.disconnect import Disconnects
from heylook_core.web.docs import DescriptionPages
from heylook_core.web.endpoint import Endpoint
from heylook_core.web.errors import ErrorReplies
from heylook_core.web.guards import guards
from heylook_core.web.health import HealthPages
from heylook_core.web.lifecycle import LifecyclePages
from heylook_core.web.metrics import MetricsPages
from heylook_core.web.performance import PerformancePages
from heylook_core.web.requests import RequestPages
from heylook_core.web.websocket import SocketEndpoint, take_raw_messages

if TYPE_CHECKING:
    from heylook_core.serving import Serving


# Served whatever `--api` says, after the dialects and before the pages of plugins.
CORE: tuple[type[Dialect], ...] = (
    HealthPages,
    AdminDialect,
    LifecyclePages,
    RequestPages,
    PerformancePages,
    CapabilityPages,
    MetricsPages,
)


def create_app(serving: Serving, dialects: Sequence[Dialect], settings: Settings) -> Disconnects:
    """The app that uvicorn serves. Raises PluginError where two dialects claim the same route."""
    dialects = with_pages(serving, dialects)
    routes_by_path = _by_path(dialects)
    origins = [origin for dialect in dialects for origin in dialect.origins]
    free = [one.operation.path for routes in routes_by_path.values() for one in routes if one.operation.open]
    ids, *others = guards(settings.server, origins, free)
    middleware = [ids, Calls(serving.requests, dialects), *others]
    app: falcon.asgi.App[Any, Any] = falcon.asgi.App(middleware=middleware)
    ErrorReplies(dialects).install(app)
    for path, routes in routes_by_path.items():
        app.add_route(path, Endpoint(routes, settings))
    take_raw_messages(app)
    for dialect in dialects:
        for route in dialect.sockets():
            app.add_route(route.operation.path, SocketEndpoint(route, settings.server.write_timeout))
    return Disconnects(app, settings.server.write_timeout)


def with_pages(serving: Serving, dialects: Sequence[Dialect]) -> list[Dialect]:
    """The dialects, the core's own, those of plugins' pages, and the description of all of them, in this order."""
    found = [*dialects, *(kind(serving) for kind in (*CORE, *plugin_pages(serving.plugins)))]
    return [*found, DescriptionPages(serving, found)]


def plugin_pages(plugins: Plugins) -> list[type[Dialect]]:
    return [kind for kinds in plugins.ask("add_pages") for kind in kinds]


def _by_path(dialects: Sequence[Dialect]) -> dict[str, list[Route]]:
    found: dict[str, list[Route]] = defaultdict(list)
    claimed: dict[tuple[str, str], str] = {}
    for dialect in dialects:
        for route in dialect.routes():
            key = (route.operation.method, route.operation.path)
            if isinstance(dialect, DescriptionPages) and key in claimed:
                continue  # a plugin has a better page
            other = claimed.setdefault(key, dialect.name)
            if other != dialect.name:
                raise PluginError(
                    f"The dialects {other} and {dialect.name} both answer {' '.join(key)}; serve one with --api."
                )
            found[route.operation.path].append(route)
    return found
