"""The API description (OpenAPI 3.1) of everything that is served, made from the operations and their Structs."""

from __future__ import annotations

import inspect
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, get_args

import msgspec

from heylook_core import __version__, errors
from heylook_core.dialect import Dialect, Form, Operation, SocketOperation
from heylook_core.errors import HeylookError
from heylook_core.web.bodies import BINARY, JSON_TEXT, examples, form
from heylook_core.web.guarded import GuardedPages
from heylook_core.web.schemas import Schemas

Json = dict[str, Any]

ABOUT = (
    "A local model server. Every API below reaches every model; what a model or its backend cannot do is refused "
    "with a reason. Fields that are not described are ignored."
)
PARAMETER = re.compile(r"\{(\w+)(?::(\w+))?\}")
KEYS = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "One of `server.api_keys`."},
    "key": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "The same, as another header."},
}
TOKEN = {
    "token": {"type": "apiKey", "in": "header", "name": "x-admin-token", "description": "One of `server.admin_tokens`."}
}
ID_HEADER = {"description": "The request's id: the client's own if it sent one.", "schema": {"type": "string"}}
RETRY_HEADER = {"description": "Seconds until it is worth to ask again.", "schema": {"type": "integer"}}
PLAIN_ERRORS: tuple[type[HeylookError], ...] = (
    errors.InvalidRequest,
    errors.AuthenticationFailed,
    errors.Forbidden,
    errors.TooLarge,
    errors.HeylookError,
)


