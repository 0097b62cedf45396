"""OpenAI's words in neutral ones, without a server."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from heylook_api_openai.chat import DEFAULTS, chat_request
from heylook_api_openai.schema import OpenAIChatRequest
from heylook_core.errors import InvalidRequest, Unsupported
from heylook_core.messages import (
    AudioPart,
    ChatRequest,
    Format,
    ImagePart,
    Message,
    Sampling,
    TextPart,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
)

pytestmark = pytest.mark.unit

TOOLS = [{"type": "function", "function": {"name": name}} for name in ("add", "mul")]


def translated(messages: Any = None, **fields: Any) -> ChatRequest:
    body = {"messages": messages or [{"role": "user", "content": "x"}]} | fields
    return chat_request(msgspec.convert(body, OpenAIChatRequest), "m")


def test_request_that_says_nothing_leaves_everything_to_the_cascade():
    assert translated() == ChatRequest(
        model="m", messages=(Message("user", (TextPart("x"),)),), defaults=Sampling(temperature=1.0, top_p=1.0)
    )
    assert Sampling(temperature=1.0, top_p=1.0) == DEFAULTS


def test_roles_of_openai_become_ours():
    roles = ["developer", "system", "user", "assistant", "tool", "function"]
    request = translated([{"role": role, "content": "x"} for role in roles])
    assert [message.role for message in request.messages] == ["system", "system", "user", "assistant", "tool", "tool"]


def test_content_parts_of_every_kind():
    parts = [
        {"type": "text", "text": "a"},
        {"type": "image_url", "image_url": {"url": "data:1", "detail": "low"}},
        {"type": "image_url", "image_url": "data:2"},
        {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}},
    ]
    [message] = translated([{"role": "user", "content": parts}]).messages
    assert message.content == (
        TextPart("a"),
        ImagePart("data:1", "low", path="messages[0].content[1]"),
        ImagePart("data:2", path="messages[0].content[2]"),
        AudioPart("UklG", "wav"),
    )


def test_history_with_reasoning_calls_and_results():
    call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"n":1}'}}
    bare = {"function": {"name": "add", "arguments": {"n": 1}}}
    messages = translated(
        [
            {"role": "assistant", "content": None, "tool_calls": [call, bare], "reasoning_content": "hm"},
            {"role": "assistant", "function_call": {"name": "add"}, "reasoning": "so"},
            {"role": "assistant", "refusal": "No."},
            {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "2"}]},
        ]
    ).messages
    assert messages[0].tool_calls == (ToolCall("c1", "add", '{"n":1}'), ToolCall("", "add", '{"n":1}'))
    assert [message.reasoning for message in messages] == ["hm", "so", None, None]
    assert messages[1].tool_calls == (ToolCall("", "add", "{}"),)
    assert messages[2].text == "No."
    assert (messages[3].tool_call_id, messages[3].text) == ("c1", "2")


def test_sampling_and_its_extensions():
    sampling = translated(
        temperature=0, top_p=0.5, top_k=-1, min_p=0.1, typical_p=0.9, repeat_penalty=1.1, repetition_context_size=9,
        presence_penalty=1, frequency_penalty=-1, logit_bias={"5": -100}, seed=-1, xtc_probability=0.2,
        xtc_threshold=0.3,
    ).sampling  # fmt: skip
    assert sampling == Sampling(
        temperature=0, top_p=0.5, top_k=0, min_p=0.1, typical_p=0.9, repetition_penalty=1.1, repetition_window=9,
        presence_penalty=1, frequency_penalty=-1, logit_bias={5: -100}, seed=2**63 - 1, xtc_probability=0.2,
        xtc_threshold=0.3,
    )  # fmt: skip
    assert translated(repetition_penalty=1.2, repeat_penalty=1.1).sampling.repetition_penalty == 1.2


def test_stops_in_both_forms_and_more_than_four():
    assert translated(stop="a").stop == ("a",)
    assert translated(stop=["a", "", "b", "c", "d", "e"]).stop == ("a", "b", "c", "d", "e")


def test_tool_choices():
    assert translated(tools=TOOLS).tools == (Tool("add"), Tool("mul"))
    for given, chosen in (
        ("auto", ToolChoice()),
        ("none", ToolChoice("none")),
        ("required", ToolChoice("required")),
        ({"type": "function", "function": {"name": "mul"}}, ToolChoice("required", ("mul",))),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": TOOLS[:1]}},
            ToolChoice("auto", ("add",)),
        ),
    ):
        assert translated(tools=TOOLS, tool_choice=given).tool_choice == chosen
    with pytest.raises(InvalidRequest, match="'div', which is not in `tools`"):
        translated(tools=TOOLS, tool_choice={"type": "function", "function": {"name": "div"}})
    assert not translated(tools=TOOLS, parallel_tool_calls=False).parallel_tool_calls


def test_formats():
    schema = {"type": "object"}
    assert translated(response_format={"type": "text"}).format is None
    assert translated(response_format={"type": "json_object"}).format == Format("json")
    assert translated(response_format={"type": "json_object", "schema": schema}).format == Format("schema", schema)
    named = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema, "strict": True}}
    assert translated(response_format=named).format == Format("schema", schema)


def test_thinking_comes_from_effort_and_template_arguments():
    assert translated(reasoning_effort="low").thinking == Thinking(effort="low")
    assert translated(reasoning_effort="none").thinking == Thinking(enabled=False)
    request = translated(chat_template_kwargs={"enable_thinking": True, "lang": "de"}, reasoning_effort="high")
    assert request.thinking == Thinking(enabled=True, effort="high")
    assert request.template_args == {"lang": "de"}
    with pytest.raises(InvalidRequest, match="enable_thinking` must be true or false"):
        translated(chat_template_kwargs={"enable_thinking": "yes"})


def test_what_cannot_be_honoured_is_refused_by_name():
    for field, value in (
        ("functions", [{"name": "f"}]),
        ("function_call", "auto"),
        ("audio", {"voice": "x"}),
        ("web_search_options", {}),
        ("moderation", {"model": "x"}),
        ("modalities", ["audio"]),
    ):
        with pytest.raises(Unsupported) as caught:
            translated(**{field: value})
        assert caught.value.param == field
    assert translated(functions=[], modalities=["text"]).messages


def test_only_users_and_tools_show_images():
    image = [{"type": "image_url", "image_url": "data:1"}]
    for role in ("system", "developer", "assistant"):
        with pytest.raises(InvalidRequest, match="may hold only text"):
            translated([{"role": role, "content": image}])
    assert translated([{"role": "tool", "content": image}]).messages[0].content == (
        ImagePart("data:1", path="messages[0].content[0]"),
    )


def test_with_auto_the_model_is_told_of_the_allowed_tools_only():
    tools = [{"type": "function", "function": {"name": name}} for name in ("f", "g")]
    allowed = {"mode": "auto", "tools": [{"type": "function", "function": {"name": "g"}}]}
    found = translated(tools=tools, tool_choice={"type": "allowed_tools", "allowed_tools": allowed})
    assert [tool.name for tool in found.tools] == ["g"]
    required = {"type": "allowed_tools", "allowed_tools": {**allowed, "mode": "required"}}
    assert [tool.name for tool in translated(tools=tools, tool_choice=required).tools] == ["f", "g"]
    with pytest.raises(InvalidRequest):
        translated(tools=tools, tool_choice={"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}})
