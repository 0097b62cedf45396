"""A provider that answers with the user's own words, one at a time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from threading import Event as ThreadEvent

import msgspec

from heylook_core.messages import Accepted, ChatRequest, Event, Finished, FinishReason, Text, Timings, Usage
from heylook_core.provider import ModelInfo, Provider


class EchoConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`prefix` begins every answer."""

    prefix: str = "You said:"


class EchoProvider(Provider):
    """Words are its tokens. Each of `concurrency` requests runs `chat` on a thread of its own."""

    Config = EchoConfig
    concurrency = 8

    def load(self) -> None:
        """Connect, or read weights, here. Raise LoadFailed with a full sentence where that cannot work."""

    def info(self) -> ModelInfo:
        return ModelInfo(context=4096, capabilities=("chat",), rows=self.concurrency)

    def chat(self, request: ChatRequest, cancelled: ThreadEvent) -> Iterator[Event]:
        prompt = sum(len(message.text.split()) for message in request.messages)
        yield Accepted(prompt)
        answer = f"{self.config.prefix} {request.messages[-1].text}".split()
        for choice in range(request.n):
            count = 0
            reason: FinishReason = "stop"
            for word in itertools.cycle(answer) if request.ignore_eos else answer:
                if cancelled.is_set():
                    return
                if count == request.max_tokens:
                    reason = "length"
                    break
                yield Text(choice, f" {word}" if count else word)
                count += 1
            yield Finished(choice, reason, Usage(prompt=prompt, completion=count), Timings())
