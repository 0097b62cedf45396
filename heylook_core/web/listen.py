"""Listening sockets, and the addresses to tell the user."""

from __future__ import annotations

import errno
import socket

from heylook_core.errors import ConfigError

BACKLOG = 2048
WILDCARDS = ("0.0.0.0", "::", "")


def listen(host: str, port: int) -> list[socket.socket]:
    """A socket for each address of `host`; port 0 takes a free one, the same for all. Raises ConfigError."""
    sockets: list[socket.socket] = []
    try:
        for family, address in _addresses(host, port):
            if _is_missing_family(family):
                continue
            bound = sockets[0].getsockname()[1] if sockets and port == 0 else port
            sockets.append(_listening(family, address, bound))
    except OSError as error:
        close(sockets)
        raise ConfigError(_why(error, host, port)) from error
    if not sockets:
        raise ConfigError(f"The server cannot listen on {host!r}: this machine has no such kind of address.")
    return sockets


def _listening(family: int, address: str, port: int) -> socket.socket:
    """asyncio switches Nagle's algorithm off only for sockets that say IPPROTO_TCP; else answers wait 40 ms."""
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((address, port))
        made.listen(BACKLOG)
    except OSError:
        made.close()
        raise
    return made


def close(sockets: list[socket.socket]) -> None:
    for each in sockets:
        each.close()


def _addresses(host: str, port: int) -> list[tuple[int, str]]:
    """Family and numeric address; `localhost` has often two."""
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((int(family), str(address[0])) for family, _, _, _, address in found))


def _is_missing_family(family: int) -> bool:
    """IPv6 may be in the name service and yet switched off."""
    return family == socket.AF_INET6 and not socket.has_dualstack_ipv6()


def _why(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is already in use; stop the other server or choose another port with --port."
    if error.errno == errno.EACCES:
        return f"This user may not listen on port {port}; choose one above 1023 with --port."
    if isinstance(error, socket.gaierror):
        return f"The server cannot listen on {host!r}: no address belongs to that name ({error.strerror})."
    return f"The server cannot listen on {host}:{port}: {error.strerror or error}."


def urls(host: str, sockets: list[socket.socket]) -> tuple[str, ...]:
    """What a client on this machine can use, once per port."""
    ports = dict.fromkeys(each.getsockname()[1] for each in sockets)
    name = "localhost" if host in WILDCARDS else host
    bracketed = f"[{name}]" if ":" in name else name
    return tuple(f"http://{bracketed}:{port}" for port in ports)
