"""A change that is made in a text which differs from the one it was found in."""

from __future__ import annotations

import pytest

from heylook_core.catalog.patching import patched

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("original", "plain", "changed", "expected"),
    [
        ("a\nb\n", "a\nb\n", "a\nx\nb\n", "a\nx\nb\n"),
        ("a   # c\nb\n", "a # c\nb\n", "a # c\nb\nx\n", "a   # c\nb\nx\n"),
        ("a\r\nb\r\n", "a\nb\n", "a\nx\nb\n", "a\r\nx\r\nb\r\n"),
        ("---\na\n", "a\n", "x\na\n", "x\n---\na\n"),
        ("a\nb", "a\nb\n", "a\nb\nx\n", "a\nb\nx\n"),
        ("a\nb", "a\nb\n", "x\na\nb\n", "x\na\nb"),
        ("a  1\nb\nc\n", "a 1\nb\nc\n", "a 1\nB\nx\nc\n", "a  1\nB\nx\nc\n"),
    ],
)
def test_what_does_not_change_stays(original: str, plain: str, changed: str, expected: str) -> None:
    assert patched(original, plain, changed) == expected


@pytest.mark.parametrize(
    ("original", "plain", "changed"),
    [("a  1\nb\n", "a 1\nb\n", "a 2\nb\n"), ("a\nb  1\nc  1\nd\n", "a\nb 1\nc 1\nd\n", "a\nb 1\nx\nc 1\nd\n")],
)
def test_a_change_whose_place_cannot_be_told_is_not_made(original: str, plain: str, changed: str) -> None:
    assert patched(original, plain, changed) is None
