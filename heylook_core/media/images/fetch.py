"""Reads an image from a web address: pinned to the address that was checked, bounded in time, bytes and redirects.

`http.client` on a thread: it connects where it is told, follows nothing by itself, and knows no proxies or cookies.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from urllib.parse import urljoin

from heylook_core import __version__
from heylook_core.errors import InvalidRequest
from heylook_core.media.images.address import Policy, Target, target_of
from heylook_core.media.images.source import checked_size, is_web_address, too_many_bytes

MOST_REDIRECTS = 5
REDIRECTS = (301, 302, 303, 307, 308)
PIECE = 1 << 16
HEADERS = {"User-Agent": f"heylook/{__version__}", "Accept": "image/*", "Accept-Encoding": "identity"}


def fetch(url: str, policy: Policy, most: int, seconds: float) -> bytes:
    """The body behind `url`. Raises InvalidRequest, with the reason, for whatever keeps it from being read."""
    deadline = time.monotonic() + seconds
    for _ in range(MOST_REDIRECTS + 1):
        target = target_of(url, policy, deadline - time.monotonic())
        found = _answer(target, most, deadline, seconds)
        if isinstance(found, bytes):
            return found
        url = urljoin(url, found)
        if not is_web_address(url):
            raise InvalidRequest("The image's URL leads to an address that is not on the web.")
    raise InvalidRequest(f"The image's URL leads on more than {MOST_REDIRECTS} times.")


def _answer(target: Target, most: int, deadline: float, seconds: float) -> bytes | str:
    """The body, or where it leads on to."""
    try:
        with _connected(target, deadline) as connection:
            connection.request("GET", target.resource, headers=HEADERS)
            with connection.getresponse() as response:
                if response.status in REDIRECTS and (location := response.headers["Location"]):
                    return str(location)
                if response.status != 200:
                    raise InvalidRequest(f"The image's host answered with the status {response.status}.")
                return _body(response, most, deadline)
    except (OSError, http.client.HTTPException, ValueError) as error:
        if time.monotonic() >= deadline:
            raise InvalidRequest(f"The image could not be fetched within {seconds:g} seconds.") from None
        if isinstance(error, ssl.SSLCertVerificationError):
            raise InvalidRequest(
                f"The certificate of the image's host is not valid ({error.verify_message})."
            ) from None
        raise InvalidRequest(f"The image could not be fetched ({_reason(error)}).") from None


def _body(response: http.client.HTTPResponse, most: int, deadline: float) -> bytes:
    if (response.length or 0) > most:
        raise InvalidRequest(too_many_bytes(most))
    body = bytearray()
    while piece := response.read1(PIECE):
        body += piece
        if len(body) > most:
            raise InvalidRequest(too_many_bytes(most))
    if time.monotonic() >= deadline:
        raise TimeoutError
    if response.length:
        raise InvalidRequest("The image's host broke off before the image was complete.")
    return checked_size(bytes(body), most)


def connected(place: tuple[str, int], seconds: float) -> socket.socket:
    return socket.create_connection(place, timeout=seconds)


@contextlib.contextmanager
def _connected(target: Target, deadline: float) -> Iterator[http.client.HTTPConnection]:
    """A connection that is cut at the deadline, whatever it is waiting for."""
    left = max(deadline - time.monotonic(), 0.001)
    sock = connected((target.address, target.port), left)
    connection = http.client.HTTPConnection(target.host, target.port)
    if target.secure:
        connection = http.client.HTTPSConnection(target.host, target.port)
        context = ssl.create_default_context()
        sock = context.wrap_socket(sock, server_hostname=target.host, do_handshake_on_connect=False)
    connection.sock = sock
    cut = threading.Timer(max(deadline - time.monotonic(), 0.0), _shut, (sock,))
    cut.daemon = True
    cut.start()
    try:
        if isinstance(sock, ssl.SSLSocket):
            sock.do_handshake()
        yield connection
    finally:
        cut.cancel()
        connection.close()


def _shut(sock: socket.socket) -> None:
    """Whoever reads from it finds it at its end; the TLS layer is left alone, because its owner is at work in it."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return (error.strerror or type(error).__name__).lower()
    return "its host does not speak HTTP"
