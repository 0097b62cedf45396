"""Who may ask: host names, origins and API keys. Falcon middleware, in the order that `guards` gives."""

from __future__ import annotations

import hmac
import ipaddress
import os
import re
import socket
from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import falcon.asgi

from heylook_core.errors import AuthenticationFailed, Forbidden
from heylook_core.settings import ServerSettings

Request = falcon.asgi.Request
Response = falcon.asgi.Response

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
PRIVATE_ENDINGS = (".localhost", ".local", ".internal")
SANE_ID = re.compile(r"[A-Za-z0-9._:\-]{1,128}")
PREFLIGHT_SECONDS = "600"
SOCKET_KEY = "openai-insecure-api-key."  # of a subprotocol: what OpenAI's Realtime API takes from web pages
PLACE = re.compile(r"\\\{\w+(:path)?\\\}")  # of a route's template, escaped


def guards(settings: ServerSettings, origins: Iterable[str] = (), open_paths: Iterable[str] = ()) -> list[Any]:
    """`origins` are let in besides those of the settings; `open_paths` (templates of routes) need no API key."""
    allowed = Origins((*settings.cors_origins, *origins))
    found: list[Any] = [RequestIds(), CrossOrigin(allowed), Hosts(allowed_hosts(settings), is_local(settings))]
    if settings.api_keys:
        found.append(Keys(settings.api_keys, open_paths))
    return found


class RequestIds:
    """Every request has an id: the client's `x-request-id` if it is sane, else a new one; always echoed."""

    async def process_request(self, request: Request, response: Response) -> None:
        given = request.get_header("x-request-id", default="")
        request.context.id = given if SANE_ID.fullmatch(given) else f"req-{os.urandom(16).hex()}"

    async def process_request_ws(self, request: Request, ws: falcon.asgi.WebSocket) -> None:
        given = request.get_header("x-request-id", default="")
        request.context.id = given if SANE_ID.fullmatch(given) else f"req-{os.urandom(16).hex()}"

    async def process_response(self, request: Request, response: Response, resource: Any, ok: bool) -> None:
        response.set_header("x-request-id", request.context.id)


def allowed_hosts(settings: ServerSettings) -> frozenset[str] | None:
    """Lower-case names, or None for any: as configured, else the loopback names when bound to loopback."""
    if settings.allowed_hosts:
        names = frozenset(name.lower().strip("[]") for name in settings.allowed_hosts)
        return None if "*" in names else names
    if is_loopback(settings.host):
        return frozenset((*LOOPBACK_NAMES, settings.host))
    return None


def is_loopback(host: str) -> bool:
    return host in LOOPBACK_NAMES or host.startswith("127.")


@lru_cache(maxsize=64)
def host_name(header: str) -> str:
    """The name of a Host header, without port and brackets, lower case; "" if there is none."""
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""


def is_local(settings: ServerSettings) -> bool:
    """Nothing is configured and only this machine can connect: names of the local network are as good as ours."""
    return not settings.allowed_hosts and is_loopback(settings.host)


def is_private_name(name: str) -> bool:
    """Whether no foreign page can have this name: a private address, this machine's name, a reserved ending.

    Ollama's rule (`server/routes.go`, allowedHost): a container reaches the server as `host.docker.internal`.
    """
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return name.endswith(PRIVATE_ENDINGS) or name == socket.gethostname().lower()
    return address.is_loopback or address.is_private or address.is_unspecified


class Hosts:
    """Refuses host names that are not ours: a web page can make its own name resolve to this machine.

    With `local`, names are let in too that no web page of elsewhere can have.
    """

    def __init__(self, names: frozenset[str] | None, local: bool = False) -> None:
        self._names = names
        self._local = local

    async def process_request(self, request: Request, response: Response) -> None:
        self._check(request)

    async def process_request_ws(self, request: Request, ws: falcon.asgi.WebSocket) -> None:
        self._check(request)

    def _check(self, request: Request) -> None:
        header = request.get_header("host", default="")
        if self._names is None or not header or host_name(header) in self._names:
            return
        if self._local and is_private_name(host_name(header)):
            return
        raise Forbidden(
            f"The host name {host_name(header)!r} is not one of this server's; "
            "add it to `server.allowed_hosts` in the configuration if it should be."
        )


