"""Counts the tokens of each model and logs the sums when the server stops."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING

from heylook_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from heylook_core.analytics import RequestRecord

log = logging.getLogger(__name__)


class Tally:
    """A class in the group `heylook.plugins` is made without arguments at start; its module has to be light."""

    def __init__(self) -> None:
        self.tokens: Counter[str] = Counter()

    @hookimpl
    def request_finished(self, record: RequestRecord) -> None:
        self.tokens[record.model] += record.completion_tokens

    @hookimpl
    def server_stopping(self) -> None:
        for model, tokens in self.tokens.most_common():
            log.info("%s has generated %d tokens", model, tokens)

    @hookimpl
    def diagnose(self) -> list[tuple[str, str, str]]:
        return [("tally", "ok", "Tokens are counted and logged when the server stops.")]
