"""Embeddings: pooling, normalisation, counts, slices and refusals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heylook_core.batching.pooling import Pool
from heylook_core.errors import ContextExceeded, InvalidRequest
from heylook_core.messages import Vectors
from heylook_core.provider import EmbedOptions
from heylook_gguf.model import GgufModel

pytestmark = pytest.mark.integration


def embed(
    model: GgufModel, *inputs: list[int], slice: int = 10_000, **options: Any
) -> tuple[np.ndarray[Any, Any], Vectors]:
    job = model.embed(inputs, EmbedOptions(**options))
    events: list[Any] = []
    while not job.done:
        events += job.advance(slice)
    (vectors,) = events
    return np.frombuffer(vectors.data, "<f4").reshape(vectors.rows, vectors.width), vectors


@pytest.fixture(scope="module")
def inputs(model: GgufModel) -> list[list[int]]:
    texts = ("the quick brown fox", "a model reads tokens and answers", "dog", "the northern woods far away from it")
    return [model.codec.encode(text) for text in texts]


@pytest.mark.parametrize("pooling", ["mean", "cls", "last", "max"])
def test_vectors_are_normalised_and_the_same_alone_and_together(
    model: GgufModel, inputs: list[list[int]], pooling: str
) -> None:
    together, vectors = embed(model, *inputs, pooling=pooling)
    assert np.linalg.norm(together, axis=1) == pytest.approx(np.ones(4), abs=1e-5)
    assert vectors.tokens == tuple(map(len, inputs))
    for row, tokens in zip(together, inputs, strict=True):
        assert row == pytest.approx(embed(model, tokens, pooling=pooling)[0][0], abs=1e-5)


def test_slices_change_nothing(model: GgufModel, inputs: list[list[int]]) -> None:
    whole = embed(model, *inputs)[0]
    for slice in (1, 3, 7):
        assert embed(model, *inputs, slice=slice)[0] == pytest.approx(whole, abs=1e-4)


def test_a_slice_is_bounded(model: GgufModel, inputs: list[list[int]]) -> None:
    job = model.embed(inputs, EmbedOptions())
    turns = 1
    while not job.done:
        job.advance(5)
        turns += 1
    assert turns > sum(map(len, inputs)) / 5


def test_poolings_differ_and_mean_is_the_default(model: GgufModel, inputs: list[list[int]]) -> None:
    by_kind = {kind: embed(model, inputs[1], pooling=kind)[0] for kind in ("mean", "cls", "last", "max")}
    default = embed(model, inputs[1])[0]
    assert default == pytest.approx(by_kind["mean"], abs=1e-6)
    assert not np.allclose(by_kind["mean"], by_kind["last"], atol=1e-3)
    assert not np.allclose(by_kind["cls"], by_kind["last"], atol=1e-3)


def test_the_file_s_own_pooling_is_the_default(
    make_model: Callable[..., Path], load: Callable[..., GgufModel], tmp_path: Path, inputs: list[list[int]]
) -> None:
    path = make_model(tmp_path / "last.gguf", extra=lambda writer: writer.add_uint32("llama.pooling_type", 3))
    model = load(path)
    assert embed(model, inputs[1])[0] == pytest.approx(embed(model, inputs[1], pooling="last")[0], abs=1e-6)
    model.close()


def test_dimensions_cut_and_renormalise(model: GgufModel, inputs: list[list[int]]) -> None:
    whole = embed(model, inputs[0])[0][0]
    short, vectors = embed(model, inputs[0], dimensions=16)
    assert vectors.width == 16
    assert short[0] == pytest.approx(whole[:16] / np.linalg.norm(whole[:16]), abs=1e-5)
    with pytest.raises(InvalidRequest):
        embed(model, inputs[0], dimensions=10**6)


def test_an_input_that_is_too_long_is_refused_unless_truncation_is_asked_for(model: GgufModel) -> None:
    long = [20 + index % 300 for index in range(model.info.context + 50)]
    with pytest.raises(ContextExceeded):
        embed(model, long)
    cut, vectors = embed(model, long, truncate=True)
    assert vectors.tokens == (model.info.context,)
    assert cut == pytest.approx(embed(model, long[: model.info.context])[0], abs=1e-5)


def test_an_empty_input_is_refused(model: GgufModel) -> None:
    with pytest.raises(InvalidRequest):
        embed(model, [])


def test_chat_goes_on_beside_embeddings(model: GgufModel, inputs: list[list[int]]) -> None:
    from heylook_core.engine import Budget, SequenceTask, Token
    from heylook_core.messages import SamplerSettings

    engine = model.lanes()[0]

    def answer(beside: bool) -> list[int]:
        engine.insert(SequenceTask(1, inputs[1], limit=10, sampling=SamplerSettings(temperature=0.0)))
        ids: list[int] = []
        while len(ids) < 10:
            ids += [out.id for out in engine.step(Budget(4)) if isinstance(out, Token)]
            if beside:
                embed(model, *inputs)
        engine.remove(1, keep=False)
        return ids

    assert answer(beside=True) == answer(beside=False)


@pytest.mark.parametrize("kind", ["mean", "cls", "last", "max"])
def test_pooling_in_pieces_is_pooling_at_once(kind: Any) -> None:
    rows = np.random.default_rng(0).standard_normal((9, 5)).astype(np.float32)
    expected = {"mean": rows.mean(0), "cls": rows[0], "last": rows[-1], "max": rows.max(0)}[kind]
    pool = Pool(kind)
    for piece in (rows[:2], rows[2:3], rows[3:]):
        pool.add(piece)
    assert pool.take() == pytest.approx(expected, abs=1e-6)


# ---------------------------------------------------------------------- encoders


@pytest.fixture(scope="module")
def bert(
    upstream: Path, tmp_path_factory: pytest.TempPathFactory, load: Callable[..., GgufModel]
) -> Iterator[GgufModel]:
    """A tiny BERT of random weights with a real tokenizer: attends in both directions, has no KV cache."""
    import gguf

    path = tmp_path_factory.mktemp("bert") / "bert.gguf"
    writer = gguf.GGUFWriter(str(path), "bert")
    writer.add_context_length(128)
    writer.add_embedding_length(64)
    writer.add_block_count(1)
    writer.add_feed_forward_length(256)
    writer.add_head_count(4)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.CLS)
    reader = gguf.GGUFReader(str(upstream / "ggml-vocab-bert-bge.gguf"))
    for key, field in reader.fields.items():
        if key.startswith("tokenizer."):
            writer.add_key_value(key, field.contents(), field.types[0], *field.types[1:2])
    add_encoder(writer, len(reader.fields["tokenizer.ggml.tokens"].data))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    loaded = load(path, n_ctx=128)
    yield loaded
    loaded.close()


def add_encoder(writer: Any, vocabulary: int) -> None:
    random = np.random.default_rng(0)
    shapes = {"token_embd": (vocabulary, 64), "token_types": (2, 64), "position_embd": (128, 64)}
    square = ("attn_q", "attn_k", "attn_v", "attn_output")
    layer = {**dict.fromkeys(square, (64, 64)), "ffn_up": (256, 64), "ffn_down": (64, 256)}
    for name, shape in {**shapes, **{f"blk.0.{name}": shape for name, shape in layer.items()}}.items():
        writer.add_tensor(f"{name}.weight", (random.standard_normal(shape) / np.sqrt(shape[1])).astype(np.float32))
        if name.startswith("blk"):
            writer.add_tensor(f"{name}.bias", np.zeros(shape[0], np.float32))
    for name in ("token_embd_norm", "blk.0.attn_output_norm", "blk.0.layer_output_norm"):
        writer.add_tensor(f"{name}.weight", np.ones(64, np.float32))
        writer.add_tensor(f"{name}.bias", np.zeros(64, np.float32))


def test_an_encoder_embeds_and_does_nothing_else(bert: GgufModel) -> None:
    assert bert.info.capabilities == ("embed",)
    assert bert.lanes() == []


def test_an_encoder_gets_its_framing_tokens_and_they_are_counted(bert: GgufModel) -> None:
    ids = bert.codec.encode("hello world")
    _, vectors = embed(bert, ids, ids[:1])
    assert vectors.tokens == (4, 3)
    assert embed(bert, [101, *ids, 102])[1] == embed(bert, ids)[1]


def test_an_encoder_sees_an_input_whole_whatever_the_slice(bert: GgufModel) -> None:
    inputs = [bert.codec.encode(text) for text in ("hello world", "a longer text about the northern woods")]
    together = embed(bert, *inputs)[0]
    assert embed(bert, *inputs, slice=1)[0] == pytest.approx(together, abs=1e-6)
    assert not np.allclose(together[0], embed(bert, inputs[0], pooling="mean")[0][0], atol=1e-3)


def test_truncation_keeps_the_end_token(bert: GgufModel) -> None:
    ids = bert.codec.encode("hello world") * 90
    cut, vectors = embed(bert, ids, truncate=True)
    assert vectors.tokens == (128,)
    assert cut == pytest.approx(embed(bert, ids[:126])[0], abs=1e-6)
