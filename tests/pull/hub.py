"""A small stand-in for a model hub, on loopback: listing, files with ranges, private repositories, and accidents."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LISTING = re.compile(r"/api/models/([^/]+/[^/]+)/revision/main")
FILE = re.compile(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")
SMALL = 1000


class StandIn:
    """What the hub holds and does. `requests` are (method, path, Range header) as they came.

    `cut` makes the next sends of a file end after so many bytes each; `held` makes sends stop in the middle until it
    is set; `lies` gives a file another size than it has in the listing; `ignores_ranges` sends all of it always.
    """

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.private: set[str] = set()
        self.token = "secret"
        self.requests: list[tuple[str, str, str]] = []
        self.cut: dict[str, list[int]] = {}
        self.damaged: set[str] = set()
        self.lies: dict[str, int] = {}
        self.ignores_ranges = False
        self.failing = False
        self.held: threading.Event | None = None
        self.reached = threading.Event()
        self.broken = threading.Event()
        self.url = ""

    def sent(self, name: str) -> list[str]:
        """The ranges that were asked for of a file, empty for all of it."""
        return [asked for method, path, asked in self.requests if method == "GET" and path.endswith(f"/{name}")]

    def listing(self, repository: str) -> dict[str, Any]:
        return {
            "id": repository,
            "modelId": repository,
            "sha": COMMIT,
            "siblings": [self._sibling(name, data) for name, data in self.repositories[repository].items()],
        }

    def _sibling(self, name: str, data: bytes) -> dict[str, Any]:
        size = self.lies.get(name, len(data))
        blob = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
        found: dict[str, Any] = {"rfilename": name, "size": size, "blobId": blob}
        if len(data) > SMALL:
            found["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": size, "pointerSize": 134}
        return found


class _Handler(BaseHTTPRequestHandler):
    hub: StandIn

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append((self.command, path, self.headers.get("Range", "")))
        if self.hub.failing:
            self._json(500, {"error": "out of order"})
        elif found := LISTING.fullmatch(path):
            if self._may_read(found[1]):
                self._json(200, self.hub.listing(found[1]))
        elif (found := FILE.fullmatch(path)) and self._may_read(found[1]):
            self._file(found[3], self.hub.repositories[found[1]][found[3]])

    do_HEAD = do_GET

    def _may_read(self, repository: str) -> bool:
        if repository not in self.hub.repositories:
            self._json(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
            return False
        allowed = self.headers.get("Authorization") == f"Bearer {self.hub.token}"
        if repository in self.hub.private and not allowed:
            self._json(401, {"error": "Invalid username or password."})
            return False
        return True

    def _file(self, name: str, data: bytes) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(asked[1]) if asked and not self.hub.ignores_ranges else 0
        body = data[start:]
        if name in self.hub.damaged:
            body = body[:-1] + bytes([body[-1] ^ 1])
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        if self.command != "HEAD":
            self._send(name, body)

    def _send(self, name: str, body: bytes) -> None:
        cuts = self.hub.cut.get(name)
        if cuts:
            self.wfile.write(body[: cuts.pop(0)])
            self.close_connection = True
            return
        if self.hub.held is None or len(body) <= SMALL:
            self.wfile.write(body)
            return
        self.wfile.write(body[: len(body) // 2])
        self.hub.reached.set()
        self._trickle(body[len(body) // 2 :])

    def _trickle(self, rest: bytes) -> None:
        """A byte now and then until the test lets go; notes when nobody listens any more."""
        at = 0
        try:
            while self.hub.held is not None and not self.hub.held.wait(0.02) and at < len(rest) - 1:
                self.wfile.write(rest[at : at + 1])
                at += 1
            self.wfile.write(rest[at:])
        except OSError:
            self.hub.broken.set()

    def _json(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextlib.contextmanager
def stand_in() -> Iterator[StandIn]:
    hub = StandIn()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="hub")
    thread.start()
    try:
        yield hub
    finally:
        if hub.held is not None:
            hub.held.set()
        server.shutdown()
        thread.join()
        server.server_close()
