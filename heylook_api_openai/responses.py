"""POST /v1/responses: the request in neutral words, and the frame of the answer. Nothing is stored."""

from __future__ import annotations

from collections.abc import Sequence

from heylook_api_openai.chat import DEFAULTS, EFFORTS, enabled_thinking
from heylook_api_openai.responses_input import conversation
from heylook_api_openai.responses_schema import (
    OpenAIFlatChoice,
    OpenAIFlatTool,
    OpenAIReasoningSettings,
    OpenAIResponse,
    OpenAIResponsesRequest,
    OpenAITextSettings,
)
from heylook_core.errors import InvalidRequest, MissingField, Unsupported
from heylook_core.messages import ChatRequest, Format, Overflow, Sampling, Thinking, Tool, ToolChoice

LOGPROBS = "message.output_text.logprobs"

REFUSED = {
    "previous_response_id": "Responses are not stored on this server: send the whole conversation as `input`.",
    "conversation": "Conversations are not stored on this server: send the whole conversation as `input`.",
    "background": "Responses are not stored on this server, so they cannot be made in the background.",
    "prompt": "Prompt templates are not stored on this server; send the text as `input`.",
}


def response_request(body: OpenAIResponsesRequest, model: str) -> ChatRequest:
    """Raises InvalidRequest or Unsupported, naming the field, for what cannot be honoured."""
    for field, why in REFUSED.items():
        if getattr(body, field) not in (None, False):
            raise Unsupported(why, param=field)
    tools = tuple(_tool(tool, f"tools[{at}]") for at, tool in enumerate(body.tools or ()))
    return ChatRequest(
        model=model,
        messages=conversation(body),
        tools=tools,
        tool_choice=_tool_choice(body.tool_choice, tools),
        parallel_tool_calls=body.parallel_tool_calls is not False,
        sampling=Sampling(temperature=body.temperature, top_p=body.top_p),
        defaults=DEFAULTS,
        max_tokens=body.max_output_tokens,
        logprobs=LOGPROBS in (body.include or ()) or bool(body.top_logprobs),
        top_logprobs=body.top_logprobs or 0,
        format=_format(body.text),
        thinking=_thinking(body),
        template_args={
            key: value for key, value in (body.chat_template_kwargs or {}).items() if key != "enable_thinking"
        },
        overflow=Overflow(drop_messages=body.truncation == "auto"),
        stream=bool(body.stream),
    )


def _tool(tool: OpenAIFlatTool, path: str) -> Tool:
    if tool.type != "function":
        why = f"Tools of the type {tool.type[:40]!r} are not available; describe it as a `function`."
        raise Unsupported(why, param=f"{path}.type")
    if tool.name is None:
        raise MissingField(f"The required field `{path}.name` is missing.", param=f"{path}.name")
    return Tool(tool.name, tool.description, tool.parameters, bool(tool.strict))


def _tool_choice(choice: str | OpenAIFlatChoice | None, tools: Sequence[Tool]) -> ToolChoice:
    if choice is None or choice == "auto":
        return ToolChoice()
    if choice == "none":
        return ToolChoice("none")
    chosen = ToolChoice("required") if choice == "required" else _named(choice)
    missing = set(chosen.names) - {tool.name for tool in tools}
    if missing:
        raise InvalidRequest(f"`tool_choice` names {min(missing)!r}, which is not in `tools`.", param="tool_choice")
    if not tools:
        raise InvalidRequest("`tool_choice` asks for a call, but `tools` is empty.", param="tool_choice")
    return chosen


def _named(choice: str | OpenAIFlatChoice) -> ToolChoice:
    if isinstance(choice, OpenAIFlatChoice):
        if choice.type == "function" and choice.name is not None:
            return ToolChoice("required", (choice.name,))
        if choice.type == "allowed_tools" and choice.tools:
            return ToolChoice(choice.mode or "auto", tuple(tool.name for tool in choice.tools if tool.name))
    raise InvalidRequest(
        "`tool_choice` must be none, auto, required, or an object that names a function or the allowed tools.",
        param="tool_choice",
    )


def _format(text: OpenAITextSettings | None) -> Format | None:
    wanted = text.format if text is not None else None
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_schema":
        if wanted.schema is None:
            raise MissingField("The required field `text.format.schema` is missing.", param="text.format.schema")
        return Format("schema", schema=wanted.schema)
    return Format("json")


def _thinking(body: OpenAIResponsesRequest) -> Thinking:
    effort = body.reasoning.effort if body.reasoning is not None else None
    if effort is not None and effort not in EFFORTS:
        message = f"`reasoning.effort` is {effort[:40]!r}; it must be one of {', '.join(EFFORTS)}."
        raise InvalidRequest(message, param="reasoning.effort")
    return enabled_thinking(effort, body.chat_template_kwargs)


def response_begun(body: OpenAIResponsesRequest, request: ChatRequest, id_: str, created: int) -> OpenAIResponse:
    """The answer before it has any output: the request's own settings are part of it."""
    return OpenAIResponse(
        id=id_,
        created_at=created,
        instructions=body.instructions,
        max_output_tokens=body.max_output_tokens,
        metadata=body.metadata or {},
        model=request.model,
        parallel_tool_calls=request.parallel_tool_calls,
        reasoning=body.reasoning or OpenAIReasoningSettings(),
        temperature=1.0 if body.temperature is None else body.temperature,
        text=body.text or OpenAITextSettings(),
        tool_choice=body.tool_choice or "auto",
        tools=body.tools or [],
        top_logprobs=request.top_logprobs,
        top_p=1.0 if body.top_p is None else body.top_p,
        truncation=body.truncation or "disabled",
        user=body.user,
    )
