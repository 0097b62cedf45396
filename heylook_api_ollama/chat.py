"""POST /api/chat and /api/generate: requests in neutral words."""

from __future__ import annotations

import msgspec

from heylook_api_ollama.conversation import conversation
from heylook_api_ollama.fitting import common_fields
from heylook_api_ollama.media import media_part
from heylook_api_ollama.memory import recalled
from heylook_api_ollama.options import OllamaOptions
from heylook_api_ollama.schema import OllamaChatRequest, OllamaGenerateRequest, OllamaTool
from heylook_core.errors import InvalidRequest, Unsupported
from heylook_core.messages import ChatRequest, Message, Part, TextPart, Tool


def chat_request(body: OllamaChatRequest, model: str, options: OllamaOptions, *, may_truncate: bool) -> ChatRequest:
    """Raises InvalidRequest or Unsupported, naming the field, for what cannot be honoured."""
    messages = conversation(body.messages or ())
    last = messages[-1] if messages else None
    return msgspec.structs.replace(
        common_fields(body, options, may_truncate),
        model=model,
        messages=messages,
        continues=last is not None and last.role == "assistant" and not last.tool_calls,
        tools=tuple(_tool(tool, at) for at, tool in enumerate(body.tools or ())),
    )


def generate_request(
    body: OllamaGenerateRequest, model: str, options: OllamaOptions, *, may_truncate: bool
) -> ChatRequest:
    """A prompt is a user's message unless it is `raw` or has a `suffix`. Raises InvalidRequest or Unsupported."""
    request = msgspec.structs.replace(common_fields(body, options, may_truncate), model=model)
    if body.raw and (body.template or body.system or body.context):
        raise InvalidRequest("raw mode does not support template, system, or context", param="raw")
    if body.template:
        raise Unsupported(
            "A `template` of a request is not available; the model's own is used. Send the finished prompt with `raw`.",
            param="template",
        )
    if body.raw or body.suffix:
        if body.images:
            raise Unsupported("Images need a chat template; leave out `raw` and `suffix`.", param="images")
        return msgspec.structs.replace(request, prompt=body.prompt or "", suffix=body.suffix or None)
    return msgspec.structs.replace(request, messages=_messages(body))


def _messages(body: OllamaGenerateRequest) -> tuple[Message, ...]:
    before = recalled(body.context)
    if body.system:
        system = Message("system", (TextPart(body.system),))
        before = (system, *(message for message in before if message.role != "system"))
    content: list[Part] = [TextPart(body.prompt)] if body.prompt else []
    content += [media_part(image, f"images[{at}]") for at, image in enumerate(body.images or ())]
    return (*before, Message("user", tuple(content)))


def _tool(tool: OllamaTool, at: int) -> Tool:
    if tool.type not in (None, "", "function"):
        why = f"Tools of the type {tool.type[:40]!r} are not available; describe it as a `function`."
        raise Unsupported(why, param=f"tools[{at}].type")
    return Tool(tool.function.name, tool.function.description, tool.function.parameters)
