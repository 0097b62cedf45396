"""Weights on their way to both engines: float16 of what was trained, one model for MLX and llama.cpp; no torch here."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tokenizers", reason="tokenizers comes with heylook-mlx")
pytest.importorskip("safetensors", reason="safetensors comes with heylook-mlx")
pytest.importorskip("gguf", reason="gguf writes the file for llama.cpp")

from tools.demo_model.cases import VALIDATION_FILE, read
from tools.demo_model.evaluate import LlamaCpp, Mlx, prompt_of
from tools.demo_model.export import NAME, Weights, export, read_mlx
from tools.demo_model.shape import Shape
from tools.demo_model.tokenizer import learned

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

SHAPE = Shape(width=64, layers=2, heads=2, kv_heads=1, feed_forward=64)


def random_weights(shape: Shape) -> Weights:
    chance = np.random.default_rng(5)

    def matrix(rows: int, columns: int) -> np.ndarray:
        return chance.normal(0, columns**-0.5, (rows, columns)).astype(np.float16)

    keys = shape.kv_heads * shape.head_size
    queries = shape.heads * shape.head_size
    rows_and_columns = {
        "q": (queries, shape.width),
        "k": (keys, shape.width),
        "v": (keys, shape.width),
        "o": (shape.width, queries),
        "gate": (shape.feed_forward, shape.width),
        "up": (shape.feed_forward, shape.width),
        "down": (shape.width, shape.feed_forward),
    }
    found = {"embedding.weight": matrix(shape.vocabulary, shape.width), "norm.weight": np.ones(shape.width, np.float16)}
    for layer in range(shape.layers):
        for name, size in rows_and_columns.items():
            found[f"blocks.{layer}.{name}.weight"] = matrix(*size)
        for name in ("attention_norm", "feed_forward_norm"):
            found[f"blocks.{layer}.{name}.weight"] = np.ones(shape.width, np.float16)
    return found


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    export(random_weights(SHAPE), learned(count=1500), SHAPE, folder)
    return folder


def test_the_weights_are_as_many_as_the_shape_says():
    assert sum(one.size for one in random_weights(SHAPE).values()) == SHAPE.parameters()


def test_what_is_written_is_read_again(written: Path):
    weights, tokenizer = read_mlx(written / "mlx", SHAPE)
    wanted = random_weights(SHAPE)
    assert weights.keys() == wanted.keys()
    assert all(np.array_equal(weights[name], wanted[name]) for name in wanted)
    assert tokenizer.to_str() == learned(count=1500).to_str()


@pytest.mark.skipif(any(find_spec(name) is None for name in ("llama_cpp", "mlx_lm")), reason="needs both engines")
def test_both_engines_load_it_and_write_the_same(written: Path):
    engines = [LlamaCpp(written / f"{NAME}-f16.gguf", 1), Mlx(written / "mlx")]
    for case in read(VALIDATION_FILE)[::150]:
        prompt = prompt_of(case)
        first, second = ([engine.tokens(prompt), engine.answer(prompt)[:20]] for engine in engines)
        assert first == second
    assert LlamaCpp(written / f"{NAME}-q8_0.gguf", 1).answer("x")
