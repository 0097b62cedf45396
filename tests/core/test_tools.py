"""Tool calls in the model's text: round trips through real templates, every split, and what is no call."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heylook_core.engine import Decoder, Token
from heylook_core.errors import ConfigError, InvalidRequest
from heylook_core.messages import (
    ChatRequest,
    Message,
    Reasoning,
    Text,
    TextPart,
    Tool,
    ToolArgs,
    ToolCall,
    ToolChoice,
    ToolOpen,
)
from heylook_core.provider import TokenConfig
from heylook_core.testkit.llama_sdist import chat_templates
from heylook_core.testkit.toy import TEMPLATE, ToyCodec
from heylook_core.text.markers import Produced, Stage
from heylook_core.text.pipeline import TextPipeline
from heylook_core.text.plan import formats_of, plan_of
from heylook_core.text.reasoning import REASONING_FORMATS
from heylook_core.text.template import ChatTemplate
from heylook_core.text.tools import TOOL_FORMATS, ToolStage, tool_format
from heylook_core.text.tools.harmony import HarmonyStage

ARGUMENTS = {"city": 'Paris "x" <b>\nsecond', "days": 3, "detail": True}
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}, "detail": {"type": "boolean"}},
    "required": ["city"],
}
WEATHER = Tool("get_weather", "Weather of a city", SCHEMA)
CLOCK = Tool("clock", "The time")
QUESTION = Message("user", (TextPart("Weather?"),))
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}

# What these templates do with a call in the history, in docs/reference/tool-formats.md too.
UNSUPPORTED = {
    "CohereForAI-c4ai-command-r-plus-tool_use.jinja": "refuses",
    "HuggingFaceTB-SmolLM3-3B.jinja": "shows no call",
    "Kimi-K2-Instruct.jinja": "refuses",
    "Kimi-K2-Thinking.jinja": "refuses",
    "LFM2-8B-A1B.jinja": "shows no call",
    "LFM2.5-Instruct.jinja": "shows no call",
    "fireworks-ai-llama-3-firefunction-v2.jinja": "refuses",
    "google-gemma-2-2b-it.jinja": "shows no call",
    "ibm-granite-granite-3.3-2B-Instruct.jinja": "shows no call",
    "llama-cpp-deepseek-r1.jinja": "refuses",
    "llama-cpp-rwkv-world.jinja": "shows no call",
    "meetkai-functionary-medium-v3.2.jinja": "not read",
    "microsoft-Phi-3.5-mini-instruct.jinja": "shows no call",
    "muse-glimmer.jinja": "not read",
}


def read(stage: Stage, parts: list[str]) -> tuple[list[tuple[str, str]], str, int]:
    """The calls, the text, and how many letters came out."""
    return told([piece for part in parts for piece in stage.push(part)] + stage.end())


def told(pieces: list[Produced]) -> tuple[list[tuple[str, str]], str, int]:
    calls: dict[int, list[str]] = {}
    text, length = "", 0
    for piece in pieces:
        match piece:
            case ToolOpen(_, index, id, name):
                assert index == len(calls)
                assert re.fullmatch(r"call_\w{24}", id)
                calls[index] = [name, ""]
            case ToolArgs(_, index, more):
                calls[index][1] += more
            case (kind, some):
                length += len(some)
                text += some if kind != "silent" else ""
    return [(name, arguments) for name, arguments in calls.values()], text, length


def every_split(text: str) -> list[list[str]]:
    return [[text], list(text), *([text[:at], text[at:]] for at in range(1, len(text)))]


def stage(name: str, *tools: Tool, single: bool = False) -> ToolStage:
    format = tool_format(None, name)
    assert format is not None
    return ToolStage(0, format, tools or (WEATHER, CLOCK), single)


def parsed(calls: list[tuple[str, str]]) -> list[tuple[str, object]]:
    return [(name, json.loads(arguments)) for name, arguments in calls]


@pytest.fixture(scope="session")
def templates(pytestconfig: pytest.Config) -> dict[str, str]:
    assert pytestconfig.cache is not None
    folder = pytestconfig.cache.mkdir("llama-cpp-python-templates")
    found = chat_templates(Path(folder), os.environ.get("HEYLOOK_LLAMA_SDIST"))
    if not found:
        pytest.skip("the source distribution of llama-cpp-python cannot be fetched")
    return found


def common(first: str, second: str) -> str:
    """What two texts begin with."""
    for at, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return first[:at]
    return min(first, second, key=len)


def answer_in(template: str) -> tuple[str, str]:
    """What a template adds for an assistant's call, and the end of the prompt before it."""
    made = ChatTemplate(template, SPECIAL)
    call = ToolCall("call12345", "get_weather", json.dumps(ARGUMENTS))
    answer = Message("assistant", reasoning="I should look.", tool_calls=(call,))
    prompt = made.render((QUESTION,), (WEATHER,))
    whole = made.render((QUESTION, answer), (WEATHER,), generation=False)
    # The two share the assistant's header; half a marker at its end is not shared.
    shared = re.sub(r"<[^<>]*$", "", common(prompt, whole))
    return whole[len(shared) :], shared


