"""Embeddings as a client gets them, over HTTP.

By pytest, and as a command: `python tests/test_embeddings.py [URL [MODEL]]`. Without a URL it starts its own server
with the demo model on every installed engine, and the toy model.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Iterator, Sequence

import numpy as np
import openai
import pytest

from heylook_core.settings import ServerSettings, Settings
from heylook_core.testkit.models import installed_models, with_context
from heylook_core.testkit.server import live_server

pytestmark = pytest.mark.integration

TEXTS = ("The capital of France is Paris.", "A plugin adds a backend.", "What is a token?")


class Subject:
    """One model of a server."""

    def __init__(self, client: openai.OpenAI, model: str) -> None:
        self.client = client
        self.model = model

    def vectors(self, *texts: str, **fields: object) -> np.ndarray:
        found = self.client.embeddings.create(model=self.model, input=list(texts), extra_body=fields)
        assert [row.index for row in found.data] == list(range(len(texts)))
        return np.array([row.embedding for row in found.data], dtype=np.float32)


@contextlib.contextmanager
def client_at(url: str | None) -> Iterator[openai.OpenAI]:
    with contextlib.ExitStack() as stack:
        if url is None:
            models = [with_context(entry, 512) for entry in installed_models(("mlx", "gguf", "toy"))]
            settings = Settings(max_loaded_models=len(models), models=tuple(models), server=ServerSettings(port=0))
            url = stack.enter_context(live_server(settings)).url
        yield stack.enter_context(openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0, timeout=600))


@pytest.fixture(scope="module")
def client() -> Iterator[openai.OpenAI]:
    with client_at(None) as made:
        yield made


@pytest.fixture(scope="module", params=["mlx", "gguf", "toy"])
def subject(request: pytest.FixtureRequest, client: openai.OpenAI) -> Subject:
    if request.param not in [model.id for model in client.models.list()]:
        pytest.skip(f"no model of the provider {request.param} is served here")
    return Subject(client, request.param)


def test_vectors_have_length_one(subject: Subject):
    assert np.linalg.norm(subject.vectors(*TEXTS), axis=1) == pytest.approx(np.ones(3), abs=1e-4)


def test_a_text_has_the_same_vector_alone_and_among_others(subject: Subject):
    together = subject.vectors(*TEXTS)
    for row, text in zip(together, TEXTS, strict=True):
        assert subject.vectors(text)[0] == pytest.approx(row, abs=1e-3)


def test_different_texts_have_different_vectors(subject: Subject):
    rows = subject.vectors(*TEXTS)
    likeness = rows @ rows.T
    assert likeness[0, 1] < 0.999
    assert likeness[0, 2] < 0.999


def test_numbers_and_base64_are_the_same(subject: Subject):
    plain = subject.client.embeddings.create(model=subject.model, input=TEXTS[0], encoding_format="float")
    assert np.array(plain.data[0].embedding) == pytest.approx(subject.vectors(TEXTS[0])[0], abs=1e-3)


def test_dimensions_cut_and_renormalise(subject: Subject):
    whole = subject.vectors(TEXTS[0])[0]
    short = subject.vectors(TEXTS[0], dimensions=16)[0]
    assert short == pytest.approx(whole[:16] / np.linalg.norm(whole[:16]), abs=1e-3)
    with pytest.raises(openai.BadRequestError):
        subject.vectors(TEXTS[0], dimensions=1_000_000)


def test_token_ids_are_embedded_as_their_text_is(subject: Subject):
    ids = subject.client.post("/tokenize", body={"model": subject.model, "prompt": TEXTS[0]}, cast_to=dict)["tokens"]
    found = subject.client.embeddings.create(model=subject.model, input=ids)
    assert np.array(found.data[0].embedding) == pytest.approx(subject.vectors(TEXTS[0])[0], abs=1e-3)
    assert found.usage.prompt_tokens >= len(ids)


def test_usage_counts_tokens(subject: Subject):
    usage = [subject.client.embeddings.create(model=subject.model, input=text).usage for text in ("a", "a " * 40)]
    assert 0 < usage[0].prompt_tokens < usage[1].prompt_tokens
    assert usage[0].prompt_tokens == usage[0].total_tokens


def test_an_input_that_is_too_long_is_refused_unless_truncation_is_asked_for(subject: Subject):
    long = "word " * 40_000
    with pytest.raises(openai.BadRequestError) as refused:
        subject.vectors(long)
    assert (refused.value.code, refused.value.param) == ("context_length_exceeded", "input")
    assert subject.vectors(long, truncate=True).shape[0] == 1


def test_an_empty_input_is_refused(subject: Subject):
    for nothing in ("", [], [""], [[]]):
        with pytest.raises(openai.BadRequestError) as refused:
            subject.client.embeddings.create(model=subject.model, input=nothing)
        assert (refused.value.param or "").startswith("input")


def main(arguments: Sequence[str]) -> int:
    url = arguments[0].rstrip("/") if arguments else None
    with client_at(url) as client:
        models = arguments[1:] or [model.id for model in client.models.list()]
        for subject in (Subject(client, model) for model in models):
            for name, test in sorted(globals().items()):
                if name.startswith("test_") and inspect.isfunction(test):
                    test(subject)
                    print(f"ok  {subject.model}  {name.removeprefix('test_').replace('_', ' ')}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
