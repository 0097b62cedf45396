"""Texts of requests as columns: as they are, or replaced by lengths and hashes."""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import Any

import msgspec

from heylook_core.analytics import Exchanged
from heylook_duckdb.schema import Row


class Plain:
    """Texts as they are."""

    def columns(self, content: Exchanged) -> Row:
        return {
            "messages": msgspec.json.encode(messages_of(content)).decode(),
            "response_text": "\n\n".join(content.answers),
            "error_message": content.error or None,
        }


class Hashed:
    """Lengths and hashes in place of texts, so that equal ones can still be told.

    The hashes are keyed with a number that is drawn at each start and never written, so that nobody can find out what
    a short text was by hashing guesses.
    """

    def __init__(self) -> None:
        self._key = os.urandom(32)

    def columns(self, content: Exchanged) -> Row:
        return {
            "messages": msgspec.json.encode([self._message(message) for message in messages_of(content)]).decode(),
            "response_text": self._mark("\n\n".join(content.answers)),
            "error_message": self._mark(content.error) if content.error else None,
        }

    def _message(self, message: dict[str, Any]) -> dict[str, Any]:
        text = message["content"] + "".join(msgspec.json.encode(message.get("tool_calls", [])).decode()[1:-1])
        return {"role": message["role"], "length": len(text), "hash": self._hash(text)}

    def _mark(self, text: str) -> str:
        return f"length={len(text)} hash={self._hash(text)}"

    def _hash(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()[:32]


def messages_of(content: Exchanged) -> list[dict[str, Any]]:
    """A raw prompt counts as a message of its own."""
    raw = [{"role": "prompt", "content": content.prompt}] if content.prompt else []
    return [*content.messages, *raw]
