"""Stop strings, UTF-8 assembly, templates and prompts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heylook_core.engine import Token
from heylook_core.errors import ContextExceeded, InvalidRequest, Unsupported
from heylook_core.messages import ChatRequest, Logprobs, Message, Sampling, Text, TextPart, Thinking, Tool, ToolCall
from heylook_core.provider import ModelInfo, TokenConfig
from heylook_core.testkit.toy import EOS, TEMPLATE, ToyCodec
from heylook_core.text.pipeline import TextPipeline
from heylook_core.text.prompt import DEFAULT_MAX_TOKENS, Preparation
from heylook_core.text.stops import StopMatcher
from heylook_core.text.template import ChatTemplate

ALPHABET = st.text(alphabet="ab\u00e9\u20ac\U0001f600", max_size=30)
STOPS = st.lists(st.text(alphabet="ab\u00e9\u20ac", min_size=1, max_size=4), min_size=1, max_size=3)


def user(text: str) -> tuple[Message, ...]:
    return (Message("user", (TextPart(text),)),)


def first_stop(text: str, stops: list[str]) -> int:
    """Where the stop begins that is complete first."""
    for end in range(len(text) + 1):
        starts = [end - len(stop) for stop in stops if text[:end].endswith(stop)]
        if starts:
            return min(starts)
    return len(text)


@given(ALPHABET, STOPS, st.integers(1, 5))
def test_text_ends_before_the_first_stop_however_it_is_split(text: str, stops: list[str], size: int) -> None:
    matcher = StopMatcher(stops)
    out = "".join(matcher.push(text[at : at + size]) for at in range(0, len(text), size))
    if not matcher.stopped:
        out += matcher.end()
    assert out == text[: first_stop(text, stops)]
    assert matcher.stopped == any(stop in text for stop in stops)


@given(ALPHABET, STOPS)
def test_only_what_could_still_become_a_stop_is_held_back(text: str, stops: list[str]) -> None:
    matcher = StopMatcher(stops)
    out = ""
    for end, letter in enumerate(text, 1):
        out += matcher.push(letter)
        if matcher.stopped:
            return
        held = text[len(out) : end]
        assert text[:end] == out + held
        assert not held or any(stop.startswith(held) for stop in stops)


def pipeline(stops: tuple[str, ...] = (), logprobs: bool = False) -> TextPipeline:
    return TextPipeline(0, ToyCodec(), [], stops, logprobs)


def text_of(events: list[object]) -> str:
    return "".join(event.text for event in events if isinstance(event, Text))


@given(st.text(max_size=40))
def test_every_text_comes_out_as_it_went_in_byte_by_byte(text: str) -> None:
    stage = pipeline()
    events = [event for byte in text.encode() for event in stage.push(Token(1, byte))]
    assert text_of(events + stage.end()) == text


@given(st.binary(max_size=60))
@settings(max_examples=200)
def test_invalid_utf8_becomes_replacement_characters(data: bytes) -> None:
    stage = pipeline()
    events = [event for byte in data for event in stage.push(Token(1, byte))]
    assert text_of(events + stage.end()) == data.decode("utf-8", "replace")


def test_an_incomplete_character_is_not_shown_before_it_is_complete() -> None:
    stage = pipeline()
    shown = [text_of(stage.push(Token(1, byte))) for byte in "\u20ac".encode()]
    assert shown == ["", "", "\u20ac"]


def test_logprob_tokens_join_to_the_visible_text() -> None:
    stage = pipeline(stops=("STOP",), logprobs=True)
    events = [event for byte in b"one SToo STOP two" for event in stage.push(Token(1, byte, None, -0.5))]
    chosen = b"".join(event.chosen.token for event in events if isinstance(event, Logprobs))
    assert text_of(events) == "one SToo "
    assert chosen.decode() == text_of(events)


def test_a_template_sees_messages_tools_and_variables() -> None:
    template = ChatTemplate(
        "{{ bos_token }}{% for m in messages %}[{{ m.role }}:{{ m.content }}]{% endfor %}"
        "{% if tools %}{{ tools | tojson }}{% endif %}{% if enable_thinking %}think{% endif %}"
        "{% if add_generation_prompt %}>{% endif %}{% generation %}!{% endgeneration %}",
        {"bos_token": "<s>"},
    )
    tool = Tool("add", "adds <two> numbers", {"type": "object", "properties": {}})
    text = template.render(user("h\u00e9"), (tool,), variables={"enable_thinking": True})
    assert text.startswith("<s>[user:h\u00e9][{")
    assert text.endswith("think>!")
    assert json.loads(text[text.index("[{") : text.rindex("]") + 1])[0]["function"]["name"] == "add"
    assert "<two>" in text


def test_tool_calls_reach_templates_as_objects() -> None:
    template = ChatTemplate("{% for c in messages[0].tool_calls %}{{ c.function.arguments.a }}{% endfor %}", {})
    message = Message("assistant", tool_calls=(ToolCall("1", "add", '{"a": 7}'),))
    assert template.render((message,)) == "7"


def test_a_template_that_refuses_is_the_client_s_mistake() -> None:
    template = ChatTemplate("{{ raise_exception('roles must alternate') }}", {})
    with pytest.raises(InvalidRequest, match="roles must alternate"):
        template.render(user("hello"))


def test_a_broken_template_refuses_chats_but_breaks_nothing() -> None:
    with pytest.raises(InvalidRequest, match="chat template"):
        ChatTemplate("{% for x in %}", {}).render(user("hello"))


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ messages.append(1) }}",
        "{{ cycler.__init__.__globals__ }}",
        "{% for x in range(10000000000) %}{% endfor %}",
        "{{ undefined_thing.attribute }}",
    ],
)
def test_a_template_cannot_reach_out_of_its_sandbox(source: str) -> None:
    with pytest.raises(InvalidRequest):
        ChatTemplate(source, {}).render(user("hello"))


def info(**fields: object) -> ModelInfo:
    known = {"context": 100, "template": TEMPLATE, "vocabulary": 259, "eos": (EOS,)}
    return ModelInfo(**{**known, **fields})


def prepare(request: ChatRequest, config: TokenConfig | None = None, **fields: object):
    return Preparation(info(**fields), ToyCodec(), config or TokenConfig()).prepare(1, request, 0.0)


def test_the_cascade_is_request_then_models_yaml_then_the_model_then_the_dialect() -> None:
    request = ChatRequest(
        model="m",
        messages=user("x"),
        sampling=Sampling(temperature=0.1),
        defaults=Sampling(temperature=0.4, top_p=0.4, top_k=4, min_p=0.4),
    )
    config = TokenConfig(temperature=0.2, top_p=0.2)
    found = prepare(request, config, defaults=Sampling(temperature=0.3, top_p=0.3, top_k=3)).sampling
    assert (found.temperature, found.top_p, found.top_k, found.min_p) == (0.1, 0.2, 3, 0.4)


def test_max_tokens_comes_from_the_request_then_models_yaml_then_the_default() -> None:
    request = ChatRequest(model="m", messages=user("x"), max_tokens=5)
    plain = ChatRequest(model="m", messages=user("x"))
    assert prepare(request, TokenConfig(max_tokens=7)).limit == 5
    assert prepare(plain, TokenConfig(max_tokens=7)).limit == 7
    assert prepare(plain, context=100000).limit == DEFAULT_MAX_TOKENS


def test_the_limit_never_exceeds_the_context() -> None:
    prepared = prepare(ChatRequest(model="m", messages=user("x"), max_tokens=5000))
    assert len(prepared.tokens) + prepared.limit == 100


def test_a_prompt_that_fills_the_context_is_refused() -> None:
    with pytest.raises(ContextExceeded, match="maximum context length is 100 tokens"):
        prepare(ChatRequest(model="m", messages=user("x" * 200)))


def test_the_first_token_is_added_once() -> None:
    raw = ChatRequest(model="m", prompt="hello")
    assert prepare(raw, bos=EOS).tokens == [EOS, *b"hello"]
    already = ChatRequest(model="m", prompt="<|eos|>hello")
    assert prepare(already, bos=EOS).tokens == [EOS, *b"hello"]


def test_marks_are_set_where_a_state_cannot_be_cut() -> None:
    messages = (Message("system", (TextPart("be brief"),)), *user("hello"))
    prepared = prepare(ChatRequest(model="m", messages=messages), trims=False)
    text = bytes(token if token < 256 else 0 for token in prepared.tokens)
    system, generation, fork = prepared.marks
    assert text[:system].endswith(b"user\n")
    assert text[generation:] == b"\x00assistant\n"
    assert fork == len(prepared.tokens) - 1
    assert prepare(ChatRequest(model="m", messages=messages)).marks == ()


def test_thinking_reaches_the_template_only_when_the_request_says_so() -> None:
    template = "{{ messages[0].content }}{% if enable_thinking is defined %}{{ enable_thinking }}{% endif %}"
    silent = ChatRequest(model="m", messages=user("x"))
    off = ChatRequest(model="m", messages=user("x"), thinking=Thinking(enabled=False))
    assert bytes(prepare(silent, template=template).tokens) == b"x"
    assert bytes(prepare(off, template=template).tokens) == b"xFalse"


def test_a_model_without_a_template_takes_raw_prompts_only() -> None:
    with pytest.raises(InvalidRequest, match="no chat template"):
        prepare(ChatRequest(model="m", messages=user("x")), template=None)
    assert prepare(ChatRequest(model="m", prompt="x"), template=None).tokens == [ord("x")]


def begun(text: str, reasoning: str | None = None, **fields: Any) -> ChatRequest:
    last = Message("assistant", (TextPart(text),), reasoning=reasoning)
    return ChatRequest(model="m", messages=(*user("hi"), last), continues=True, **fields)


@pytest.mark.parametrize(
    ("asked", "end"),
    [
        (begun("It is"), "hi<|end|>\n<|start|>assistant\nIt is"),
        (begun("It is", reasoning="So."), "<|start|>assistant\n<think>So.</think>It is"),
        (begun("It is", thinking=Thinking(enabled=True)), "<|start|>assistant\n<think></think>It is"),
    ],
)
def test_an_answer_that_has_begun_is_the_end_of_the_prompt(asked: ChatRequest, end: str) -> None:
    info = ModelInfo(context=512, template=TEMPLATE)
    assert Preparation(info, ToyCodec(), TokenConfig()).prompt_text(asked).endswith(end)


def test_a_format_whose_answers_have_headers_cannot_be_continued() -> None:
    config = TokenConfig(reasoning_format="harmony")
    preparation = Preparation(ModelInfo(context=512, template=TEMPLATE), ToyCodec(), config)
    with pytest.raises(Unsupported, match="cannot be continued"):
        preparation.prompt_text(begun("It is"))
