"""`/playground` and the files below it."""

from __future__ import annotations

import asyncio

from heylook_core.dialect import Call, Reply, operation
from heylook_core.errors import NotFound
from heylook_core.pages import Pages
from heylook_core.serving import Serving
from heylook_playground.files import INDEX, File, Files, is_hashed

# Scripts, styles, fonts and pictures come from here; `blob:` and `data:` are pictures and recordings that the user has
# chosen. The user may name another server to talk to, so connections are open.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "font-src 'self'; connect-src 'self' http: https: ws: wss:; worker-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
SAFE = {"content-security-policy": POLICY, "x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}
FRESH = {**SAFE, "cache-control": "no-cache", "vary": "accept-encoding"}
KEPT = {**SAFE, "cache-control": "public, max-age=31536000, immutable", "vary": "accept-encoding"}

HTML = "text/html; charset=utf-8"
NOT_BUILT = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>heylook playground</title>
<h1>The playground is not built</h1>
<p>heylook-playground is installed from a checkout in which the app has not been built. With Node.js 20.19 or newer:</p>
<pre>cd apps/HeylookPlayground-web
npm ci
npm run build</pre>
<p>Then load this page again. <code>./setup.sh serve</code> does the same. A published package brings the app built.</p>
</html>
"""


class PlaygroundPages(Pages):
    """The app. It finds its files and the API by relative addresses, and its pages are in the part after the `#`."""

    name = "playground"
    title = "Playground"
    prefixes = ("/playground",)

    def __init__(self, serving: Serving, files: Files | None = None) -> None:
        super().__init__(serving)
        self._files = files or Files()

    @operation("GET", "/playground", summary="To the app's own address", described=False, open=True)
    async def enter(self, call: Call) -> Reply:
        return Reply(status=308, headers={**SAFE, "location": "playground/"})

    @operation("GET", "/playground/", summary="The app", described=False, open=True)
    async def index(self, call: Call) -> Reply:
        if not self._files.built:
            return Reply(status=503, body=NOT_BUILT, content_type=HTML, headers={**SAFE, "cache-control": "no-store"})
        return await self._reply(call, INDEX)

    @operation("GET", "/playground/{name:path}", summary="A part of the app", described=False, open=True)
    async def part(self, call: Call) -> Reply:
        return await self._reply(call, call.params["name"])

    async def _reply(self, call: Call, name: str) -> Reply:
        file = await asyncio.to_thread(self._files.get, name)
        if file is None:
            raise NotFound(f"{call.path[:200]} is no part of the playground, which is at /playground/.")
        return sent(file, call, KEPT if is_hashed(name) else FRESH)


def sent(file: File, call: Call, headers: dict[str, str]) -> Reply:
    """The file as the client takes it; without a body where it has it already."""
    headers = {**headers, "etag": file.tag}
    if file.tag in call.headers.get("if-none-match", ""):
        return Reply(status=304, headers=headers)
    if file.packed is not None and "gzip" in call.headers.get("accept-encoding", ""):
        packed = {**headers, "content-encoding": "gzip"}
        return Reply(body=file.packed, content_type=file.content_type, headers=packed)
    return Reply(body=file.content, content_type=file.content_type, headers=headers)