def test_calls_in_the_templates_of_real_models_are_read_back_at_every_split(templates: dict[str, str]) -> None:
    request = ChatRequest(model="m", messages=(QUESTION,), tools=(WEATHER,))
    outcome: dict[str, str] = {}
    for name, template in templates.items():
        try:
            text, prompt = answer_in(template)
        except InvalidRequest:
            outcome[name] = "refuses"
            continue
        plan = plan_of(formats_of(template, TokenConfig(), ToyCodec()), request, prompt)
        found = [through(plan.stages(0, request), parts) for parts in every_split(text)]
        if "get_weather" not in text:
            outcome[name] = "shows no call"
        elif not all(calls and parsed(calls) == [("get_weather", ARGUMENTS)] for calls, _, _ in found):
            outcome[name] = "not read"
        assert all(one == found[0] for one in found), name
        assert found[0][2] == len(text), name
    assert outcome == UNSUPPORTED
    assert len(templates) - len(outcome) >= 55


def through(stages: list[Stage], parts: list[str]) -> tuple[list[tuple[str, str]], str, int]:
    """Pieces through all stages, as the pipeline passes them on."""
    pieces: list[Produced] = []
    for part in [*parts, None]:
        arrived: list[Produced] = [("text", part)] if part is not None else []
        for one in stages:
            passed: list[Produced] = []
            for piece in arrived:
                passed += one.push(piece[1]) if isinstance(piece, tuple) and piece[0] == "text" else [piece]
            arrived = passed + (one.end() if part is None else [])
        pieces += arrived
    return told(pieces)


CALLS = {
    "hermes": '<tool_call>\n{"name": "get_weather", "arguments": {"city": "a}]\\"", "days": 1}}\n</tool_call>',
    "llama3": '{"name": "get_weather", "parameters": {"city": "a}]\\"", "days": 1}}',
    "mistral": '[TOOL_CALLS]get_weather[ARGS]{"city": "a}]\\"", "days": 1}',
    "mistral_list": '[TOOL_CALLS][{"name": "get_weather", "arguments": {"city": "a}]\\"", "days": 1}, "id": "x"}]',
    "qwen_coder": '<function=get_weather>\n<parameter=city>\na}]"\n</parameter>\n<parameter=days>\n1\n</parameter>\n'
    "</function>",
    "pythonic": "[get_weather(city='a}]\"', days=1)]",
    "function_gemma": '<start_function_call>call:get_weather{city:<escape>a}]"<escape>,days:1}<end_function_call>',
    "granite": '<|tool_call|>[{"arguments": {"city": "a}]\\"", "days": 1}, "name": "get_weather"}]',
}


@pytest.mark.parametrize("name", CALLS)
def test_text_before_and_after_a_call_stays_text(name: str) -> None:
    bare = name in ("llama3", "pythonic")
    before = "" if bare else "I will look.\n\n"
    for parts in every_split(f"{before}{CALLS[name]}\n\nDone < [ {{."):
        calls, text, _ = read(stage(name), parts)
        assert parsed(calls) == [("get_weather", {"city": 'a}]"', "days": 1})]
        assert text == before.strip() + "Done < [ {."


