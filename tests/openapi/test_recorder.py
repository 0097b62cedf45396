"""A server of the tests that answers otherwise than it says fails its test."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec
import pytest

from heylook_core.dialect import Call, Reply, operation
from heylook_core.hookspecs import hookimpl
from heylook_core.pages import Pages
from heylook_core.plugins import Plugins
from heylook_core.testkit.server import LiveServer, live_server

pytestmark = pytest.mark.integration


class Promise(msgspec.Struct):
    count: int


class Liar(Pages):
    name = "liar"
    prefixes = ("/liar",)

    @operation("GET", "/liar/{how}", summary="Answer something", response=Promise)
    async def answer(self, call: Call) -> Reply:
        answers: dict[str, Any] = {
            "rightly": Reply(body=Promise(3)),
            "wrongly": Reply(body={"count": "three"}),
            "otherwise": Reply(status=418),
            "plainly": Reply(body=b"3", content_type="text/plain"),
        }
        return answers[call.params["how"]]


class Lies:
    @hookimpl
    def add_pages(self) -> list[type[Pages]]:
        return [Liar]


def ask(how: str) -> None:
    plugins = Plugins()
    plugins.add("lies", Lies())
    with live_server(plugins=plugins) as server:
        httpx.get(f"{server.url}/liar/{how}", trust_env=False)


def test_every_server_of_the_tests_is_recorded():
    assert LiveServer.recording


def test_an_answer_that_fits_is_none_of_its_business():
    ask("rightly")


@pytest.mark.parametrize(("how", "fault"), [("wrongly", "count"), ("otherwise", "418"), ("plainly", "text/plain")])
def test_an_answer_that_does_not_fit_fails_the_test(how: str, fault: str):
    with pytest.raises(AssertionError, match=fault):
        ask(how)
