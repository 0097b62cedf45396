"""The smallest request that a model can answer: run once after a load at start, it compiles kernels."""

from __future__ import annotations

from heylook_core.messages import ChatRequest, Message, Sampling, TextPart
from heylook_core.provider import ModelInfo
from heylook_core.workers.protocol import Call, Embed, Submit

_TEXT = "warm-up"


def warm_up(rid: int, model_id: str, info: ModelInfo) -> Submit | Call | None:
    """One token of an answer, or one vector; None for a model that does neither."""
    greedy = Sampling(temperature=0.0)
    if "completion" in info.capabilities:
        return Submit(rid, ChatRequest(model=model_id, prompt=_TEXT, max_tokens=1, sampling=greedy))
    if "chat" in info.capabilities:
        said = (Message("user", (TextPart(_TEXT),)),)
        return Submit(rid, ChatRequest(model=model_id, messages=said, max_tokens=1, sampling=greedy))
    if "embed" in info.capabilities:
        return Call(rid, Embed((_TEXT,)))
    return None
