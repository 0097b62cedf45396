"""Architectures whose KV state cannot be cut, with random weights: exact prefixes or nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heylook_core.settings import ModelEntry
from heylook_core.testkit.exact_prefix_contract import ExactPrefixContract

pytestmark = pytest.mark.integration

WIDTH, INNER, STATE, RANK, CONV = 64, 128, 8, 4, 4
Make = Callable[..., Path]


class Tensors:
    """Random tensors for a writer. `matrix` has rows of about unit length, so that layers neither fade nor explode."""

    def __init__(self, writer: Any, seed: int = 0) -> None:
        self.writer = writer
        self.random = np.random.default_rng(seed)

    def matrix(self, name: str, rows: int, columns: int, scale: float = 1.5) -> None:
        values = self.random.standard_normal((rows, columns)) * scale / np.sqrt(columns)
        self.writer.add_tensor(name, values.astype(np.float32))

    def ones(self, name: str, size: int) -> None:
        self.writer.add_tensor(name, np.ones(size, np.float32))

    def attention(self, block: str) -> None:
        self.matrix(f"{block}.attn_q.weight", WIDTH, WIDTH)
        self.matrix(f"{block}.attn_k.weight", WIDTH // 2, WIDTH)
        self.matrix(f"{block}.attn_v.weight", WIDTH // 2, WIDTH)
        self.matrix(f"{block}.attn_output.weight", WIDTH, WIDTH)

    def feed_forward(self, block: str) -> None:
        self.ones(f"{block}.ffn_norm.weight", WIDTH)
        self.matrix(f"{block}.ffn_gate.weight", 4 * WIDTH, WIDTH)
        self.matrix(f"{block}.ffn_up.weight", 4 * WIDTH, WIDTH)
        self.matrix(f"{block}.ffn_down.weight", WIDTH, 4 * WIDTH)


def mamba_weights(writer: Any, vocabulary: int) -> None:
    tensors = Tensors(writer)
    tensors.matrix("token_embd.weight", vocabulary, WIDTH, 8.0)
    tensors.ones("output_norm.weight", WIDTH)
    for block in ("blk.0", "blk.1"):
        tensors.ones(f"{block}.attn_norm.weight", WIDTH)
        tensors.matrix(f"{block}.ssm_in.weight", 2 * INNER, WIDTH)
        tensors.matrix(f"{block}.ssm_conv1d.weight", INNER, CONV)
        writer.add_tensor(f"{block}.ssm_conv1d.bias", np.zeros(INNER, np.float32))
        tensors.matrix(f"{block}.ssm_x.weight", RANK + 2 * STATE, INNER)
        tensors.matrix(f"{block}.ssm_dt.weight", INNER, RANK)
        writer.add_tensor(f"{block}.ssm_dt.bias", np.zeros(INNER, np.float32))
        decay = -np.tile(np.arange(1, STATE + 1, dtype=np.float32), (INNER, 1))
        writer.add_tensor(f"{block}.ssm_a", decay)
        tensors.ones(f"{block}.ssm_d", INNER)
        tensors.matrix(f"{block}.ssm_out.weight", WIDTH, INNER)


def lfm2_weights(writer: Any, vocabulary: int) -> None:
    """A convolution, attention, a convolution."""
    tensors = Tensors(writer)
    tensors.matrix("token_embd.weight", vocabulary, WIDTH, 8.0)
    tensors.ones("token_embd_norm.weight", WIDTH)
    for number in range(3):
        block = f"blk.{number}"
        tensors.ones(f"{block}.attn_norm.weight", WIDTH)
        tensors.feed_forward(block)
        if number == 1:
            tensors.attention(block)
            tensors.ones(f"{block}.attn_q_norm.weight", WIDTH // 4)
            tensors.ones(f"{block}.attn_k_norm.weight", WIDTH // 4)
        else:
            tensors.matrix(f"{block}.shortconv.conv.weight", WIDTH, 3)
            tensors.matrix(f"{block}.shortconv.in_proj.weight", 3 * WIDTH, WIDTH)
            tensors.matrix(f"{block}.shortconv.out_proj.weight", WIDTH, WIDTH)


def gemma2_weights(writer: Any, vocabulary: int) -> None:
    tensors = Tensors(writer)
    tensors.matrix("token_embd.weight", vocabulary, WIDTH, 8.0)
    tensors.ones("output_norm.weight", WIDTH)
    for block in ("blk.0", "blk.1"):
        tensors.ones(f"{block}.attn_norm.weight", WIDTH)
        tensors.attention(block)
        tensors.ones(f"{block}.post_attention_norm.weight", WIDTH)
        tensors.feed_forward(block)
        tensors.ones(f"{block}.post_ffw_norm.weight", WIDTH)


def mamba_sizes(writer: Any) -> None:
    writer.add_ssm_conv_kernel(CONV)
    writer.add_ssm_inner_size(INNER)
    writer.add_ssm_state_size(STATE)
    writer.add_ssm_time_step_rank(RANK)


def entry_of(path: Path) -> ModelEntry:
    """Exact arithmetic, and two slots: state has to leave its slot and come back."""
    exact = {"type_k": "f32", "type_v": "f32", "flash_attn": False, "n_gpu_layers": 0, "n_threads": 1}
    config = {"model_path": str(path), "n_ctx": 512, "slots": 2, "embedding": False, **exact}
    return ModelEntry(id="m", provider="gguf", placement="thread", config=config)


class TestSlidingWindow(ExactPrefixContract):
    """Gemma 2: every other layer sees the last 32 tokens only."""

    @pytest.fixture(scope="class")
    @classmethod
    def entry(cls, make_model: Make, tmp_path_factory: pytest.TempPathFactory) -> ModelEntry:
        path = tmp_path_factory.mktemp("window") / "gemma2.gguf"
        return entry_of(
            make_model(
                path, architecture="gemma2", weights=gemma2_weights, extra=lambda writer: writer.add_sliding_window(32)
            )
        )


class TestHybrid(ExactPrefixContract):
    """LFM2: convolutions with a state, and an attention layer."""

    @pytest.fixture(scope="class")
    @classmethod
    def entry(cls, make_model: Make, tmp_path_factory: pytest.TempPathFactory) -> ModelEntry:
        path = tmp_path_factory.mktemp("hybrid") / "lfm2.gguf"
        return entry_of(
            make_model(
                path,
                architecture="lfm2",
                layers=3,
                kv_heads=[0, 2, 0],
                weights=lfm2_weights,
                extra=lambda writer: writer.add_shortconv_l_cache(3),
            )
        )


class TestRecurrent(ExactPrefixContract):
    """Mamba: no attention at all."""

    @pytest.fixture(scope="class")
    @classmethod
    def entry(cls, make_model: Make, tmp_path_factory: pytest.TempPathFactory) -> ModelEntry:
        path = tmp_path_factory.mktemp("recurrent") / "mamba.gguf"
        return entry_of(make_model(path, architecture="mamba", kv_heads=0, weights=mamba_weights, extra=mamba_sizes))
