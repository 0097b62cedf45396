"""What an API dialect implements: routes with typed bodies, and its own wording of errors.

A dialect never sees the web framework. A handler gets a `Call` and returns a `Reply` or a `StreamReply`;
`heylook_core.web` decodes bodies, watches for disconnects and writes bytes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import msgspec

from heylook_core.analytics import Kind
from heylook_core.departure import Departure
from heylook_core.errors import HeylookError
from heylook_core.form import Form as Form
from heylook_core.form import Upload as Upload
from heylook_core.provider import Capability
from heylook_core.sockets import Socket as Socket

if TYPE_CHECKING:
    from heylook_core.serving import Serving


class Call(msgspec.Struct, kw_only=True):
    """One request as a handler sees it. `body` is an instance of the operation's body type.

    Header names are lower case. `args` is an instance of the operation's query type, where it has one; `gone` tells
    when the client leaves. `client` is its address, None where unknown.
    """

    id: str
    method: str
    path: str
    params: Mapping[str, str] = {}
    query: Mapping[str, str] = {}
    args: Any = None
    headers: Mapping[str, str] = {}
    body: Any = None
    gone: Departure = msgspec.field(default_factory=Departure)
    client: str | None = None


class Reply(msgspec.Struct, kw_only=True):
    """A complete answer. `body` is bytes, or anything msgspec can write as JSON."""

    body: Any = b""
    status: int = 200
    content_type: str = "application/json"
    headers: dict[str, str] = {}


class StreamReply(msgspec.Struct, kw_only=True):
    """An answer in pieces. The iterator is closed when the client leaves.

    The status has been sent when the iterator starts, so an error it raises can only end the stream: `failure`
    gives the piece that tells the client of it. Without `failure` the connection is cut.
    """

    content: AsyncIterator[bytes]
    failure: Callable[[HeylookError], bytes] | None = None
    content_type: str = "text/event-stream; charset=utf-8"
    headers: dict[str, str] = {}


Handler = Callable[[Any, Call], Awaitable[Reply | StreamReply]]
H = TypeVar("H", bound=Callable[..., Awaitable[Reply | StreamReply]])
S = TypeVar("S", bound=Callable[..., Awaitable[None]])


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One route: the only source of what is decoded, routed and documented.

    `path` uses `{name}` for one segment and `{name:path}` for the rest. `body` is None where no body is read.
    With `bytes` the handler gets the body undecoded, with `Form` a multipart form whose files are spooled to disk.
    `limit` is the setting that says how many bytes a body may have. `response` and `chunk` are the Structs of
    the full answer and of one streamed piece, `fields` that of a form's text fields, `files` the names of its files
    (with `[]` at the end where there may be several): for the API description, as `status`, `media` and `chunk_media`
    of the success are, `texts`, media types of success that are plain text instead of the Struct, and `answers`,
    further Structs by status that are not the dialect's errors. `query` is the
    Struct of the query parameters; they are decoded into `Call.args`.

    `kind` is what it asks of a model, None where that is nothing: then no record is made of it (see `RequestRecord`).

    `open` answers without an API key. What is not `described` is no part of the API: a page or a file of one.
    """

    method: str
    path: str
    summary: str
    body: type[Any] | None = None
    response: Any = None
    chunk: Any = None
    fields: type[Any] | None = None
    files: tuple[str, ...] = ()
    limit: str = "server.max_body_bytes"
    query: type[Any] | None = None
    status: int = 200
    media: str = "application/json"
    chunk_media: str = "text/event-stream"
    texts: tuple[str, ...] = ()
    answers: Mapping[int, Any] = {}
    open: bool = False
    described: bool = True
    kind: Kind | None = None


def operation(
    method: str,
    path: str,
    *,
    summary: str,
    body: type[Any] | None = None,
    response: Any = None,
    chunk: Any = None,
    fields: type[Any] | None = None,
    files: tuple[str, ...] = (),
    limit: str = "server.max_body_bytes",
    query: type[Any] | None = None,
    status: int = 200,
    media: str = "application/json",
    chunk_media: str = "text/event-stream",
    texts: tuple[str, ...] = (),
    answers: Mapping[int, Any] | None = None,
    open: bool = False,
    described: bool = True,
    kind: Kind | None = None,
) -> Callable[[H], H]:
    """Mark a dialect's method as the handler of a route, see `Operation`. May be stacked for several routes."""
    found = Operation(
        method=method,
        path=path,
        summary=summary,
        body=body,
        response=response,
        chunk=chunk,
        fields=fields,
        files=files,
        limit=limit,
        query=query,
        status=status,
        media=media,
        chunk_media=chunk_media,
        texts=texts,
        answers=answers or {},
        open=open,
        described=described,
        kind=kind,
    )

    def mark(handler: H) -> H:
        handler.__dict__.setdefault("operations", []).append(found)
        return handler

    return mark


