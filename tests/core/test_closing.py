"""Every beginning of a JSON text can be brought to an end, and says what it said."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heylook_core.text.closing import JsonEnding

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(), inside, max_size=4),
    max_leaves=12,
)


def ended(data: bytes) -> str | None:
    ending = JsonEnding()
    ending.push(data)
    return ending.text()


@given(st.dictionaries(st.text(), VALUES, max_size=5), st.booleans(), st.sampled_from([None, 1]), st.data())
def test_any_beginning_of_an_object_can_be_ended(
    value: dict[str, Any], ascii_only: bool, indent: int | None, data: st.DataObject
):
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    cut = text[: data.draw(st.integers(0, len(text)))]
    ending = ended(cut.encode())
    assert ending is not None
    assert isinstance(json.loads(cut + ending), dict)


@given(st.dictionaries(st.text(), VALUES, max_size=5))
def test_a_whole_text_needs_no_end(value: dict[str, Any]):
    assert ended(json.dumps(value).encode()) == ""


@pytest.mark.parametrize(
    ("begun", "rest"),
    [
        ("", "{}"),
        ("{", "}"),
        ('{"a', '":null}'),
        ('{"a"', ":null}"),
        ('{"a": ', "null}"),
        ('{"a": [1, ', "null]}"),
        ('{"a": [', "]}"),
        ('{"a": -', "0}"),
        ('{"a": 1.', "0}"),
        ('{"a": 1e+', "0}"),
        ('{"a": tr', "ue}"),
        ('{"a": "x\\', '\\"}'),
        ('{"a": "x\\u12', '00"}'),
        ('{"a": 1, ', '"":null}'),
    ],
)
def test_the_end_is_a_short_one(begun: str, rest: str):
    assert ended(begun.encode()) == rest


@pytest.mark.parametrize("text", ["<tool_call>", "x", "{]", '{"a" 1', "{}}", "{1", "[1,]", '{"a":1,}', "{} x"])
def test_what_is_no_json_has_no_end(text: str):
    assert ended(text.encode()) is None
