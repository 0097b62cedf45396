"""The scripted provider: form 1 in about forty lines. It does what the last user message says.

`say some words` answers them, `repeat N some words` says them N times, `wait S` keeps silent for S seconds first,
`fail` raises in the middle; anything else is echoed.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from threading import Event as ThreadEvent

import msgspec

from heylook_core.messages import Accepted, ChatRequest, Event, Finished, FinishReason, Text, Timings, Usage
from heylook_core.provider import ModelInfo, Provider


class ScriptedConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`delay` is the pause before each word, in seconds."""

    delay: float = 0.0


class ScriptedProvider(Provider):
    """Words for tokens. `ignore_eos` goes on with random words, drawn from the request's seed."""

    Config = ScriptedConfig
    concurrency = 8

    def load(self) -> None:
        return None

    def info(self) -> ModelInfo:
        return ModelInfo(context=4096, capabilities=("chat",), rows=self.concurrency)

    def chat(self, request: ChatRequest, cancelled: ThreadEvent) -> Iterator[Event]:
        said = request.messages[-1].text
        prompt = sum(len(message.text.split()) for message in request.messages)
        yield Accepted(prompt)
        count = 0
        reason: FinishReason = "stop"
        started = time.monotonic()
        for word in words(said, request):
            if cancelled.wait(self.config.delay):
                return
            if request.max_tokens is not None and count >= request.max_tokens:
                reason = "length"
                break
            yield Text(0, word if count == 0 else f" {word}")
            count += 1
        timings = Timings(decode=time.monotonic() - started)
        yield Finished(0, reason, Usage(prompt=prompt, completion=count), timings)


def words(said: str, request: ChatRequest) -> Iterator[str]:
    """The words of the answer, one by one."""
    order, _, rest = said.partition(" ")
    if order == "repeat":
        times, _, rest = rest.partition(" ")
        yield from (rest.split() or [""]) * int(times)
    elif order == "fail":
        yield "so"
        raise RuntimeError("told to fail")
    elif order == "wait":
        seconds, _, rest = rest.partition(" ")
        time.sleep(float(seconds))
        yield from rest.split()
    else:
        yield from (rest if order == "say" else said).split()
    if request.ignore_eos:
        chance = random.Random(request.sampling.seed)
        while True:
            yield chance.choice(("and", "so", "on"))
