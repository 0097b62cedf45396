"""Brings the app to every server. Light."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from heylook_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from heylook_core.dialect import Dialect

log = logging.getLogger(__name__)


@hookimpl
def add_pages() -> list[type[Dialect]]:
    from heylook_playground.pages import PlaygroundPages

    return [PlaygroundPages]


@hookimpl
def server_started(urls: tuple[str, ...]) -> None:
    log.info("The playground is at %s/playground/", urls[0])
