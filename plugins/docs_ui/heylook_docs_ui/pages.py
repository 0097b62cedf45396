"""`/docs`, `/redoc` and the files that they consist of."""

from __future__ import annotations

import gzip
from functools import cache
from importlib import resources

from heylook_core.dialect import Call, Reply, operation
from heylook_core.pages import Pages
from heylook_docs_ui import __version__

HTML = "text/html; charset=utf-8"
SCRIPT = "text/javascript; charset=utf-8"
STYLE = "text/css; charset=utf-8"

# Nobody but this server is asked for anything. Both pages style elements in place; ReDoc searches in a worker.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
SAFE = {"content-security-policy": POLICY, "x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}
FRESH = {**SAFE, "cache-control": "no-cache"}
KEPT = {**SAFE, "cache-control": "public, max-age=86400", "vary": "accept-encoding"}


class DocsUiPages(Pages):
    """The API description as pages."""

    name = "docs_ui"
    title = "Pages"
    prefixes = ("/docs", "/redoc")

    @operation("GET", "/docs", summary="The API as Swagger UI", described=False, open=True)
    async def swagger(self, call: Call) -> Reply:
        return Reply(body=_text("swagger.html"), content_type=HTML, headers=FRESH)

    @operation("GET", "/redoc", summary="The API as ReDoc", described=False, open=True)
    async def redoc(self, call: Call) -> Reply:
        return Reply(body=_text("redoc.html"), content_type=HTML, headers=FRESH)

    @operation("GET", "/docs/swagger-ui-bundle.js", summary="A part of /docs", described=False, open=True)
    @operation("GET", "/docs/start.js", summary="A part of /docs", described=False, open=True)
    @operation("GET", "/redoc/redoc.standalone.js", summary="A part of /redoc", described=False, open=True)
    @operation("GET", "/redoc/start.js", summary="A part of /redoc", described=False, open=True)
    async def script(self, call: Call) -> Reply:
        return _file(call, SCRIPT)

    @operation("GET", "/docs/swagger-ui.css", summary="A part of /docs", described=False, open=True)
    async def style(self, call: Call) -> Reply:
        return _file(call, STYLE)


def _file(call: Call, content_type: str) -> Reply:
    """A file as it lies here, where the client takes it compressed."""
    page, name = call.path.strip("/").split("/")
    if name == "start.js":
        return Reply(body=_text(f"{page}.js"), content_type=content_type, headers=KEPT)
    packed = _bytes(f"{name}.gz")
    if "gzip" in call.headers.get("accept-encoding", ""):
        return Reply(body=packed, content_type=content_type, headers={**KEPT, "content-encoding": "gzip"})
    return Reply(body=gzip.decompress(packed), content_type=content_type, headers=KEPT)


@cache
def _bytes(name: str) -> bytes:
    return (resources.files("heylook_docs_ui") / "static" / name).read_bytes()


@cache
def _text(name: str) -> bytes:
    """A file in which {version} stands for that of this package, so that a new one is fetched anew."""
    return _bytes(name).replace(b"{version}", __version__.encode())
