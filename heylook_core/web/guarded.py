"""Routes for administrators only."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import TypeVar

from heylook_core.dialect import Call, Reply, StreamReply
from heylook_core.errors import Forbidden
from heylook_core.pages import Pages

Handler = TypeVar("Handler", bound=Callable[..., Awaitable[Reply | StreamReply]])


class GuardedPages(Pages):
    """Its handlers are marked `@guarded`: for clients on this machine, or with an admin token if one is configured."""

    def check(self, call: Call) -> None:
        """Raises Forbidden for a page of another origin, and for who is neither here nor has the token."""
        if "origin" in call.headers and not _same_origin(call):
            raise Forbidden("Administration is not open to pages of another origin.")
        tokens = self.serving.settings.server.admin_tokens
        if tokens:
            given = call.headers.get("x-admin-token") or call.headers.get("authorization", "").removeprefix("Bearer ")
            if not any(hmac.compare_digest(given.encode(), token.encode()) for token in tokens):
                raise Forbidden("Administration needs the admin token, in the header X-Admin-Token.")
        elif not _is_local(call.client):
            raise Forbidden("Administration is open to this machine only; set HEYLOOK_ADMIN_TOKEN to allow others.")


def guarded(handler: Handler) -> Handler:
    """Let only administrators through."""

    @wraps(handler)
    async def checked(self: GuardedPages, call: Call) -> Reply | StreamReply:
        self.check(call)
        return await handler(self, call)

    return checked  # type: ignore[return-value]


def _same_origin(call: Call) -> bool:
    return call.headers["origin"].partition("://")[2].lower() == call.headers.get("host", "").lower()


def _is_local(client: str | None) -> bool:
    try:
        return client is None or ipaddress.ip_address(client).is_loopback
    except ValueError:
        return False