def tree(kind: type[HeylookError] = HeylookError) -> Iterator[type[HeylookError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from tree(child)


def described_path(path: str) -> str:
    """`/v1/models/{model:path}` is `/v1/models/{model}`."""
    return PARAMETER.sub(r"{\1}", path)


def described(dialect: Dialect) -> list[tuple[str, Operation]]:
    """The operations that belong into the description: all but pages and their files."""
    return [(handler, operation) for handler, operation in dialect.handlers() if operation.described]


class Locks(NamedTuple):
    """What is asked for: API keys everywhere, an admin token for administration."""

    keys: bool = False
    tokens: bool = False


def describe(dialects: Sequence[Dialect], *, model: str, locks: Locks) -> Json:
    """The whole document. `model` is the name in examples."""
    return _Writer(dialects, model, locks).document()


class _Writer:
    def __init__(self, dialects: Sequence[Dialect], model: str, locks: Locks) -> None:
        self._dialects = dialects
        self._model = model
        self._locks = locks
        self._schemas = Schemas(_taken(dialects), _meanings(dialects))
        self._failures: Json = {}
        self._ids: set[str] = set()

    def document(self) -> Json:
        paths: dict[str, Json] = defaultdict(dict)
        for dialect in self._dialects:
            for handler, operation in described(dialect):
                item = self._operation(dialect, handler, operation)
                paths[described_path(operation.path)][operation.method.lower()] = item
            for handler, socket in dialect.socket_handlers():
                paths[described_path(socket.path)]["get"] = self._socket(dialect, handler, socket)
        components: Json = {
            "schemas": dict(sorted(self._schemas.components.items())),
            "responses": dict(sorted(self._failures.items())),
            "headers": {"RequestId": ID_HEADER, "RetryAfter": RETRY_HEADER},
        }
        found: Json = {
            "openapi": "3.1.0",
            "info": {
                "title": "heylook",
                "version": __version__,
                "description": ABOUT,
                "license": {"name": "MIT", "identifier": "MIT"},
            },
            "servers": [{"url": "/"}],
            "tags": self._tags(),
            "paths": {path: _head_last(item) for path, item in paths.items()},
            "components": components,
        }
        schemes = (KEYS if self._locks.keys else {}) | (TOKEN if self._locks.tokens else {})
        if schemes:
            components["securitySchemes"] = schemes
        if self._locks.keys:
            found["security"] = [{name: []} for name in KEYS]
        return found

    def _security(self, dialect: Dialect, operation: Operation) -> list[Json] | None:
        """Where it is another than that of the whole document."""
        if operation.open and self._locks.keys:
            return []
        if isinstance(dialect, GuardedPages) and self._locks.tokens:
            keys = list(KEYS) if self._locks.keys else []
            return [{"token": [], key: []} for key in keys] or [{"token": []}]
        return None

    def _tags(self) -> list[Json]:
        """One for each title; several dialects may share it."""
        found: dict[str, str] = {}
        for dialect in self._dialects:
            if described(dialect) or dialect.socket_handlers():
                found[_tag(dialect)] = found.get(_tag(dialect)) or _doc(type(dialect))
        return [{"name": name, "description": words} for name, words in found.items()]

    def _operation(self, dialect: Dialect, handler: str, operation: Operation) -> Json:
        found: Json = {
            "operationId": self._id(dialect, handler, operation.method),
            "summary": operation.summary,
            "tags": [_tag(dialect)],
        }
        doc = _doc(getattr(dialect, handler))
        if doc:
            found["description"] = doc
        parameters = [*_path_parameters(operation.path), *self._query_parameters(operation.query)]
        if parameters:
            found["parameters"] = parameters
        if operation.body is not None:
            found["requestBody"] = self._body(dialect, handler, operation)
        found["responses"] = self._responses(dialect, operation)
        security = self._security(dialect, operation)
        if security is not None:
            found["security"] = security
        return found

    def _id(self, dialect: Dialect, handler: str, method: str) -> str:
        """Stable names for generated clients; a handler of several routes has a number in the further ones."""
        name = f"{dialect.name}_{handler}" + ("_head" if method == "HEAD" else "")
        numbered = (f"{name}_{number}" for number in range(2, 100))
        found = name if name not in self._ids else next(one for one in numbered if one not in self._ids)
        self._ids.add(found)
        return found

    def _query_parameters(self, query: type[Any] | None) -> list[Json]:
        if query is None:
            return []
        schema = self._schemas.inline(query)
        needed = schema.get("required", ())
        return [
            {"name": name, "in": "query", "required": name in needed, "schema": one}
            for name, one in schema["properties"].items()
        ]

    # ------------------------------------------------------------------ bodies

    def _body(self, dialect: Dialect, handler: str, operation: Operation) -> Json:
        if operation.body is bytes:
            return {"required": True, "content": {"application/octet-stream": {"schema": BINARY}}}
        if operation.body is Form:
            return {"required": True, "content": {"multipart/form-data": {"schema": self._form(operation)}}}
        media: Json = {"schema": self._schemas.of(operation.body)}
        examples = self._examples(type(dialect), handler)
        if examples:
            media["examples"] = examples
        return {"required": True, "content": {"application/json": media}}

    def _form(self, operation: Operation) -> Json:
        fields: Json = self._schemas.inline(operation.fields) if operation.fields is not None else {"type": "object"}
        return form(fields, operation.files)

    def _examples(self, dialect: type[Dialect], handler: str) -> Json:
        return {
            label: {"summary": label.replace("-", " "), "value": msgspec.json.decode(text)}
            for label, text in examples(dialect, handler, self._model).items()
        }

    # ------------------------------------------------------------------ answers

    def _responses(self, dialect: Dialect, operation: Operation) -> Json:
        found: Json = {}
        for status in _failures(dialect, operation):
            found[str(status)] = {"$ref": f"#/components/responses/{self._failure(dialect, status)}"}
        for status, type_ in operation.answers.items():
            content = {} if operation.method == "HEAD" else {"application/json": self._any_of(type_)}
            found[str(status)] = self._answer(_phrase(status), content)
        found[str(operation.status)] = self._success(dialect, operation)
        return dict(sorted(found.items()))

    def _success(self, dialect: Dialect, operation: Operation) -> Json:
        content: Json = {}
        if operation.method != "HEAD":
            if operation.response is not None or operation.chunk is None:
                content[operation.media] = self._any_of(operation.response, operation.media)
            if operation.chunk is not None:
                content[operation.chunk_media] = self._piece(dialect, operation)
            content |= {media: {"type": "string"} for media in operation.texts}
        return self._answer(_phrase(operation.status), content)

    def _piece(self, dialect: Dialect, operation: Operation) -> Json:
        """What a stream consists of: lines of JSON, or events whose `data` is JSON, as OpenAPI 3.2 has them."""
        failure = [dialect.error_body] if dialect.error_body is not None else []
        options = [self._schemas.of(piece) for piece in (*_options(operation.chunk), *failure)]
        schema: Json = {"anyOf": options, "description": "The error is the last one of a stream that fails."}
        if "ndjson" in operation.chunk_media:
            return schema
        data: Json = {**JSON_TEXT, "contentSchema": schema}
        if dialect.stream_end:
            data = {"anyOf": [data, {"type": "string", "enum": [dialect.stream_end]}]}
        properties = {"event": {"type": "string"}, "data": data}
        return {"type": "object", "properties": properties, "required": ["data"], "description": "Each event."}

    def _any_of(self, type_: Any, media: str = "application/json") -> Json:
        """The schema; msgspec cannot tell Structs without a tag apart, so unions of them are taken apart here."""
        if type_ is None:
            return {} if "json" in media else {"type": "string"}
        options = [self._schemas.of(option) for option in _options(type_)]
        return options[0] if len(options) == 1 else {"oneOf": options}

    def _answer(self, description: str, content: Json, retry: bool = False) -> Json:
        headers = {"x-request-id": {"$ref": "#/components/headers/RequestId"}}
        if retry:
            headers["retry-after"] = {"$ref": "#/components/headers/RetryAfter"}
        found: Json = {"description": description, "headers": headers}
        if content:
            found["content"] = {media: {"schema": schema} for media, schema in content.items()}
        return found

    def _failure(self, dialect: Dialect, status: int) -> str:
        """The name of the answer with this status, which the dialect's operations share."""
        name = f"{dialect.name}_{status}"
        if name not in self._failures:
            kinds = [kind for kind in tree() if dialect.error(kind("…")).status == status]
            replies = [dialect.error(kind("…")) for kind in kinds]
            media = replies[0].content_type.partition(";")[0]
            retry = any("retry-after" in reply.headers for reply in replies)
            words = " ".join(_doc(kind) for kind in kinds)
            self._failures[name] = self._answer(words, {media: self._any_of(dialect.error_body)}, retry)
        return name

    # ------------------------------------------------------------------ WebSockets

    def _socket(self, dialect: Dialect, handler: str, socket: SocketOperation) -> Json:
        """OpenAPI has no words for WebSockets: the handshake, and the messages under `x-websocket`."""
        messages = {"received": socket.received, "sent": socket.sent}
        plain = Operation(method="GET", path=socket.path, summary=socket.summary, body=bytes)
        failures = {status: answer for status, answer in self._responses(dialect, plain).items() if status != "200"}
        return {
            "operationId": self._id(dialect, handler, "GET"),
            "summary": socket.summary,
            "tags": [_tag(dialect)],
            "description": _doc(getattr(dialect, handler)) or "A WebSocket: connect to it with ws://.",
            "parameters": _path_parameters(socket.path),
            "responses": {"101": {"description": "The connection is a WebSocket now."}, **failures},
            "x-websocket": {name: self._any_of(type_) for name, type_ in messages.items() if type_ is not None},
        }


def _head_last(item: Json) -> Json:
    """Readers want to know of GET first."""
    return dict(sorted(item.items(), key=lambda one: one[0] == "head"))


def _taken(dialects: Sequence[Dialect]) -> list[Any]:
    found: list[Any] = []
    for dialect in dialects:
        for _, operation in described(dialect):
            bodies = (operation.body, operation.fields, operation.query)
            found += [body for body in bodies if body is not None and body not in (bytes, Form)]
        found += [socket.received for _, socket in dialect.socket_handlers() if socket.received is not None]
    return [option for type_ in found for option in _options(type_)]


def _meanings(dialects: Sequence[Dialect]) -> list[tuple[Any, Mapping[str, str]]]:
    """The types of bodies, with what their dialect says of the fields."""
    return [(type_, dialect.meanings) for dialect in dialects for type_ in _taken([dialect])]


def _failures(dialect: Dialect, operation: Operation) -> set[int]:
    """The statuses that the dialect gives to the errors that an operation may meet."""
    plain = operation.body is None and not PARAMETER.search(operation.path) and operation.method in ("GET", "HEAD")
    kinds = PLAIN_ERRORS if plain else tuple(tree())
    never = {errors.MethodNotAllowed} | ({errors.WrongMediaType} if operation.body is not Form else set())
    return {dialect.error(kind("…")).status for kind in kinds if kind not in never}


def _options(type_: Any) -> tuple[Any, ...]:
    """The members of a union of Structs, else the type itself."""
    members = get_args(type_)
    is_union = members and all(isinstance(member, type) and issubclass(member, msgspec.Struct) for member in members)
    return members if is_union and type(type_).__name__ in ("UnionType", "_UnionGenericAlias") else (type_,)


def _path_parameters(path: str) -> list[Json]:
    found = []
    for name, converter in PARAMETER.findall(path):
        parameter: Json = {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        if converter == "path":
            parameter["description"] = "May contain slashes, plain or as %2F."
        found.append(parameter)
    return found


def _tag(dialect: Dialect) -> str:
    return dialect.title or dialect.name


def _doc(subject: Any) -> str:
    return inspect.cleandoc(subject.__doc__ or "")


def _phrase(status: int) -> str:
    return "The answer." if status < 300 else f"Answered with {status}."
