"""POST /v1/responses: the request in neutral words, and the frame of the answer. Nothing is stored."""

from __future__ import annotations

from heylook_api_openai.chat import DEFAULTS
from heylook_api_openai.responses_input import conversation
from heylook_api_openai.responses_schema import (
    OpenAIFlatChoice,
    OpenAIFlatTool,
    OpenAIReasoningSettings,
    OpenAIResponse,
    OpenAIResponsesRequest,
    OpenAITextSettings,
)
from heylook_api_openai.thinking import template_args_of, thinking_of
from heylook_api_openai.tools import check_type, offered, tool_choice_of
from heylook_core.errors import HeylookError, MissingField, Unsupported
from heylook_core.messages import ChatRequest, Format, Overflow, Sampling, Tool, ToolChoice

LOGPROBS = "message.output_text.logprobs"

# What the core calls by the names of chat completions.
NAMES = {"messages": "input", "max_tokens": "max_output_tokens"}

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
    choice = tool_choice_of(body.tool_choice, tools, _named)
    effort = body.reasoning.effort if body.reasoning is not None else None
    return ChatRequest(
        model=model,
        messages=conversation(body),
        tools=offered(tools, choice),
        tool_choice=choice,
        parallel_tool_calls=body.parallel_tool_calls is not False,
        sampling=Sampling(temperature=body.temperature, top_p=body.top_p),
        defaults=DEFAULTS,
        max_tokens=body.max_output_tokens,
        logprobs=LOGPROBS in (body.include or ()) or bool(body.top_logprobs),
        top_logprobs=body.top_logprobs or 0,
        format=_format(body.text),
        thinking=thinking_of(effort, "reasoning.effort", body.chat_template_kwargs),
        template_args=template_args_of(body.chat_template_kwargs),
        overflow=Overflow(drop_messages=body.truncation == "auto"),
        stream=bool(body.stream),
    )


def renamed(error: HeylookError) -> HeylookError:
    """The error with its field as this route calls it."""
    error.param = NAMES.get(error.param, error.param) if error.param else None
    return error


def _tool(tool: OpenAIFlatTool, path: str) -> Tool:
    check_type(tool.type, path)
    if tool.name is None:
        raise MissingField(f"The required field `{path}.name` is missing.", param=f"{path}.name")
    return Tool(tool.name, tool.description, tool.parameters, bool(tool.strict))


def _named(choice: OpenAIFlatChoice) -> ToolChoice | None:
    if choice.type == "function" and choice.name is not None:
        return ToolChoice("required", (choice.name,))
    names = tuple(tool.name for tool in choice.tools or () if tool.name)
    return ToolChoice(choice.mode or "auto", names) if choice.type == "allowed_tools" and names else None


def _format(text: OpenAITextSettings | None) -> Format | None:
    wanted = text.format if text is not None else None
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_schema":
        if wanted.schema is None:
            raise MissingField("The required field `text.format.schema` is missing.", param="text.format.schema")
        return Format("schema", schema=wanted.schema, param="text.format")
    return Format("json", param="text.format")


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
