"""A web server for images that behaves as its paths say."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .conftest import png


class Handler(BaseHTTPRequestHandler):
    """/image.png is one; the others are slow, broken, or lead elsewhere."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        with contextlib.suppress(OSError):
            getattr(self, "get_" + self.path.strip("/").partition("/")[0].partition(".")[0])()
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def get_image(self) -> None:
        self._send(200, png())

    def get_text(self) -> None:
        self._send(200, b"<!doctype html><p>Not an image</p>")

    def get_gone(self) -> None:
        self._send(404, b"")

    def get_huge(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(1 << 40))
        self.end_headers()

    def get_endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(b"\0" * (1 << 16))

    def get_cut(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(png()[:50])

    def get_drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self._drip()

    def get_header(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        self._drip()

    def get_silent(self) -> None:
        time.sleep(30)

    def get_noise(self) -> None:
        self.wfile.write(b"\x00\x01\x02 nothing of the kind\r\n\r\n")

    def get_local(self) -> None:
        self._lead("http://127.0.0.1:1/image.png")

    def get_metadata(self) -> None:
        self._lead("http://169.254.169.254/latest/meta-data/")

    def get_file(self) -> None:
        self._lead("file:///etc/hostname")

    def get_circle(self) -> None:
        self._lead("/circle")

    def get_on(self) -> None:
        self._lead("/image.png")

    def _lead(self, where: str) -> None:
        self.send_response(302)
        self.send_header("Location", where)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _drip(self) -> None:
        for _ in range(300):
            self.wfile.write(b"x")
            time.sleep(0.1)


@contextlib.contextmanager
def web_server() -> Iterator[str]:
    """Its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="web", kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