@pytest.mark.parametrize("name", ["hermes", "qwen_coder", "mistral_list", "pythonic"])
def test_several_calls_are_numbered(name: str) -> None:
    two = {
        "hermes": CALLS["hermes"] + '\n<tool_call>{"name": "clock"}</tool_call>',
        "qwen_coder": f"<tool_call>\n{CALLS['qwen_coder']}\n</tool_call>\n"
        "<tool_call>\n<function=clock>\n</function>\n</tool_call>",
        "mistral_list": CALLS["mistral_list"][:-1] + ', {"name": "clock", "arguments": null}]',
        "pythonic": CALLS["pythonic"][:-1] + ", clock()]",
    }[name]
    for parts in every_split(two):
        calls, text, _ = read(stage(name), parts)
        assert [called for called, _ in calls] == ["get_weather", "clock"]
        assert json.loads(calls[1][1]) == {}
        assert text == ""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("hermes", "<tool_call> is how calls begin"),
        ("hermes", '<tool_call>{"called": "get_weather"}</tool_call> no name'),
        ("hermes", '<tool_call>\n{"name": "get_wea'),
        ("llama3", '{"name": "Bob", "parameters": {}}'),
        ("llama3", '{"city": "Paris"}'),
        ("llama3", 'see: {"name": "get_weather", "parameters": {}}'),
        ("pythonic", "[1, 2, 3]"),
        ("pythonic", "[get_weather(city=open('x'))]"),
        ("pythonic", "[get_weather(city='Paris'"),
        ("mistral", "[TOOL_CALLS] no call follows"),
        ("qwen_coder", "<function=>none</function>"),
        ("qwen_coder", "<tool_call>\n<nothing/>\n</tool_call>"),
        ("gemma", "<|tool_call>hello<tool_call|>"),
    ],
)
def test_what_is_no_call_is_text_to_the_letter(name: str, text: str) -> None:
    for parts in every_split(text):
        assert read(stage(name), parts) == ([], text, len(text))


@given(st.sampled_from(TOOL_FORMATS), st.data())
@settings(max_examples=300)
def test_no_letter_is_lost_whatever_the_model_writes(format, data) -> None:
    signs = [marker for marker in format.markers if marker] + list('{}[]":,()= \n') + ["get_weather", '"name"', "x"]
    text = "".join(data.draw(st.lists(st.sampled_from(signs), max_size=14)))
    size = data.draw(st.integers(1, 9))
    made = lambda: ToolStage(0, format, (WEATHER,)) if format.name != "harmony" else stage("hermes")  # noqa: E731
    whole = read(made(), [text])
    assert whole[2] == len(text)
    assert read(made(), [text[at : at + size] for at in range(0, len(text), size)]) == whole


def test_arguments_are_streamed_as_they_grow() -> None:
    for name in ("hermes", "qwen_coder"):
        made = stage(name)
        opened, grown = False, []
        for letter in CALLS[name]:
            for piece in made.push(letter):
                opened = opened or isinstance(piece, ToolOpen)
                grown += [piece.text] if isinstance(piece, ToolArgs) else []
                assert opened or not grown
        assert len(grown) > 8


def test_a_call_that_is_cut_keeps_what_it_had() -> None:
    calls, text, _ = read(stage("hermes"), ['<tool_call>\n{"name": "get_weather", "arguments": {"city": "Par'])
    assert calls == [("get_weather", '{"city": "Par')]
    assert text == ""


def test_values_are_typed_by_the_schema() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"anyOf": [{"type": "integer"}]}}}
    written = "<function=f>" + "".join(
        f"<parameter={key}>{value}</parameter>"
        for key, value in {"a": "12", "b": "12", "c": "[1, 2]", "d": "plain", "e": "None"}.items()
    )
    calls, _, _ = read(stage("qwen_coder", Tool("f", None, schema)), [written + "</function>"])
    assert parsed(calls) == [("f", {"a": "12", "b": 12, "c": [1, 2], "d": "plain", "e": None})]


def test_after_the_only_call_that_is_allowed_the_text_is_over() -> None:
    request = ChatRequest(model="m", messages=(QUESTION,), tools=(WEATHER, CLOCK), parallel_tool_calls=False)
    plan = plan_of(formats_of(TEMPLATE, TokenConfig(), ToyCodec()), request, "")
    made = TextPipeline(0, ToyCodec(), [], (), False, plan.stages(0, request))
    text, events = f"{CALLS['hermes']}\n{CALLS['hermes']}", []
    for byte in text.encode():
        events += made.push(Token(1, byte))
        if made.stopped:
            break
    events += made.end()
    assert made.called
    assert sum(isinstance(event, ToolOpen) for event in events) == 1


