"""A walk through the API of a server, as a client sees it.

By pytest, and as a command: `python tests/test_api.py [URL [MODEL]]`. Without a URL it starts its own server with
the toy model; with one it uses what runs there, and the default model unless one is named.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Iterator, Sequence

import httpx
import openai
import pytest

from heylook_core.testkit.server import live_server

pytestmark = pytest.mark.integration


class Api:
    """A server to try: its address, a model, and clients."""

    def __init__(self, url: str, model: str | None) -> None:
        self.http = httpx.Client(base_url=url, timeout=600)
        self.client = openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0, timeout=600)
        self.model = model or next(iter(self.client.models.list())).id

    def close(self) -> None:
        self.http.close()
        self.client.close()


@contextlib.contextmanager
def api_at(url: str | None = None, model: str | None = None) -> Iterator[Api]:
    with contextlib.ExitStack() as stack:
        if url is None:
            url, model = stack.enter_context(live_server()).url, "toy"
        made = Api(url, model)
        stack.callback(made.close)
        yield made


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with api_at() as made:
        yield made


def test_server_is_healthy(api: Api):
    assert api.http.get("/health").json()["status"] == "ok"


def test_models_are_listed_and_described(api: Api):
    assert api.model in [model.id for model in api.client.models.list()]
    assert api.client.models.retrieve(api.model).id == api.model


def test_question_gets_an_answer(api: Api):
    answer = api.client.chat.completions.create(
        model=api.model, messages=[{"role": "user", "content": "Say hello."}], max_tokens=16
    )
    assert answer.choices[0].message.content
    assert answer.usage is not None
    assert 0 < answer.usage.completion_tokens <= 16


def test_stream_adds_up_to_an_answer_with_usage(api: Api):
    pieces = list(
        api.client.chat.completions.create(
            model=api.model,
            messages=[{"role": "user", "content": "Say hello."}],
            max_tokens=16,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
    assert pieces[-1].usage is not None
    assert pieces[-2].choices[0].finish_reason in ("stop", "length")


def test_greedy_answer_is_the_same_twice(api: Api):
    def ask() -> str | None:
        answer = api.client.chat.completions.create(
            model=api.model, messages=[{"role": "user", "content": "Count."}], max_tokens=12, temperature=0
        )
        return answer.choices[0].message.content

    assert ask() == ask()


def test_mistakes_get_their_status(api: Api):
    with pytest.raises(openai.NotFoundError):
        api.client.chat.completions.create(model="no/such", messages=[{"role": "user", "content": "x"}])
    with pytest.raises(openai.BadRequestError):
        api.client.chat.completions.create(model=api.model, messages=[])
    assert api.http.post("/v1/chat/completions", content=b"{").status_code == 400
    assert api.http.get("/v1/nope").status_code == 404
    assert api.http.get("/v1/chat/completions").status_code == 405


def main(arguments: Sequence[str]) -> int:
    failed = 0
    with api_at(*arguments[:2]) as made:
        for name, check in list(globals().items()):
            if name.startswith("test_") and inspect.isfunction(check):
                words = name.removeprefix("test_").replace("_", " ")
                try:
                    check(made)
                    sys.stdout.write(f"ok      {words}\n")
                except (AssertionError, httpx.HTTPError, openai.OpenAIError) as error:
                    failed += 1
                    sys.stdout.write(f"FAILED  {words}: {error}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
