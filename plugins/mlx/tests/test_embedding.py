"""Embeddings: hidden states, pooling, normalisation, slices, and refusals."""

from __future__ import annotations

import json

import numpy as np
import pytest

from heylook_core.errors import ContextExceeded, InvalidRequest
from heylook_core.provider import EmbedOptions

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def model(llama, provider_of):
    provider = provider_of(llama, context=256)
    loaded = provider.load()
    yield loaded
    loaded.close()  # not the provider: that is a thread's last act with MLX, and this thread has more tests to run


@pytest.fixture(scope="module")
def inputs(model):
    texts = ("def load", "import json and then return what was found in it", "x", "a reader of bytes and of text")
    return [model.codec.encode(text) for text in texts]


def embed(model, *inputs, slice=10_000, **options):
    job = model.embed(inputs, EmbedOptions(**options))
    events = []
    while not job.done:
        events += job.advance(slice)
    (vectors,) = events
    return np.frombuffer(vectors.data, "<f4").reshape(vectors.rows, vectors.width), vectors


@pytest.mark.parametrize("pooling", ["mean", "cls", "last", "max"])
def test_vectors_are_normalised_and_the_same_alone_and_together(model, inputs, pooling):
    together, vectors = embed(model, *inputs, pooling=pooling)
    assert np.linalg.norm(together, axis=1) == pytest.approx(np.ones(4), abs=1e-5)
    assert vectors.tokens == tuple(map(len, inputs))
    for row, tokens in zip(together, inputs, strict=True):
        assert row == pytest.approx(embed(model, tokens, pooling=pooling)[0][0], abs=1e-4)


@pytest.mark.parametrize("slice", [1, 3, 7])
def test_slices_change_nothing(model, inputs, slice):
    assert embed(model, *inputs, slice=slice)[0] == pytest.approx(embed(model, *inputs)[0], abs=1e-4)


def test_a_slice_is_bounded(model, inputs):
    job = model.embed(inputs, EmbedOptions())
    turns = 0
    while not job.done:
        job.advance(5)
        turns += 1
    assert turns >= sum(map(len, inputs)) / 5


def test_a_vector_depends_on_the_order_of_words(model):
    one, other = (embed(model, model.codec.encode(text))[0] for text in ("a reader of text", "text of a reader"))
    assert not np.allclose(one, other, atol=1e-3)


def test_mean_is_the_default_and_the_folder_may_say_otherwise(model, inputs, llama, provider_of, tmp_path):
    assert embed(model, inputs[1])[0] == pytest.approx(embed(model, inputs[1], pooling="mean")[0], abs=1e-6)
    folder = tmp_path / "pooled"
    folder.mkdir()
    for file in llama.iterdir():
        (folder / file.name).symlink_to(file)
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_lasttoken": True}))
    provider = provider_of(folder)
    pooled = provider.load()
    assert embed(pooled, inputs[1])[0] == pytest.approx(embed(model, inputs[1], pooling="last")[0], abs=1e-5)
    pooled.close()


def test_dimensions_cut_and_renormalise(model, inputs):
    whole = embed(model, inputs[0])[0][0]
    short, vectors = embed(model, inputs[0], dimensions=16)
    assert vectors.width == 16
    assert short[0] == pytest.approx(whole[:16] / np.linalg.norm(whole[:16]), abs=1e-5)
    with pytest.raises(InvalidRequest):
        embed(model, inputs[0], dimensions=100_000)


def test_an_input_that_is_too_long_is_refused_unless_truncation_is_asked_for(model):
    long = [20 + index % 300 for index in range(300)]
    with pytest.raises(ContextExceeded):
        embed(model, long)
    cut, vectors = embed(model, long, truncate=True)
    assert vectors.tokens == (256,)
    assert cut == pytest.approx(embed(model, long[:256])[0], abs=1e-5)
    with pytest.raises(InvalidRequest):
        embed(model, [])


def test_the_capability_is_declared(model):
    assert "embed" in model.info.capabilities
    assert model.info.details["embedding_length"] == 128
