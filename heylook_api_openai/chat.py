"""POST /v1/chat/completions: the request in neutral words, and the answer in OpenAI's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import UNSET

from heylook_api_openai.constraints import format_of
from heylook_api_openai.content import message_of
from heylook_api_openai.images import image_options
from heylook_api_openai.performance import performance_of
from heylook_api_openai.schema import (
    OpenAIAnswer,
    OpenAIAnsweredCall,
    OpenAIAnsweredFunction,
    OpenAIChatChoice,
    OpenAIChatCompletion,
    OpenAIChatRequest,
    OpenAIGenerationRequest,
    OpenAIToolChoice,
)
from heylook_api_openai.thinking import template_args_of, thinking_of
from heylook_api_openai.tools import offered, tool_choice_of, tool_of
from heylook_api_openai.wire import finish_reason, logprobs_of, usage_of
from heylook_core.errors import InvalidRequest, Unsupported
from heylook_core.messages import ChatRequest, Sampling, ToolChoice

if TYPE_CHECKING:
    from heylook_core.running import Choice

DEFAULTS = Sampling(temperature=1.0, top_p=1.0)
SEED_BITS = 2**63 - 1

REFUSED = {
    "audio": "Spoken answers are not available; leave out `audio` and ask for text.",
    "functions": "`functions` is OpenAI's deprecated form; send `tools` instead.",
    "function_call": "`function_call` is OpenAI's deprecated form; send `tool_choice` instead.",
    "web_search_options": "This server does not search the web; leave out `web_search_options`.",
    "moderation": "This server does not moderate; leave out `moderation`.",
}


def chat_request(body: OpenAIChatRequest, model: str) -> ChatRequest:
    """Raises InvalidRequest or Unsupported, naming the field, for what cannot be honoured."""
    _refuse(body)
    tools = tuple(tool_of(tool, at) for at, tool in enumerate(body.tools or ()))
    choice = tool_choice_of(body.tool_choice, tools, _named)
    return ChatRequest(
        model=model,
        messages=tuple(message_of(message, f"messages[{at}]") for at, message in enumerate(body.messages)),
        tools=offered(tools, choice),
        tool_choice=choice,
        parallel_tool_calls=body.parallel_tool_calls is not False,
        sampling=sampling_of(body),
        defaults=DEFAULTS,
        max_tokens=body.max_completion_tokens or body.max_tokens,
        stop=stops_of(body.stop),
        ignore_eos=bool(body.ignore_eos),
        n=body.n or 1,
        logprobs=bool(body.logprobs),
        top_logprobs=_top_logprobs(body),
        format=format_of(body),
        thinking=thinking_of(
            body.reasoning_effort, "reasoning_effort", body.chat_template_kwargs, body.thinking_budget
        ),
        template_args=template_args_of(body.chat_template_kwargs),
        continues=_continues(body),
        images=image_options(body),
        stream=bool(body.stream),
    )


def _refuse(body: OpenAIChatRequest) -> None:
    for field, why in REFUSED.items():
        if getattr(body, field) not in (None, []):
            raise Unsupported(why, param=field)
    for modality in body.modalities or ():
        if modality != "text":
            raise Unsupported(f"Answers in the modality {modality!r} are not available, only text.", param="modalities")


def sampling_of(body: OpenAIGenerationRequest) -> Sampling:
    return Sampling(
        temperature=body.temperature,
        top_p=body.top_p,
        top_k=None if body.top_k is None else max(body.top_k, 0),
        min_p=body.min_p,
        typical_p=body.typical_p,
        xtc_probability=body.xtc_probability,
        xtc_threshold=body.xtc_threshold,
        repetition_penalty=body.repetition_penalty if body.repetition_penalty is not None else body.repeat_penalty,
        repetition_window=body.repetition_context_size,
        presence_penalty=body.presence_penalty,
        frequency_penalty=body.frequency_penalty,
        logit_bias=_logit_bias(body.logit_bias),
        seed=None if body.seed is None else body.seed & SEED_BITS,
    )


def _logit_bias(bias: dict[str, float] | None) -> dict[int, float] | None:
    """JSON keys are strings; these are token ids."""
    if not bias:
        return None
    for key in bias:
        if not (key.isascii() and key.isdigit() and len(key) < 10):
            raise InvalidRequest(f"The key {key[:40]!r} of `logit_bias` is not a token id.", param="logit_bias")
    return {int(key): value for key, value in bias.items()}


def stops_of(stop: str | list[str] | None) -> tuple[str, ...]:
    """An empty stop string would never match and is left out."""
    stops = [stop] if isinstance(stop, str) else stop or ()
    return tuple(text for text in stops if text)


def _continues(body: OpenAIChatRequest) -> bool:
    last = body.messages[-1]
    if body.continue_final_message and (last.role != "assistant" or last.tool_calls):
        message = "`continue_final_message` needs a last message of the assistant, without tool calls."
        raise InvalidRequest(message, param="continue_final_message")
    return bool(body.continue_final_message)


def _top_logprobs(body: OpenAIChatRequest) -> int:
    if body.top_logprobs and not body.logprobs:
        raise InvalidRequest("`top_logprobs` needs `logprobs` to be true.", param="top_logprobs")
    return body.top_logprobs or 0


def _named(choice: OpenAIToolChoice) -> ToolChoice | None:
    if choice.type == "function" and choice.function is not None:
        return ToolChoice("required", (choice.function.name,))
    allowed = choice.allowed_tools
    if choice.type == "allowed_tools" and allowed is not None:
        names = tuple(tool.function.name for tool in allowed.tools if tool.function)
        return ToolChoice(allowed.mode, names) if names else None
    return None


def chat_completion(
    choices: Sequence[Choice], request: ChatRequest, *, id_: str, created: int, performance: bool = False
) -> OpenAIChatCompletion:
    """The whole answer. `choices` are complete."""
    finishes = [choice.finish for choice in choices if choice.finish is not None]
    return OpenAIChatCompletion(
        id=id_,
        created=created,
        model=request.model,
        choices=[_chat_choice(choice, request) for choice in choices],
        usage=usage_of(finishes),
        performance=performance_of(finishes) if performance else UNSET,
    )


def _chat_choice(choice: Choice, request: ChatRequest) -> OpenAIChatChoice:
    calls = [
        OpenAIAnsweredCall(call.id, OpenAIAnsweredFunction(call.name, call.arguments)) for call in choice.tool_calls
    ]
    return OpenAIChatChoice(
        index=choice.index,
        message=OpenAIAnswer(
            content=None if calls and not choice.text else choice.text,
            reasoning_content=choice.reasoning or UNSET,
            tool_calls=calls or UNSET,
        ),
        logprobs=logprobs_of(choice.logprobs) if request.logprobs else None,
        finish_reason=finish_reason(choice.finish),
    )
