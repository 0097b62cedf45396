"""Random Llamas as GGUF, made on the spot: their speed is real, their text is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import gguf
import numpy as np

VOCABULARY, CONTEXT = 8192, 8192
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


class Shape(NamedTuple):
    width: int
    inner: int
    heads: int
    kv_heads: int
    layers: int = 12


MEDIUM = Shape(768, 2048, 12, 4)
LARGE = Shape(1536, 4096, 24, 8)


def make_gguf(folder: Path, kind: str) -> Path:
    """88 million parameters with weights of this kind (`f16` or `q8_0`); made once."""
    return _make(folder / f"random-88m-{kind}.gguf", MEDIUM, kind)


def make_large_gguf(folder: Path) -> Path:
    """327 million parameters in F16 (654 MB); made once."""
    return _make(folder / "random-327m-f16.gguf", LARGE, "f16")


def _make(path: Path, shape: Shape, kind: str) -> Path:
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".tmp")
    writer = gguf.GGUFWriter(str(draft), "llama")
    _dimensions(writer, shape)
    _tokenizer(writer)
    _weights(writer, shape, kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return draft.rename(path)


def _dimensions(writer: Any, shape: Shape) -> None:
    writer.add_name("random")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.inner)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(shape.width // shape.heads)
    writer.add_vocab_size(VOCABULARY)


def _tokenizer(writer: Any) -> None:
    """A token per byte, and words that nothing is ever split into: answers are plain text."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spare = iter(range(256, 512))
    letters = [chr(byte if byte in shown else next(spare)) for byte in range(256)]
    words = [f"w{number}Ġ" for number in range(VOCABULARY - 256 - len(SPECIALS))]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([*SPECIALS, *letters, *words])
    writer.add_token_types([gguf.TokenType.CONTROL] * 3 + [gguf.TokenType.NORMAL] * (VOCABULARY - 3))
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)


def _weights(writer: Any, shape: Shape, kind: str) -> None:
    random = np.random.default_rng(0)

    def matrix(name: str, rows: int, columns: int, scale: float = 1.0) -> None:
        values = random.standard_normal((rows, columns), dtype=np.float32) * (scale / np.sqrt(columns))
        if kind == "f16":
            writer.add_tensor(name, values.astype(np.float16))
        else:
            packed = gguf.quants.quantize(values, gguf.GGMLQuantizationType.Q8_0)
            writer.add_tensor(name, packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)

    width, inner = shape.width, shape.inner
    ones, narrow = np.ones(width, np.float32), shape.kv_heads * width // shape.heads
    matrix("token_embd.weight", VOCABULARY, width, np.sqrt(width))
    matrix("output.weight", VOCABULARY, width, 4.0)
    writer.add_tensor("output_norm.weight", ones)
    for layer in range(shape.layers):
        for name, rows, columns in (
            ("attn_q", width, width),
            ("attn_k", narrow, width),
            ("attn_v", narrow, width),
            ("attn_output", width, width),
            ("ffn_gate", inner, width),
            ("ffn_up", inner, width),
            ("ffn_down", width, inner),
        ):
            matrix(f"blk.{layer}.{name}.weight", rows, columns)
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{layer}.{name}.weight", ones)
