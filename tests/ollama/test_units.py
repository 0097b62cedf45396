"""Options, durations, names, pairing of tool results: the tables, without a server."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heylook_api_ollama.config import config_of
from heylook_api_ollama.conversation import conversation
from heylook_api_ollama.memory import recalled, remembered
from heylook_api_ollama.names import listed_name
from heylook_api_ollama.options import NO_LIMIT, options_of
from heylook_api_ollama.schema import OllamaCalledFunction, OllamaMessage, OllamaToolCall
from heylook_api_ollama.times import keep_alive_seconds, moment, nanoseconds
from heylook_core.errors import ConfigError, InvalidRequest
from heylook_core.messages import Message, TextPart

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        (0, 0),
        (300, 300),
        (1.5, 1.5),
        (-1, math.inf),
        ("5m", 300),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("0", 0),
        ("0s", 0),
        ("-1", math.inf),
        ("-1s", math.inf),
        ("-1m", math.inf),
        ("300", 300),
        ("100ms", 0.1),
        ("+2s", 2),
        ("24h", 86400),
    ],
)
def test_keep_alive_in_every_form(value: Any, seconds: float | None):
    assert keep_alive_seconds(value) == (seconds if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize("value", ["", "m", "5 m", "5d", "1h30", "--1s", "5m!", True, False, "1" * 200 + "s"])
def test_what_is_no_duration_is_refused(value: Any):
    with pytest.raises(InvalidRequest, match="keep_alive"):
        keep_alive_seconds(value)


def test_nanoseconds_are_whole_and_moments_can_be_parsed():
    assert nanoseconds(1.5) == 1_500_000_000
    assert nanoseconds(-1e-12) == 0
    assert moment(0.25) == "1970-01-01T00:00:00.250000Z"
    assert datetime.fromisoformat(moment(0.25)).timestamp() == 0.25


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("num_ctx", "4096", 'option "num_ctx" must be of type integer'),
        ("num_ctx", True, 'option "num_ctx" must be of type integer'),
        ("num_ctx", 1 << 31, "must lie between"),
        ("num_ctx", 1e300, "must lie between"),
        ("num_predict", 1 << 40, "must lie between"),
        ("temperature", "hot", 'option "temperature" must be of type float'),
        ("temperature", math.inf, "must be of type float"),
        ("stop", [1], "must be of type array"),
        ("stop", {"a": 1}, "must be of type array"),
        ("repeat_penalty", 0, "must be greater than 0"),
        ("seed", [], "must be of type integer"),
    ],
)
def test_option_of_a_wrong_type_is_refused_in_ollamas_words(name: str, value: Any, words: str):
    with pytest.raises(InvalidRequest, match=words):
        options_of({name: value})


def test_options_are_coerced():
    found = options_of({"num_ctx": 8192.7, "num_predict": -2, "seed": -1, "stop": "x", "top_k": -1, "top_p": 1.5})
    assert (found.context, found.max_tokens, found.stop) == (8192, NO_LIMIT, ("x",))
    assert (found.sampling.seed, found.sampling.top_k, found.sampling.top_p) == (None, 0, 1.0)
    assert options_of({"num_ctx": 1}).context == 4
    assert options_of({"num_ctx": 0}).context is None
    assert options_of(None) == options_of({}) == options_of(dict.fromkeys(("top_k", "nonsense")))


@given(
    st.dictionaries(
        st.text(), st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text())
    )
)
def test_any_options_are_read_or_refused_and_warnings_fit_a_header(options: dict[str, Any]):
    try:
        warnings = options_of(options).warnings
    except InvalidRequest:
        return
    assert all(warning.isascii() and warning.isprintable() for warning in warnings)
    assert sum(map(len, warnings)) < 4000


def test_names_are_listed_with_a_tag():
    assert listed_name("toy") == "toy:latest"
    assert listed_name("toy:7b") == "toy:7b"
    assert listed_name("host:80/org/toy") == "host:80/org/toy:latest"


def calls(*named: tuple[str, str | None]) -> OllamaMessage:
    found = [OllamaToolCall(OllamaCalledFunction(name, {"b": 1, "a": 2}), id_) for name, id_ in named]
    return OllamaMessage(role="assistant", tool_calls=found)


def result(**fields: Any) -> OllamaMessage:
    return OllamaMessage(role="tool", content="ok", **fields)


def paired(*messages: OllamaMessage) -> list[tuple[str | None, str | None]]:
    return [(one.tool_call_id, one.name) for one in conversation(messages) if one.role == "tool"]


def test_results_are_paired_by_id_then_name_then_position():
    asked = calls(("f", "call_a"), ("g", "call_b"))
    assert paired(asked, result(tool_call_id="call_b"), result()) == [("call_b", "g"), ("call_a", "f")]
    assert paired(asked, result(tool_name="g"), result(tool_name="f")) == [("call_b", "g"), ("call_a", "f")]
    assert paired(asked, result(), result()) == [("call_a", "f"), ("call_b", "g")]
    assert paired(asked, result(), result(), result()) == [("call_a", "f"), ("call_b", "g"), (None, None)]


def test_ids_are_made_where_none_were_sent_and_are_the_same_the_next_time():
    talk = (
        calls(("f", None), ("f", None)),
        result(tool_call_id="gone"),
        result(tool_name="f"),
        calls(("g", None)),
        result(),
    )
    assert paired(*talk) == paired(*talk) == [("call_00000000", "f"), ("call_00000001", "f"), ("call_00000002", "g")]


def test_arguments_keep_their_order_and_content_may_be_missing():
    [message] = conversation([calls(("f", None))])
    assert message.tool_calls[0].arguments == '{"b":1,"a":2}'
    assert message.content == ()


def test_roles_are_lower_cased_and_others_refused():
    assert conversation([OllamaMessage(role="USER", content="x")])[0].role == "user"
    with pytest.raises(InvalidRequest, match=r"messages\[0\].role"):
        conversation([OllamaMessage(role="robot", content="x")])


@given(st.lists(st.tuples(st.sampled_from(["system", "user", "assistant"]), st.text())), st.text())
def test_what_is_remembered_is_recalled(said: list[tuple[Any, str]], answer: str):
    messages = tuple(Message(role, (TextPart(text),)) for role, text in said)
    numbers = remembered(messages, answer)
    assert recalled(numbers) == (*messages, Message("assistant", (TextPart(answer),)))
    assert all(0 <= number < 2**31 for number in numbers)


@pytest.mark.parametrize("given_", [{"version": "heylook 1"}, {"version": "1.2"}, {"nope": 1}])
def test_settings_of_the_dialect_are_checked(given_: dict[str, Any]):
    with pytest.raises(ConfigError, match=r"dialects\.ollama"):
        config_of({"ollama": given_})