def test_calls_are_looked_for_only_where_tools_are_offered() -> None:
    formats = formats_of(TEMPLATE, TokenConfig(), ToyCodec())
    chat = ChatRequest(model="m", messages=(QUESTION,))
    offered = ChatRequest(model="m", messages=(QUESTION,), tools=(WEATHER,))
    forbidden = ChatRequest(model="m", messages=(QUESTION,), tools=(WEATHER,), tool_choice=ToolChoice("none"))
    assert [plan_of(formats, request, "").tools is not None for request in (chat, offered, forbidden)] == [
        False,
        True,
        False,
    ]


def test_models_yaml_names_a_format() -> None:
    assert tool_format("<tool_call>", None).name == "hermes"
    assert tool_format("<tool_call>", "glm").name == "glm"
    assert tool_format("<tool_call>", "none") is None
    with pytest.raises(ConfigError, match=r"one of: .*hermes"):
        tool_format(None, "unheard-of")


def test_mistral_s_templates_get_ids_of_nine_letters() -> None:
    made = ChatTemplate("{# length 9 #}{{ messages[0].tool_calls[0].id }} {{ messages[1].tool_call_id }}", {})
    call = Message("assistant", tool_calls=(ToolCall("call_0123456789abcdef", "f", "{}"),))
    result = Message("tool", (TextPart("x"),), tool_call_id="call_0123456789abcdef")
    assert made.render((call, result)) == "789abcdef 789abcdef"


def test_the_reference_names_every_format_and_what_is_not_read() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "tool-formats.md").read_text(encoding="utf-8")
    for name in [format.name for format in TOOL_FORMATS] + [format.name for format in REASONING_FORMATS]:
        assert f"| `{name}` |" in page
    for name in UNSUPPORTED:
        assert name.removesuffix(".jinja") in page


def test_harmony_calls_are_read_at_every_split() -> None:
    arguments = json.dumps(ARGUMENTS)
    text = (
        "<|channel|>analysis<|message|>I look.<|end|><|start|>assistant<|channel|>commentary to=functions.get_weather "
        f"<|constrain|>json<|message|>{arguments}<|call|><|start|>assistant to=functions.clock<|channel|>commentary "
        "json<|message|>{}"
    )
    for parts in every_split(text):
        calls, shown, length = read(HarmonyStage(0, (WEATHER, CLOCK)), parts)
        assert calls == [("get_weather", arguments), ("clock", "{}")]
        assert (shown, length) == ("I look.", len(text))


class Hiding(ToyCodec):
    """The toy's codec with markers as special tokens that are never spelled, as GGUF has them."""

    SPECIAL: ClassVar[dict[str, int]] = {"<tool_call>": 1000, "</tool_call>": 1001, "<think>": 1002, "</think>": 1003}

    def encode(self, text: str) -> list[int]:
        found: list[int] = []
        for part in re.split("(" + "|".join(self.SPECIAL) + ")", text):
            found += [self.SPECIAL[part]] if part in self.SPECIAL else super().encode(part)
        return found

    def decoder(self, prompt: Sequence[int] = ()) -> Decoder:
        return HidingDecoder()

    def piece(self, token: int) -> bytes:
        return bytes([token]) if token < 256 else b""


class HidingDecoder(Decoder):
    def push(self, token: int) -> bytes:
        return bytes([token]) if token < 256 else b""


def test_markers_that_are_special_tokens_are_seen_though_never_spelled() -> None:
    codec = Hiding()
    request = ChatRequest(model="m", messages=(QUESTION,), tools=(WEATHER, CLOCK))
    plan = plan_of(formats_of(TEMPLATE, TokenConfig(), codec), request, "<think>")
    made = TextPipeline(0, codec, [], (), False, plan.stages(0, request), plan.formats.hidden)
    tokens = codec.encode(f"I look.\n</think>\n\nWait.\n{CALLS['hermes']}\nDone")
    pieces = [event for token in tokens for event in made.push(Token(1, token))] + made.end()
    assert "".join(event.text for event in pieces if isinstance(event, Reasoning)) == "I look."
    assert "".join(event.text for event in pieces if isinstance(event, Text)) == "Wait.Done"
    assert [event.name for event in pieces if isinstance(event, ToolOpen)] == ["get_weather"]
    assert made.reasoning_tokens == len("I look.\n") + 1