class Origins:
    """The origins that are let in: whole ones, `*`, or patterns that end in `:*` (any port) or `://*` (any host)."""

    def __init__(self, patterns: Iterable[str]) -> None:
        patterns = [pattern.lower().rstrip("/") for pattern in patterns]
        self._any = "*" in patterns
        self._exact = frozenset(pattern for pattern in patterns if not pattern.endswith("*"))
        self._bases = frozenset(pattern[:-2] for pattern in patterns if pattern.endswith(":*"))
        self._schemes = tuple(pattern[:-1] for pattern in patterns if pattern.endswith("://*"))

    def allow(self, origin: str) -> bool:
        origin = origin.lower()
        if self._any or origin in self._exact or origin in self._bases or origin.startswith(self._schemes):
            return True
        base, _, port = origin.rpartition(":")
        return port.isdigit() and base in self._bases


class CrossOrigin:
    """CORS for the allowed origins; writes and websockets of a web page from elsewhere are refused.

    A simple POST needs no preflight, so the answer's headers alone would not keep a foreign page from acting.
    The server's own pages (an Origin that is the Host) are at home.
    """

    def __init__(self, origins: Origins) -> None:
        self._origins = origins

    def _allows(self, request: Request, origin: str) -> bool:
        own = urlsplit(origin).netloc.lower() == request.get_header("host", default="").lower() != ""
        return own or self._origins.allow(origin)

    async def process_request(self, request: Request, response: Response) -> None:
        origin = request.get_header("origin")
        if origin is None:
            return
        allowed = self._allows(request, origin)
        if request.method == "OPTIONS" and request.get_header("access-control-request-method"):
            if not allowed:
                raise _foreign(origin)
            _answer_preflight(request, response)
        elif not allowed and request.method not in SAFE_METHODS:
            raise _foreign(origin)

    async def process_request_ws(self, request: Request, ws: falcon.asgi.WebSocket) -> None:
        origin = request.get_header("origin")
        if origin is not None and not self._allows(request, origin):
            raise _foreign(origin)

    async def process_response(self, request: Request, response: Response, resource: Any, ok: bool) -> None:
        origin = request.get_header("origin")
        response.append_header("vary", "Origin")
        if origin is not None and self._allows(request, origin):
            response.set_header("access-control-allow-origin", origin)
            response.set_header("access-control-expose-headers", "x-request-id, retry-after")


def _foreign(origin: str) -> Forbidden:
    return Forbidden(
        f"Requests from web pages of the origin {origin!r} are not allowed; "
        "add it to `server.cors_origins` in the configuration if they should be."
    )


def _answer_preflight(request: Request, response: Response) -> None:
    """Any method and any header: the official OpenAI client sends a dozen `x-stainless-*` headers."""
    response.status = 204
    response.set_headers(
        {
            "access-control-allow-methods": "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
            "access-control-allow-headers": request.get_header("access-control-request-headers", default="*"),
            "access-control-max-age": PREFLIGHT_SECONDS,
        }
    )
    if request.get_header("access-control-request-private-network") == "true":
        response.set_header("access-control-allow-private-network", "true")
    response.complete = True


class Keys:
    """Asks for one of the API keys, as `Authorization: Bearer` or `x-api-key`, everywhere but on open paths.

    A web page can set no header of a WebSocket, so there the key may be in a subprotocol that the page offers.
    """

    def __init__(self, keys: Iterable[str], open_paths: Iterable[str] = ()) -> None:
        self._keys = tuple(key.encode() for key in keys)
        self._open = re.compile("|".join(map(_path_pattern, open_paths)) or r"(?!)")

    async def process_request(self, request: Request, response: Response) -> None:
        is_open = request.method in SAFE_METHODS and self._open.fullmatch(request.path)
        if not is_open and not response.complete:
            self._check(_key_of(request))

    async def process_request_ws(self, request: Request, ws: falcon.asgi.WebSocket) -> None:
        self._check(_key_of(request) or _offered_key(ws.subprotocols))

    def _check(self, given: str | None) -> None:
        if given is None:
            raise AuthenticationFailed("This server asks for an API key; send it as `Authorization: Bearer KEY`.")
        raw = given.encode("latin-1")  # as which Falcon decodes headers
        known = [hmac.compare_digest(raw, key) for key in self._keys]
        if not any(known):
            raise AuthenticationFailed("The API key is not one of this server's.")


def _path_pattern(template: str) -> str:
    """A route's path as a regular expression; `{name}` is one segment, `{name:path}` all of them."""
    return PLACE.sub(lambda found: ".+" if found[1] else "[^/]+", re.escape(template))


def _key_of(request: Request) -> str | None:
    scheme, _, key = request.get_header("authorization", default="").partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        return key.strip()
    return request.get_header("x-api-key")


def _offered_key(subprotocols: Iterable[str]) -> str | None:
    keys = (offered.removeprefix(SOCKET_KEY) for offered in subprotocols if offered.startswith(SOCKET_KEY))
    return next(keys, None)