class Route(msgspec.Struct, frozen=True):
    """An operation bound to the dialect instance that answers it."""

    operation: Operation
    handler: Callable[[Call], Awaitable[Reply | StreamReply]]


class SocketOperation(msgspec.Struct, frozen=True, kw_only=True):
    """One WebSocket route. `path` and `kind` are as in `Operation`; `received` and `sent` are the Structs of its JSON
    messages.
    """

    path: str
    summary: str
    received: Any = None
    sent: Any = None
    kind: Kind | None = None


def socket(
    path: str, *, summary: str, received: Any = None, sent: Any = None, kind: Kind | None = None
) -> Callable[[S], S]:
    """Mark a dialect's method as the handler of a WebSocket route: it gets a `Socket`. May be stacked."""

    def mark(handler: S) -> S:
        found = SocketOperation(path=path, summary=summary, received=received, sent=sent, kind=kind)
        handler.__dict__.setdefault("sockets", []).append(found)
        return handler

    return mark


class SocketRoute(msgspec.Struct, frozen=True):
    """A WebSocket operation bound to the dialect instance that answers it."""

    operation: SocketOperation
    handler: Callable[[Socket], Awaitable[None]]


class Feature(msgspec.Struct, frozen=True, kw_only=True):
    """Something that clients of an API rely on, as a request that shows whether it is there.

    `body` is sent as JSON to `path`, with `{model}` in its texts replaced; `shown` looks at the whole answer, streamed
    or not, and says what is wrong with it, or nothing. A model that lacks one of the capabilities in `needs` has
    to refuse the request.
    """

    name: str
    path: str
    body: dict[str, Any]
    shown: Callable[[bytes], str]
    needs: tuple[Capability, ...] = ()
    method: str = "POST"


class Dialect(ABC):
    """A public API over `Serving`. Loaded by entry-point name from the group `heylook.dialects`.

    `prefixes` are the paths whose errors this dialect words, also for routes that do not exist. `origins` are let in
    besides those of the settings (in the form of `cors_origins`): the pages of programs that embed this API's clients.
    `meanings` says in the API description what `field` or `Struct.field` of a request is, with a sentence each.
    `title` heads its routes in the API description, `error_body` is the Struct of what `error` answers, `stream_end`
    the `data` of the event that ends a stream, where that is no JSON. `Config` is the Struct of its own settings.
    """

    name: ClassVar[str]
    title: ClassVar[str] = ""
    error_body: ClassVar[type | None] = None
    stream_end: ClassVar[str] = ""
    meanings: ClassVar[Mapping[str, str]] = MappingProxyType({})
    Config: ClassVar[type[Any] | None] = None
    prefixes: ClassVar[tuple[str, ...]]
    default_port: ClassVar[int] = 8080
    origins: ClassVar[tuple[str, ...]] = ()

    def __init__(self, serving: Serving) -> None:
        self.serving = serving

    @classmethod
    def handlers(cls) -> list[tuple[str, Operation]]:
        """Every operation with the name of the method that answers it; needs no instance."""
        return [
            (attribute, marked)
            for attribute in dir(cls)
            for marked in getattr(getattr(cls, attribute), "operations", ())
        ]

    def routes(self) -> list[Route]:
        return [Route(marked, getattr(self, attribute)) for attribute, marked in self.handlers()]

    @classmethod
    def socket_handlers(cls) -> list[tuple[str, SocketOperation]]:
        """Every WebSocket operation with the name of the method that answers it; needs no instance."""
        return [
            (attribute, marked) for attribute in dir(cls) for marked in getattr(getattr(cls, attribute), "sockets", ())
        ]

    def sockets(self) -> list[SocketRoute]:
        return [SocketRoute(marked, getattr(self, attribute)) for attribute, marked in self.socket_handlers()]

    @abstractmethod
    def error(self, error: HeylookError) -> Reply:
        """The wire form of an error, status included."""

    def features(self) -> list[Feature]:
        """What `heylookllm conformance` looks for in this API."""
        return []

    def ready_line(self, url: str, model: str) -> str | None:
        """A command to paste once the server is ready, or None."""
        return None
