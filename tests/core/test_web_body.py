"""Bodies that are not what the operation takes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from heylook_core.errors import InvalidRequest, MissingField, WrongType
from heylook_core.web.body import decode

pytestmark = pytest.mark.unit


class Inner(msgspec.Struct):
    count: int


class Body(msgspec.Struct):
    name: str
    items: list[Inner] = []
    share: float | None = None


@pytest.mark.parametrize(
    ("body", "kind", "param", "words"),
    [
        (b"", InvalidRequest, None, "no body"),
        (b"  \n", InvalidRequest, None, "no body"),
        (b"{", InvalidRequest, None, "not valid JSON"),
        (b'{"name": "x"} y', InvalidRequest, None, "trailing characters"),
        (b'{"name": "\xff"}', InvalidRequest, None, "UTF-8"),
        (b'{"name": "\\ud800"}', InvalidRequest, None, "not valid JSON"),
        (b'{"other": ' + b"[" * 50_000, InvalidRequest, None, "nested too deeply"),
        (b"[]", WrongType, None, "The body is not valid: expected `object`, got `array`."),
        (b"{}", MissingField, "name", "The required field `name` is missing."),
        (b'{"name": 1}', WrongType, "name", "The value of `name` is not valid: expected `str`, got `int`."),
        (b'{"name": "x", "items": [{}]}', MissingField, "items[0].count", "`items[0].count` is missing"),
        (b'{"name": "x", "items": [{"count": "1"}]}', WrongType, "items[0].count", "expected `int`, got `str`"),
        (b'{"name": "x", "share": 1e999}', InvalidRequest, "share", "number out of range"),
    ],
)
def test_complaint_names_the_place(body: bytes, kind: type[InvalidRequest], param: str | None, words: str):
    with pytest.raises(InvalidRequest) as caught:
        decode(msgspec.json.Decoder(Body), body)
    assert type(caught.value) is kind
    assert caught.value.param == param
    assert words in caught.value.message


def test_form_that_is_no_json_is_told_what_is_expected():
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Body)
    with pytest.raises(InvalidRequest, match="sent as multipart/form-data; this route expects a JSON object"):
        decode(decoder, b"--x", "multipart/form-data")
    assert decode(decoder, b'{"name": "x"}', "text/plain") == Body("x")
