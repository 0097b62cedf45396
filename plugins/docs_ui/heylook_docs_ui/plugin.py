"""Brings the pages to every server. Light."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heylook_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from heylook_core.dialect import Dialect


@hookimpl
def add_pages() -> list[type[Dialect]]:
    from heylook_docs_ui.pages import DocsUiPages

    return [DocsUiPages]
