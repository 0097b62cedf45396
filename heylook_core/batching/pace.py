"""How many prompt tokens one step may take, so that a step stays short on any machine."""

from __future__ import annotations

ALONE_SECONDS = 0.25
BESIDE_SECONDS = 0.06
FIRST_CHUNK = 128
SMALLEST_CHUNK = 32
LARGEST_CHUNK = 4096


class PrefillPace:
    """Learns the prefill speed from finished steps and turns a time allowance into a token count.

    While other rows decode, a chunk takes about `BESIDE_SECONDS` for each prompt that is being read: one prompt does
    not make the others' next token late, but when many come at once, the few that decode already do not keep them
    waiting (and do not compute step after step nearly empty). When nobody waits for tokens it takes
    `ALONE_SECONDS`, the most in any case: that bounds how late a cancellation is seen.
    """

    def __init__(self) -> None:
        self.tokens_per_second: float | None = None
        self._decode_seconds = 0.0

    def budget(self, decoding: bool, reading: int = 1) -> int:
        """Prompt tokens for the next step, in which rows decode or not and `reading` prompts are not finished."""
        if self.tokens_per_second is None:
            return FIRST_CHUNK
        seconds = min(BESIDE_SECONDS * max(reading, 1), ALONE_SECONDS) if decoding else ALONE_SECONDS
        return int(min(max(self.tokens_per_second * seconds, SMALLEST_CHUNK), LARGEST_CHUNK))

    def learn(self, seconds: float, prefilled: int, decoded: bool) -> None:
        """A step of `seconds` took `prefilled` prompt tokens, beside decode rows or not."""
        if not prefilled:
            self._decode_seconds = seconds
            return
        spent = max(seconds - (self._decode_seconds if decoded else 0.0), seconds / 4, 1e-6)
        rate = prefilled / spent
        known = self.tokens_per_second
        self.tokens_per_second = rate if known is None else 0.7 * known + 0.3 * rate
