"""Refuse what a model cannot do, by name, before it is asked to."""

from __future__ import annotations

from collections.abc import Iterator

from heylook_core.errors import Unsupported
from heylook_core.messages import AudioPart, ChatRequest, ImagePart
from heylook_core.provider import Capability, ModelInfo


def require(request: ChatRequest, info: ModelInfo, model_id: str) -> None:
    """Raise Unsupported, naming the capability and the field, for the first need that the model does not meet."""
    for capability, param, what in needs(request):
        if capability not in info.capabilities:
            message = f"Model {model_id!r} does not support {what} (capability {capability!r})."
            raise Unsupported(message, param=param)


def require_images(info: ModelInfo, model_id: str) -> None:
    """Raise Unsupported if the model does not see."""
    if "vision" not in info.capabilities:
        message = f"Model {model_id!r} does not support images (capability 'vision')."
        raise Unsupported(message, param="messages")


def needs(request: ChatRequest) -> Iterator[tuple[Capability, str, str]]:
    """What a request needs: capability, field, and words for it."""
    if request.prompt is None:
        yield "chat", "messages", "chat messages"
    else:
        yield "completion", "prompt", "raw prompts"
    parts = {type(part) for message in request.messages for part in message.content}
    if ImagePart in parts:
        yield "vision", "messages", "images"
    if AudioPart in parts:
        yield "audio", "messages", "audio in messages"
    if request.tools and request.tool_choice.mode != "none":
        yield "tools", "tools", "tools"
    if request.tool_choice.mode == "required":
        yield "schema", "tool_choice", "forced tool calls"
    thinking = request.thinking
    if thinking.budget is not None and thinking.enabled is not False:
        yield "reasoning", "thinking_budget", "thinking"
    if thinking.enabled or (thinking.enabled is None and thinking.effort is not None):
        yield "reasoning", "reasoning_effort", "thinking"
    if request.format is not None:
        yield "schema", request.format.param, "constrained output"
    if request.logprobs or request.top_logprobs:
        yield "logprobs", "logprobs", "log-probabilities"
    if request.echo and request.logprobs:
        yield "prompt_logprobs", "echo", "log-probabilities of the prompt"
    if request.suffix is not None:
        yield "fill_in_middle", "suffix", "text after the insertion point"
