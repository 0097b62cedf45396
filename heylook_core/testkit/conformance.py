"""One matrix: provider x dialect x feature, each cell tried on a real server. `heylookllm conformance` prints it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection
from typing import Any, Literal, NamedTuple, TypeAlias
from urllib.parse import urlsplit

import msgspec

from heylook_core.dialect import Dialect, Feature
from heylook_core.errors import HeylookError
from heylook_core.plugins import Plugins
from heylook_core.provider import ModelInfo
from heylook_core.settings import ModelEntry, ServerSettings, Settings
from heylook_core.testkit.server import LIMIT_SECONDS, LiveServer, live_server

State: TypeAlias = Literal["works", "refused", "fails"]


class Cell(NamedTuple):
    """`reason` is why it is refused or fails. `refused` is right only where the model lacks a capability."""

    model: str
    provider: str
    dialect: str
    feature: str
    state: State
    reason: str = ""


def matrix(plugins: Plugins, entries: Sequence[ModelEntry]) -> Iterator[Cell]:
    """Every cell, on a server in this process with all dialects. Loads each model once."""
    settings = Settings(max_loaded_models=len(entries) or 1, models=tuple(entries), server=ServerSettings(port=0))
    with live_server(settings, plugins) as server:
        for entry in entries:
            try:
                info = _loaded(server, entry)
            except HeylookError as error:
                yield Cell(entry.id, entry.provider, "", "load", "fails", error.message)
                continue
            for dialect in server.server.dialects:
                yield from (_cell(server.url, entry, info, dialect, feature) for feature in dialect.features())


def _loaded(server: LiveServer, entry: ModelEntry) -> ModelInfo:
    return server.wait(lambda: server.server.serving.load(entry.id))


def _cell(url: str, entry: ModelEntry, info: ModelInfo, dialect: Dialect, feature: Feature) -> Cell:
    status, body = _asked(url, feature, entry.id)
    missing = [need for need in feature.needs if need not in info.capabilities]
    state, reason = _judged(status, body, feature, missing)
    return Cell(entry.id, entry.provider, dialect.name, feature.name, state, reason)


def _judged(status: int, body: bytes, feature: Feature, missing: Sequence[str]) -> tuple[State, str]:
    if missing:
        if 400 <= status < 500:
            return "refused", _message(body)
        return "fails", f"It has no {missing[0]}, but the answer is {status} and no refusal."
    if status != 200:
        return "fails", f"{status}: {_message(body)}"
    try:
        wrong = feature.shown(body)
    except (ValueError, KeyError, IndexError, TypeError) as error:
        wrong = f"The answer has another shape ({type(error).__name__}: {error})."
    return ("fails", wrong) if wrong else ("works", "")


def _asked(url: str, feature: Feature, model: str) -> tuple[int, bytes]:
    connection = HTTPConnection(urlsplit(url).netloc, timeout=LIMIT_SECONDS)
    try:
        body = msgspec.json.encode(_filled(feature.body, model)) if feature.method != "GET" else b""
        path = feature.path.replace("{model}", model)
        connection.request(feature.method, path, body, {"content-type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def _filled(value: Any, model: str) -> Any:
    if isinstance(value, str):
        return value.replace("{model}", model)
    if isinstance(value, dict):
        return {key: _filled(inside, model) for key, inside in value.items()}
    if isinstance(value, list):
        return [_filled(inside, model) for inside in value]
    return value


def _message(body: bytes) -> str:
    """The sentence in an error of any dialect: `{"error": {"message"}}`, `{"error": "…"}`."""
    try:
        error = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        return body[:200].decode("utf-8", "replace")
    return str(error.get("message") or error) if isinstance(error, dict) else str(error)
