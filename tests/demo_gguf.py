"""The GGUF demo model behind a server process of its own, or whatever model serves at an address."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import openai

from heylook_core.settings import ModelEntry, ServerSettings, Settings
from heylook_core.testkit.server import server_process

MODEL = "heylook-demo-gguf"


def settings(**config: Any) -> Settings:
    """A server with the GGUF demo model only, on any free port; `config` is the model's."""
    import heylook_demo_model

    known = {"model_path": str(heylook_demo_model.gguf_path()), "n_gpu_layers": 0, **config}
    return Settings(models=(ModelEntry(id=MODEL, provider="gguf", config=known),), server=ServerSettings(port=0))


class Demo:
    """A server to try, through the official client. Any thread."""

    def __init__(self, url: str, model: str) -> None:
        self.model = model
        self.http = httpx.Client(base_url=url, timeout=600)
        self.client = openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0, timeout=600)

    def ask(self, messages: list[Any], **more: Any) -> str:
        """A greedy answer's text."""
        answer = self.client.chat.completions.create(model=self.model, messages=messages, temperature=0, **more)
        return answer.choices[0].message.content or ""

    def ask_streamed(self, messages: list[Any], **more: Any) -> str:
        with self.client.chat.completions.create(
            model=self.model, messages=messages, temperature=0, stream=True, **more
        ) as stream:
            return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)

    def at_once(self, asked: Sequence[Callable[[], str]]) -> list[str]:
        """The answers of all, each asked in a thread of its own."""
        with ThreadPoolExecutor(len(asked)) as pool:
            return [waiting.result() for waiting in [pool.submit(one) for one in asked]]

    def in_flight(self) -> int:
        states = self.http.get("/health").json()["models"]
        return sum(state["in_flight"] for state in states if state["id"] == self.model)

    def close(self) -> None:
        self.http.close()
        self.client.close()


@contextlib.contextmanager
def demo_at(url: str | None = None, model: str | None = None) -> Iterator[Demo]:
    """The server at `url` with `model` (its first one if none is named); without `url` one that is started here."""
    with contextlib.ExitStack() as stack:
        if url is None:
            url, model = stack.enter_context(server_process(settings())).url, MODEL
        elif model is None:
            model = str(httpx.get(f"{url}/v1/models").json()["data"][0]["id"])
        demo = Demo(url, model)
        stack.callback(demo.close)
        yield demo


def run_checks(demo: Demo, checks: Sequence[Callable[[Demo], None]]) -> int:
    """Each check on a line of standard output; 1 if one failed."""
    failed = 0
    for check in checks:
        words = check.__name__.removeprefix("test_").replace("_", " ")
        try:
            check(demo)
            sys.stdout.write(f"ok      {words}\n")
        except (AssertionError, httpx.HTTPError, openai.OpenAIError) as error:
            failed += 1
            sys.stdout.write(f"FAILED  {words}: {error}\n")
    return 1 if failed else 0
