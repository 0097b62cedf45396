"""Embeddings without a server: the provider is loaded here and asked directly.

By pytest, and as a command: `python tests/test_embeddings_direct.py [PROVIDER MODEL_PATH]`. Without arguments it
takes the demo model on every installed engine.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
import pytest

from heylook_core.errors import ContextExceeded, InvalidRequest
from heylook_core.messages import Vectors
from heylook_core.plugins import PROVIDERS, Plugins
from heylook_core.provider import EmbedOptions, Model, ModelSpec
from heylook_core.testkit.models import installed_models, with_context

pytestmark = pytest.mark.integration

TEXTS = ("The capital of France is Paris.", "A plugin adds a backend.", "What is a token?")


@contextlib.contextmanager
def loaded(provider: str, config: dict[str, Any]) -> Iterator[Model]:
    kind = Plugins().load(PROVIDERS, provider)
    made = kind(ModelSpec(id="m", provider=provider, config=config), msgspec.convert(config, kind.Config))
    model = made.load()
    try:
        yield model
    finally:
        model.close()
        made.close()


@pytest.fixture(scope="module", params=["mlx", "gguf", "toy"])
def model(request: pytest.FixtureRequest) -> Iterator[Model]:
    entries = installed_models((request.param,))
    if not entries:
        pytest.skip(f"the provider {request.param} and its demo model are not installed")
    with loaded(request.param, with_context(entries[0], 512).config) as found:
        yield found


def embed(model: Model, inputs: Sequence[list[int]], slice: int = 4096, **options: Any) -> np.ndarray:
    """Rows, computed in slices of about so many tokens."""
    job = model.embed(inputs, EmbedOptions(**options))
    events: list[Any] = []
    while not job.done:
        events += job.advance(slice)
    (vectors,) = [event for event in events if isinstance(event, Vectors)]
    return np.frombuffer(vectors.data, "<f4").reshape(vectors.rows, vectors.width)


def encoded(model: Model) -> list[list[int]]:
    return [model.codec.encode(text) for text in TEXTS]


def test_the_model_says_that_it_embeds(model: Model):
    assert "embed" in model.info.capabilities


def test_vectors_have_length_one(model: Model):
    rows = embed(model, encoded(model))
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(len(TEXTS)), abs=1e-4)


def test_slices_and_company_change_nothing(model: Model):
    inputs = encoded(model)
    whole = embed(model, inputs)
    assert embed(model, inputs, slice=3) == pytest.approx(whole, abs=1e-3)
    for tokens, row in zip(inputs, whole, strict=True):
        assert embed(model, [tokens])[0] == pytest.approx(row, abs=1e-3)


def test_dimensions_cut_and_renormalise(model: Model):
    inputs = encoded(model)[:1]
    whole, short = embed(model, inputs)[0], embed(model, inputs, dimensions=16)[0]
    assert short == pytest.approx(whole[:16] / np.linalg.norm(whole[:16]), abs=1e-3)
    with pytest.raises(InvalidRequest):
        embed(model, inputs, dimensions=1_000_000)


def test_what_is_too_long_or_empty_is_refused(model: Model):
    long = (encoded(model)[0] * (model.info.context // 4))[: model.info.context + 10]
    with pytest.raises(ContextExceeded):
        embed(model, [long])
    with pytest.raises(InvalidRequest):
        embed(model, [[]])
    assert embed(model, [long], truncate=True).shape[0] == 1


def main(arguments: Sequence[str]) -> int:
    if arguments:
        provider, path = arguments
        wanted = [(provider, {"model_path": path})]
    else:
        wanted = [
            (entry.provider, with_context(entry, 512).config) for entry in installed_models(("mlx", "gguf", "toy"))
        ]
    for provider, config in wanted:
        with loaded(provider, config) as model:
            for name, test in sorted(globals().items()):
                if name.startswith("test_") and inspect.isfunction(test):
                    test(model)
                    print(f"ok  {provider}  {name.removeprefix('test_').replace('_', ' ')}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
