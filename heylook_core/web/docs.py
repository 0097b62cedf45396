"""`/openapi.json`, and a plain page of it at `/docs` for servers without the plugin docs_ui."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any

import msgspec

from heylook_core.dialect import Call, Dialect, Reply, operation
from heylook_core.pages import Pages
from heylook_core.web.openapi import Locks, describe

if TYPE_CHECKING:
    from heylook_core.serving import Serving

HTML = "text/html; charset=utf-8"
HEADERS = {
    "cache-control": "no-cache",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
}
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; width: 100%; } td { padding: .25rem .75rem .25rem 0; vertical-align: top; }
code { font: 13px ui-monospace, monospace; } h2 { margin-top: 2rem; }
@media (prefers-color-scheme: dark) { body { background: #111; color: #ddd; } a { color: #8bf; } }
"""


class DescriptionPages(Pages):
    """What this server offers, for machines and for people."""

    name = "description"
    title = "Description"
    prefixes = ("/openapi.json", "/docs", "/redoc")

    def __init__(self, serving: Serving, others: Sequence[Dialect]) -> None:
        """`others` are the dialects that are served beside this one."""
        super().__init__(serving)
        self._others = others

    @operation("GET", "/openapi.json", summary="This description", response=dict[str, Any], open=True)
    async def description(self, call: Call) -> Reply:
        return Reply(body=await asyncio.to_thread(lambda: self._encoded), headers={"cache-control": "no-cache"})

    @operation("GET", "/docs", summary="This description as a page", described=False, open=True)
    async def page(self, call: Call) -> Reply:
        body = await asyncio.to_thread(lambda: plain_page(self.document))
        return Reply(body=body.encode(), content_type=HTML, headers=HEADERS)

    @cached_property
    def document(self) -> dict[str, Any]:
        """Made at the first request. Any thread."""
        serving = self.serving
        model = serving.catalog.default or next((entry.id for entry in serving.models()), "MODEL")
        server = serving.settings.server
        locks = Locks(keys=bool(server.api_keys), tokens=bool(server.admin_tokens))
        return describe([*self._others, self], model=model, locks=locks)

    @cached_property
    def _encoded(self) -> bytes:
        return msgspec.json.encode(self.document)


def plain_page(document: dict[str, Any]) -> str:
    """Every operation with its summary; no script, nothing from elsewhere."""
    rows: dict[str, list[str]] = {tag["name"]: [] for tag in document["tags"]}
    for path, item in document["paths"].items():
        for method, one in item.items():
            what = f"<code>{method.upper()}</code></td><td><code>{escape(path)}</code></td><td>{escape(one['summary'])}"
            rows[one["tags"][0]].append(f"<tr><td>{what}</td></tr>")
    tables = "".join(f"<h2>{escape(tag)}</h2><table>{''.join(rows[tag])}</table>" for tag in rows)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>heylook API</title><style>{STYLE}</style>'
        '<h1>heylook API</h1><p>The complete description is at <a href="/openapi.json">/openapi.json</a>. For pages to '
        "explore it and to send requests from: <code>pip install heylook-docs-ui</code></p>" + tables + "</html>"
    )
