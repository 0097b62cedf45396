"""POST /v1/chat/completions: the request in neutral words, and the answer in OpenAI's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

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
    OpenAITool,
    OpenAIToolChoice,
)
from heylook_api_openai.wire import finish_reason, logprobs_of, usage_of
from heylook_core.errors import InvalidRequest, Unsupported
from heylook_core.messages import ChatRequest, Sampling, Thinking, Tool, ToolChoice

if TYPE_CHECKING:
    from heylook_core.running import Choice

DEFAULTS = Sampling(temperature=1.0, top_p=1.0)
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
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
    return ChatRequest(
        model=model,
        messages=tuple(message_of(message, f"messages[{at}]") for at, message in enumerate(body.messages)),
        tools=tools,
        tool_choice=_tool_choice(body.tool_choice, tools),
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
        thinking=_thinking(body),
        template_args=_template_args(body),
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


def tool_of(tool: OpenAITool, at: int) -> Tool:
    if tool.type != "function":
        why = f"Tools of the type {tool.type!r} are not available; describe it as a `function`."
        raise Unsupported(why, param=f"tools[{at}].type")
    if tool.function is None:
        raise InvalidRequest(f"`tools[{at}]` has no `function`.", param=f"tools[{at}].function")
    described = tool.function
    return Tool(described.name, described.description, described.parameters, bool(described.strict))


def _tool_choice(choice: str | OpenAIToolChoice | None, tools: Sequence[Tool]) -> ToolChoice:
    if choice is None or choice == "auto":
        return ToolChoice()
    if choice == "none":
        return ToolChoice("none")
    chosen = ToolChoice("required") if choice == "required" else _named_choice(choice)
    missing = set(chosen.names) - {tool.name for tool in tools}
    if missing:
        raise InvalidRequest(f"`tool_choice` names {min(missing)!r}, which is not in `tools`.", param="tool_choice")
    if not tools:
        raise InvalidRequest("`tool_choice` asks for a call, but `tools` is empty.", param="tool_choice")
    return chosen


def _named_choice(choice: str | OpenAIToolChoice) -> ToolChoice:
    if isinstance(choice, OpenAIToolChoice):
        if choice.type == "function" and choice.function is not None:
            return ToolChoice("required", (choice.function.name,))
        if choice.type == "allowed_tools" and choice.allowed_tools is not None:
            named = choice.allowed_tools
            return ToolChoice(named.mode, tuple(tool.function.name for tool in named.tools if tool.function))
    raise InvalidRequest(
        "`tool_choice` must be none, auto, required, or an object that names a function or the allowed tools.",
        param="tool_choice",
    )


def _thinking(body: OpenAIChatRequest) -> Thinking:
    """`enable_thinking` of the template arguments is decisive; the effort `none` switches thinking off."""
    effort = body.reasoning_effort
    if effort is not None and effort not in EFFORTS:
        message = f"`reasoning_effort` is {effort[:40]!r}; it must be one of {', '.join(EFFORTS)}."
        raise InvalidRequest(message, param="reasoning_effort")
    return enabled_thinking(effort, body.chat_template_kwargs, body.thinking_budget)


def enabled_thinking(effort: str | None, template_args: dict[str, Any] | None, budget: int | None = None) -> Thinking:
    """Raises InvalidRequest where `enable_thinking` is no truth value."""
    asked = (template_args or {}).get("enable_thinking")
    if asked is not None and not isinstance(asked, bool):
        field = "chat_template_kwargs.enable_thinking"
        raise InvalidRequest(f"`{field}` must be true or false.", param=field)
    if effort == "none":
        return Thinking(enabled=bool(asked), budget=budget)
    return Thinking(enabled=asked, effort=effort, budget=budget)


def _template_args(body: OpenAIChatRequest) -> dict[str, Any]:
    given = body.chat_template_kwargs or {}
    return {name: value for name, value in given.items() if name != "enable_thinking"}


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
