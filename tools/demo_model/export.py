"""Writes weights for both engines: a folder for MLX, and GGUF files in float16 and in q8_0, all of the same values.

    python -m tools.demo_model.export RUN_FOLDER OUT

takes the checkpoint of a training that is not at its end. In OUT are `mlx/`, `heylook-demo-f16.gguf` and
`heylook-demo-q8_0.gguf`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer

from tools.demo_model.conversation import TEMPLATE
from tools.demo_model.shape import Shape
from tools.demo_model.tokenizer import CONTROL, END_OF_TEXT, END_OF_TURN
from tools.gguf_rows import Array, interleaved

NAME = "heylook-demo"
Weights = Mapping[str, Array]

# Name in `network`, in Hugging Face's Llama, in GGUF.
_PARTS = (
    ("attention_norm", "input_layernorm", "attn_norm"),
    ("q", "self_attn.q_proj", "attn_q"),
    ("k", "self_attn.k_proj", "attn_k"),
    ("v", "self_attn.v_proj", "attn_v"),
    ("o", "self_attn.o_proj", "attn_output"),
    ("feed_forward_norm", "post_attention_layernorm", "ffn_norm"),
    ("gate", "mlp.gate_proj", "ffn_gate"),
    ("up", "mlp.up_proj", "ffn_up"),
    ("down", "mlp.down_proj", "ffn_down"),
)
_FILE_TYPES = {"f16": gguf.LlamaFileType.MOSTLY_F16, "q8_0": gguf.LlamaFileType.MOSTLY_Q8_0}


def export(weights: Weights, tokenizer: Tokenizer, shape: Shape, out: Path) -> None:
    write_mlx(weights, tokenizer, shape, out / "mlx")
    for kind in _FILE_TYPES:
        write_gguf(weights, tokenizer, shape, out / f"{NAME}-{kind}.gguf", kind)


def read_mlx(folder: Path, shape: Shape) -> tuple[dict[str, Array], Tokenizer]:
    """What `write_mlx` wrote: the weights under the network's names, and the vocabulary."""
    stored = load_file(folder / "model.safetensors")
    weights = {mine: stored[theirs] for mine, theirs in _mlx_names(shape)}
    return weights, Tokenizer.from_file(str(folder / "tokenizer.json"))


def write_mlx(weights: Weights, tokenizer: Tokenizer, shape: Shape, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {theirs: np.ascontiguousarray(weights[mine]) for mine, theirs in _mlx_names(shape)}
    path = folder / "model.safetensors"
    save_file(tensors, path, {"format": "pt"})
    path.chmod(0o644)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    described = {
        "config.json": config(shape),
        "tokenizer_config.json": tokenizer_config(shape),
        "generation_config.json": {"eos_token_id": [END_OF_TURN, END_OF_TEXT], "do_sample": False},
    }
    for name, content in described.items():
        (folder / name).write_text(json.dumps(content, indent=1) + "\n")


def _mlx_names(shape: Shape) -> Iterator[tuple[str, str]]:
    """Of each weight, the network's name and Hugging Face's."""
    yield "embedding.weight", "model.embed_tokens.weight"
    yield "norm.weight", "model.norm.weight"
    for layer in range(shape.layers):
        for mine, theirs, _ in _PARTS:
            yield f"blocks.{layer}.{mine}.weight", f"model.layers.{layer}.{theirs}.weight"


def config(shape: Shape) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": shape.width,
        "intermediate_size": shape.feed_forward,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_size,
        "vocab_size": shape.vocabulary,
        "rms_norm_eps": shape.epsilon,
        "rope_theta": shape.rope_theta,
        "max_position_embeddings": shape.context,
        "tie_word_embeddings": True,
        "torch_dtype": "float16",
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "bos_token_id": END_OF_TEXT,
        "eos_token_id": [END_OF_TURN, END_OF_TEXT],
    }


def tokenizer_config(shape: Shape) -> dict[str, Any]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "chat_template": TEMPLATE,
        "eos_token": CONTROL[END_OF_TURN],
        "bos_token": CONTROL[END_OF_TEXT],
        "pad_token": CONTROL[END_OF_TEXT],
        "add_bos_token": False,
        "model_max_length": shape.context,
        "clean_up_tokenization_spaces": False,
    }


def write_gguf(weights: Weights, tokenizer: Tokenizer, shape: Shape, path: Path, kind: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(str(path), "llama")
    _describe(writer, shape)
    writer.add_file_type(_FILE_TYPES[kind])
    _add_tokenizer(writer, tokenizer)
    for name, tensor in _gguf_tensors(weights, shape):
        _add_tensor(writer, name, tensor, kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _describe(writer: gguf.GGUFWriter, shape: Shape) -> None:
    writer.add_name(NAME)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head_size)
    writer.add_value_length(shape.head_size)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_rope_freq_base(shape.rope_theta)
    writer.add_rope_dimension_count(shape.head_size)
    writer.add_vocab_size(shape.vocabulary)


def _add_tokenizer(writer: gguf.GGUFWriter, tokenizer: Tokenizer) -> None:
    described = json.loads(tokenizer.to_str())
    added = {token["id"]: token for token in described["added_tokens"]}
    tokens = [str(tokenizer.id_to_token(number)) for number in range(tokenizer.get_vocab_size())]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([_token_type(added.get(number)) for number in range(len(tokens))])
    writer.add_token_merges([" ".join(merge) for merge in described["model"]["merges"]])
    writer.add_eos_token_id(END_OF_TURN)
    writer.add_bos_token_id(END_OF_TEXT)
    writer.add_pad_token_id(END_OF_TEXT)
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)


def _token_type(added: dict[str, Any] | None) -> int:
    if added is None:
        return gguf.TokenType.NORMAL
    return gguf.TokenType.CONTROL if added["special"] else gguf.TokenType.USER_DEFINED


def _gguf_tensors(weights: Weights, shape: Shape) -> Iterator[tuple[str, Array]]:
    yield "token_embd.weight", weights["embedding.weight"]
    yield "output_norm.weight", weights["norm.weight"]
    for layer in range(shape.layers):
        for mine, _, theirs in _PARTS:
            tensor = weights[f"blocks.{layer}.{mine}.weight"]
            if mine in ("q", "k"):
                tensor = interleaved(tensor, shape.heads if mine == "q" else shape.kv_heads)
            yield f"blk.{layer}.{theirs}.weight", tensor


def _add_tensor(writer: gguf.GGUFWriter, name: str, tensor: Array, kind: str) -> None:
    """Norms stay in float32, as llama.cpp wants them."""
    if tensor.ndim == 1:
        writer.add_tensor(name, tensor.astype(np.float32))
    elif kind == "f16":
        writer.add_tensor(name, np.ascontiguousarray(tensor, np.float16))
    else:
        quantised = gguf.quants.quantize(tensor.astype(np.float32), gguf.GGMLQuantizationType.Q8_0)
        writer.add_tensor(name, quantised, raw_dtype=gguf.GGMLQuantizationType.Q8_0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    import torch

    from tools.demo_model.network import Network

    state = torch.load(given.run / "checkpoint.pt", map_location="cpu", weights_only=True)
    shape = Shape(**state["run"]["shape"])
    network = Network(shape)
    network.load_state_dict(state["network"])
    export(network.weights(), Tokenizer.from_file(str(given.run / "tokenizer.json")), shape, given.out)
    print(f"step {state['step']} of {state['run']['steps']} written to {given.out}")


if __name__ == "__main__":
    main()
