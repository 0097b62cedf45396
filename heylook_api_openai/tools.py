"""Tools and the choice among them, as chat and responses understand them alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from heylook_api_openai.schema import OpenAITool
from heylook_core.errors import InvalidRequest, Unsupported
from heylook_core.messages import Tool, ToolChoice

C = TypeVar("C")


def check_type(kind: str, path: str) -> None:
    """Raises Unsupported for a tool that is no function."""
    if kind != "function":
        why = f"Tools of the type {kind[:40]!r} are not available; describe it as a `function`."
        raise Unsupported(why, param=f"{path}.type")


def tool_of(tool: OpenAITool, at: int) -> Tool:
    check_type(tool.type, f"tools[{at}]")
    if tool.function is None:
        raise InvalidRequest(f"`tools[{at}]` has no `function`.", param=f"tools[{at}].function")
    described = tool.function
    return Tool(described.name, described.description, described.parameters, bool(described.strict))


def tool_choice_of(
    choice: str | C | None, tools: Sequence[Tool], named: Callable[[C], ToolChoice | None]
) -> ToolChoice:
    """`named` reads the form that is an object. Raises InvalidRequest for names that are not among the tools."""
    if choice is None or choice == "auto":
        return ToolChoice()
    if choice == "none":
        return ToolChoice("none")
    chosen = ToolChoice("required") if choice == "required" else None
    if not isinstance(choice, str):
        chosen = named(choice)
    if chosen is None:
        message = "`tool_choice` must be none, auto, required, or an object that names a function or the allowed tools."
        raise InvalidRequest(message, param="tool_choice")
    missing = set(chosen.names) - {tool.name for tool in tools}
    if missing:
        raise InvalidRequest(f"`tool_choice` names {min(missing)!r}, which is not in `tools`.", param="tool_choice")
    if not tools:
        raise InvalidRequest("`tool_choice` asks for a call, but `tools` is empty.", param="tool_choice")
    return chosen


def offered(tools: tuple[Tool, ...], choice: ToolChoice) -> tuple[Tool, ...]:
    """The tools that the model is told of: with `auto` those that are allowed, as nothing else keeps it to them."""
    if choice.mode != "auto" or not choice.names:
        return tools
    return tuple(tool for tool in tools if tool.name in choice.names)
