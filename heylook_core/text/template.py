"""Chat templates, rendered the same for every engine: sandboxed Jinja, all variables passed explicitly.

The environment follows what Hugging Face's `apply_chat_template` promises to template authors
(transformers, `utils/chat_template_utils.py`): trimmed blocks, loop controls, `raise_exception`,
`strftime_now`, a `tojson` that does not escape HTML, and a `generation` block that marks assistant text.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from heylook_core.errors import InvalidRequest
from heylook_core.messages import AudioPart, ImagePart, Message, TextPart, Tool


class _GenerationBlock(Extension):
    """`{% generation %}…{% endgeneration %}` renders its body; the marking is of use in training only."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _refuse(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _tojson(value: Any, ensure_ascii: bool = False, indent: int | None = None, **options: Any) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, **options)


def _strftime_now(pattern: str) -> str:
    return datetime.datetime.now().strftime(pattern)


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_GenerationBlock, "jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = _tojson
    environment.globals["raise_exception"] = _refuse
    environment.globals["strftime_now"] = _strftime_now
    return environment


class ChatTemplate:
    """One model's template. `render` is thread-safe; a template that refuses, or is broken, raises InvalidRequest."""

    def __init__(self, source: str, special: Mapping[str, str]) -> None:
        self.source = source
        self._special = dict(special)
        self._environment = _environment()
        self._template: jinja2.Template | None = None

    def render(
        self,
        messages: tuple[Message, ...],
        tools: tuple[Tool, ...] = (),
        *,
        generation: bool = True,
        variables: Mapping[str, Any] | None = None,
    ) -> str:
        """The prompt text. `generation` ends it with the header of the assistant's turn."""
        variables = {
            **self._special,
            "tools": [template_tool(tool) for tool in tools] or None,
            "documents": None,
            "add_generation_prompt": generation,
            **(variables or {}),
        }
        try:
            if self._template is None:
                self._template = self._environment.from_string(self.source)
            return self._first_rendered(self._template, messages, variables)
        except jinja2.TemplateError as error:
            text = f"The model's chat template refuses these messages: {error.message or type(error).__name__}."
            raise InvalidRequest(text, param="messages") from error
        except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
            text = f"The model's chat template cannot render these messages ({type(error).__name__}: {error})."
            raise InvalidRequest(text, param="messages") from error

    def _first_rendered(
        self, template: jinja2.Template, messages: tuple[Message, ...], variables: dict[str, Any]
    ) -> str:
        """Rendered with calls in the first form that the template takes: they differ, and say so by a TypeError.

        Arguments are an object to most and text to some; a call without text has empty content, or none.
        """
        called = any(message.tool_calls for message in messages)
        forms = [(empty, text) for empty in (None, "") for text in (False, True)]
        if not _TESTS_FOR_NO_CONTENT.search(self.source):
            forms = forms[2:]
        for empty, text in forms if called else forms[-1:]:
            written = [self._message(message, empty, text) for message in messages]
            try:
                return template.render({**variables, "messages": written})
            except TypeError:
                if not called or (empty, text) == forms[-1]:
                    raise
        raise TypeError("no form of the messages fits")

    def _message(self, message: Message, empty: str | None, text: bool) -> dict[str, Any]:
        found = template_message(message)
        if message.tool_calls and not message.content:
            found["content"] = empty
        calls = found.get("tool_calls", ())
        for call, made in zip(calls, message.tool_calls, strict=False):
            if text:
                call["function"]["arguments"] = made.arguments
            if _TESTS_FOR_SHORT_IDS in self.source:
                call["id"] = short_id(made.id)
        if _TESTS_FOR_SHORT_IDS in self.source and message.tool_call_id is not None:
            found["tool_call_id"] = short_id(message.tool_call_id)
        return found


_TESTS_FOR_NO_CONTENT = re.compile(r"content['\"]?\]?\s+is\s+none")
_TESTS_FOR_SHORT_IDS = "length 9"


def short_id(id: str) -> str:
    """A call's id as Mistral's templates insist on: nine letters or digits."""
    bare = re.sub(r"[^A-Za-z0-9]", "", id)
    return id if id == bare and len(id) == 9 else bare[-9:].rjust(9, "0")


def template_message(message: Message) -> dict[str, Any]:
    """A message in the form that templates expect: text as a string, mixed content as typed parts."""
    found: dict[str, Any] = {"role": message.role, "content": _content(message)}
    if message.name is not None:
        found["name"] = message.name
    if message.reasoning is not None:
        found["reasoning_content"] = found["thinking"] = message.reasoning
    if message.tool_calls:
        found["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": _arguments(call.arguments)},
            }
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        found["tool_call_id"] = message.tool_call_id
    return found


def template_tool(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    function["parameters"] = tool.parameters or {"type": "object", "properties": {}}
    return {"type": "function", "function": function}


_PART_NAMES: dict[type[Any], Callable[[Any], dict[str, Any]]] = {
    TextPart: lambda part: {"type": "text", "text": part.text},
    ImagePart: lambda part: {"type": "image"},
    AudioPart: lambda part: {"type": "audio"},
}


def _content(message: Message) -> str | list[dict[str, Any]]:
    if all(isinstance(part, TextPart) for part in message.content):
        return message.text
    return [_PART_NAMES[type(part)](part) for part in message.content]


def _arguments(text: str) -> Any:
    """Templates iterate over arguments; text that is not JSON is passed as it is."""
    try:
        return json.loads(text)
    except ValueError:
        return text
