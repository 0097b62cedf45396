"""How many prompt tokens one step may take, so that a step stays short on any machine."""

from __future__ import annotations

from collections.abc import Iterable

ALONE_SECONDS = 0.25
BESIDE_SECONDS = 0.06
SHORT_SECONDS = 0.5
WHOLE_SECONDS = 1.0
SHORT_PROMPT = 192
FIRST_CHUNK = 128
LARGEST_CHUNK = 4096


class PrefillPace:
    """Learns the prefill speed from finished steps and turns a time allowance into a token count.

    While other rows decode, a chunk takes about `BESIDE_SECONDS`, so that their next token is not late; when
    nobody waits for tokens, `ALONE_SECONDS`, which still bounds how late a cancellation is seen. Short prompts are not
    cut up beside others: one if it takes `WHOLE_SECONDS` at most, several as `SHORT_SECONDS` allow. Cut into pieces
    they would delay the others as much in all, and while they are read, step after step computes few rows. The end
    of a long prompt is not a short one. `least` is what the engine wants at the least, `Engine.least_prefill`.
    """

    def __init__(self, least: int) -> None:
        self._least = least
        self.tokens_per_second: float | None = None
        self._decode_seconds = 0.0

    def budget(self, decoding: bool, remaining: Iterable[int] = ()) -> int:
        """Prompt tokens for the next step. `remaining` are the tokens that short prompts being read still lack."""
        speed = self.tokens_per_second
        if speed is None:
            return FIRST_CHUNK
        if not decoding:
            return self._bounded(speed * ALONE_SECONDS)
        whole = 0
        for tokens in sorted(remaining):
            if tokens > SHORT_PROMPT or whole + tokens > speed * (SHORT_SECONDS if whole else WHOLE_SECONDS):
                break
            whole += tokens
        return max(whole, self._bounded(speed * BESIDE_SECONDS))

    def learn(self, seconds: float, prefilled: int, decoded: bool) -> None:
        """A step of `seconds` took `prefilled` prompt tokens, beside decode rows or not."""
        if not prefilled:
            self._decode_seconds = seconds
            return
        spent = max(seconds - (self._decode_seconds if decoded else 0.0), seconds / 4, 1e-6)
        rate = prefilled / spent
        known = self.tokens_per_second
        self.tokens_per_second = rate if known is None else 0.7 * known + 0.3 * rate

    def _bounded(self, tokens: float) -> int:
        return int(min(max(tokens, self._least), LARGEST_CHUNK))
