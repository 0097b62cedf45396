"""A random Llama of 88 million parameters as GGUF, made on the spot: its speed is real, its text is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np

WIDTH, LAYERS, INNER, HEADS, KV_HEADS, VOCABULARY, CONTEXT = 768, 12, 2048, 12, 4, 8192, 8192
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def make_gguf(folder: Path, kind: str) -> Path:
    """The model with weights of this kind (`f16` or `q8_0`); made once."""
    path = folder / f"random-88m-{kind}.gguf"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".tmp")
    writer = gguf.GGUFWriter(str(draft), "llama")
    _dimensions(writer)
    _tokenizer(writer)
    _weights(writer, kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return draft.rename(path)


def _dimensions(writer: Any) -> None:
    writer.add_name("random")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(WIDTH // HEADS)
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


def _weights(writer: Any, kind: str) -> None:
    random = np.random.default_rng(0)

    def matrix(name: str, rows: int, columns: int, scale: float = 1.0) -> None:
        values = random.standard_normal((rows, columns), dtype=np.float32) * (scale / np.sqrt(columns))
        if kind == "f16":
            writer.add_tensor(name, values.astype(np.float16))
        else:
            packed = gguf.quants.quantize(values, gguf.GGMLQuantizationType.Q8_0)
            writer.add_tensor(name, packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)

    ones, narrow = np.ones(WIDTH, np.float32), KV_HEADS * WIDTH // HEADS
    matrix("token_embd.weight", VOCABULARY, WIDTH, np.sqrt(WIDTH))
    matrix("output.weight", VOCABULARY, WIDTH, 4.0)
    writer.add_tensor("output_norm.weight", ones)
    for layer in range(LAYERS):
        for name, rows, columns in (
            ("attn_q", WIDTH, WIDTH),
            ("attn_k", narrow, WIDTH),
            ("attn_v", narrow, WIDTH),
            ("attn_output", WIDTH, WIDTH),
            ("ffn_gate", INNER, WIDTH),
            ("ffn_up", INNER, WIDTH),
            ("ffn_down", WIDTH, INNER),
        ):
            matrix(f"blk.{layer}.{name}.weight", rows, columns)
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{layer}.{name}.weight", ones)
