"""Holds what a server answers against its own description. Needs the package jsonschema-rs.

Every answer of a described route must have a status and a media type that the description names, and a body that
fits the schema: whole, or each event or line of a stream. What a client did not wait for is not looked at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from heylook_core.web.disconnect import DEPARTURE, ASGIApp, Message, Receive, Scope, Send

Json = dict[str, Any]
Check = Callable[[Any], str | None]

DONE = "[DONE]"
EVENTS = "text/event-stream"
SHOWN = 500


class Described:
    """A description to ask: whether an answer is one that it allows."""

    def __init__(self, document: Json) -> None:
        self._document = document
        self._paths = [(_pattern(path), item) for path, item in document["paths"].items()]
        self._paths.sort(key=lambda pair: "[^/]+" in pair[0].pattern)  # those without parameters first
        self._checks: dict[str, Check] = {}

    def faults(self, method: str, path: str, status: int, media: str, body: bytes) -> Iterator[str]:
        """What is wrong with an answer; nothing for a route that does not exist."""
        item: Json = next((item for pattern, item in self._paths if pattern.fullmatch(path)), {})
        operation = item.get(method.lower())
        if operation is None:
            if status < 400 and method != "OPTIONS" and not self._is_page(path):
                yield f"{method} {path} answered with {status}, and is not described"
            return
        answer = operation["responses"].get(str(status))
        if answer is None:
            yield f"{method} {path} does not declare the status {status}: {_shown(body)}"
            return
        content = self._resolved(answer).get("content", {})
        if method == "HEAD" or (not body and not content):
            return
        if media not in content:
            yield f"{method} {path} {status} is {media or 'of no type'}, which is none of {list(content)}"
            return
        schema = content[media].get("schema", {})
        if media == EVENTS:
            data = schema["properties"]["data"]
            schema = data.get("anyOf", [data])[0]["contentSchema"]
        check = self._check(schema)
        for value in _values(media, body):
            fault = check(value)
            if fault is not None:
                yield f"{method} {path} {status} {media}: {fault}: {_shown(value)}"

    def _is_page(self, path: str) -> bool:
        return path.startswith(("/docs", "/redoc", "/playground"))

    def _resolved(self, answer: Json) -> Json:
        reference = answer.get("$ref")
        found: Json = self._document["components"]["responses"][reference.rpartition("/")[2]] if reference else answer
        return found

    def _check(self, schema: Json) -> Check:
        import jsonschema_rs

        key = json.dumps(schema, sort_keys=True)
        if key not in self._checks:
            whole = {**schema, "components": {"schemas": self._document["components"]["schemas"]}}
            validator = jsonschema_rs.Draft202012Validator(whole)

            def check(value: Any) -> str | None:
                error = next(validator.iter_errors(value), None)
                return None if error is None else _fault(error)

            self._checks[key] = check
        return self._checks[key]


class Answered(NamedTuple):
    method: str
    path: str
    status: int
    media: str
    body: bytes


class Recorder:
    """ASGI wrapper of a server's routes that keeps every whole answer. They are looked at by `faults`, later."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._answers: set[Answered] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start: Message = {}
        body = bytearray()

        async def recorded(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            elif message["type"] == "http.response.body":
                body.extend(message.get("body", b""))
                if not message.get("more_body") and not scope[DEPARTURE].happened:
                    self._answers.add(_answered(scope, start, bytes(body)))
            await send(message)

        await self._app(scope, receive, recorded)

    def faults(self, document: Json) -> list[str]:
        described = Described(document)
        found: dict[str, str] = {}  # one of each kind
        for answer in sorted(self._answers):
            for fault in described.faults(*answer):
                found.setdefault(re.sub(r"[0-9a-f]{8,}|\d+|\{.*", "", fault), fault)
        return list(found.values())


def _answered(scope: Scope, start: Message, body: bytes) -> Answered:
    headers = {name.lower(): value.decode("latin-1") for name, value in start.get("headers", ())}
    media = headers.get(b"content-type", "").partition(";")[0]
    return Answered(scope["method"], scope["path"], start["status"], media, body)


def _fault(error: Any) -> str:
    """What is wrong and where; of alternatives, what the first one misses."""
    nested = getattr(error.kind, "context", None)
    if nested and nested[0]:
        return _fault(nested[0][0])
    return f"{error.message[:SHOWN]} at /{'/'.join(map(str, error.instance_path))}"


def _pattern(path: str) -> re.Pattern[str]:
    """A parameter may contain slashes: paths do not tell which may."""
    return re.compile(
        "".join(".+" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{\w+\})", path))
    )


def _values(media: str, body: bytes) -> Iterator[Any]:
    """What a schema describes: the JSON of the body, of each event or of each line; else the text."""
    if media == EVENTS:
        for line in body.decode().split("\n"):
            data = line.removeprefix("data:").strip()
            if line.startswith("data:") and data != DONE:
                yield json.loads(data)
    elif media.endswith("ndjson"):
        yield from (json.loads(line) for line in body.splitlines() if line.strip())
    elif media.endswith("json"):
        yield json.loads(body)
    else:
        yield body.decode("utf-8", "replace")


def _shown(value: Any) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else json.dumps(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
