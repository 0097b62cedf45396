"""Which addresses an image may be fetched from. Names are resolved first, and the address that was checked is used."""

from __future__ import annotations

import ipaddress
import socket
import threading
from queue import Empty, SimpleQueue
from typing import Literal, NamedTuple, TypeAlias
from urllib.parse import urlsplit

from heylook_core.errors import InvalidRequest

Policy: TypeAlias = Literal["deny", "public", "allow"]
Ip: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class Target(NamedTuple):
    """A web address in parts, with the number that its name stands for."""

    secure: bool
    host: str
    port: int
    address: str
    resource: str


def target_of(url: str, policy: Policy, seconds: float) -> Target:
    """Where to connect to. Raises InvalidRequest for what is no web address, has no name, or is not allowed."""
    if policy == "deny":
        raise InvalidRequest(
            "This server does not fetch images from the web (`images.fetch` is deny); send the image as a data URL."
        )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or any(character in url for character in "\r\n\t \\"):
        raise InvalidRequest("The image's URL is not a valid web address.")
    if parts.scheme not in ("http", "https"):
        raise InvalidRequest(f"Images of the scheme {parts.scheme!r} are not read; send a data URL or an http(s) URL.")
    secure = parts.scheme == "https"
    number = port or (443 if secure else 80)
    address = _allowed(host, resolved(host, number, seconds), policy)
    resource = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(secure, host, number, address, resource)


def _allowed(host: str, addresses: list[str], policy: Policy) -> str:
    for address in addresses:
        if policy == "allow" or is_public(address):
            return address
    raise InvalidRequest(
        f"The image's host {host[:100]!r} is not on the public internet, and this server fetches from there only "
        "(`images.fetch`); send the image as a data URL."
    )


def is_public(address: str) -> bool:
    """Whether anybody may be reached there: no loopback, private, link-local, multicast, or wrapped one of these."""
    try:
        ip: Ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or (ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else None)
        if inner is not None:
            return is_public(str(inner))
        if ip.sixtofour or ip.teredo or ip.is_site_local:
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved and not ip.is_unspecified


def resolved(host: str, port: int, seconds: float) -> list[str]:
    """Addresses of a name, in the resolver's order. A thread of its own waits: the resolver knows no limit of time."""
    answers: SimpleQueue[list[str] | OSError] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put([str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)])
        except (OSError, UnicodeError):
            answers.put(OSError())

    threading.Thread(target=ask, name="heylook-resolve", daemon=True).start()
    try:
        found = answers.get(timeout=max(seconds, 0.0))
    except Empty:
        raise InvalidRequest(f"The image's host {host[:100]!r} could not be looked up in time.") from None
    if isinstance(found, OSError) or not found:
        raise InvalidRequest(f"The image's host {host[:100]!r} is not known.")
    return found
