"""Models for the tests: tiny random ones made here in a second, a quantised copy, and the demo model."""

from __future__ import annotations

import json
import os
from pathlib import Path

# Without it the first sampled tokens wait seconds for g++ on machines without Metal.
os.environ.setdefault("MLX_DISABLE_COMPILE", "1")

import msgspec
import pytest

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>"]
SHAPE = {
    "hidden_size": 128,
    "num_hidden_layers": 3,
    "intermediate_size": 256,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "tie_word_embeddings": True,
    "max_position_embeddings": 4096,
}
KINDS = {
    "llama": {"model_type": "llama", "architectures": ["LlamaForCausalLM"]},
    "qwen3": {"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"]},
    "gemma3_text": {"model_type": "gemma3_text", "sliding_window": 32, "sliding_window_pattern": 2},
    "lfm2": {
        "model_type": "lfm2",
        "norm_eps": 1e-5,
        "conv_bias": False,
        "conv_L_cache": 3,
        "block_dim": 128,
        "block_ff_dim": 256,
        "block_multiple_of": 32,
        "block_ffn_dim_multiplier": 1.0,
        "block_auto_adjust_ff_dim": False,
        "layer_types": ["conv", "full_attention", "conv"],
    },
    "mamba": {
        "model_type": "mamba",
        "state_size": 8,
        "conv_kernel": 4,
        "use_bias": False,
        "use_conv_bias": True,
        "time_step_rank": 8,
    },
}


def write_tokenizer(folder: Path, corpus: list[str]) -> int:
    """A byte-level BPE tokenizer trained on `corpus`; returns its size."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=640, special_tokens=SPECIALS, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(corpus, trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "chat_template": TEMPLATE,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return int(tokenizer.get_vocab_size())


def write_model(folder: Path, kind: str, seed: int = 0, **shape: int) -> Path:
    """A random model of a few hundred thousand parameters in the Hugging Face layout."""
    import mlx.core as mx
    from mlx.utils import tree_flatten
    from mlx_lm.utils import _get_classes

    folder.mkdir(parents=True, exist_ok=True)
    size = write_tokenizer(folder, [Path(json.__file__).read_text(), Path(__file__).read_text()])
    config = {**SHAPE, **KINDS[kind], **shape, "vocab_size": size, "torch_dtype": "float32", "eos_token_id": [2]}
    (folder / "config.json").write_text(json.dumps(config))
    model_class, arguments = _get_classes(config)
    parameters = tree_flatten(model_class(arguments.from_dict(config)).parameters())
    keys = mx.random.split(mx.random.key(seed), len(parameters))
    weights = {
        name: value if value.ndim == 1 else mx.random.normal(value.shape, key=key) * 0.08
        for key, (name, value) in zip(keys, parameters, strict=True)
    }
    mx.save_safetensors(str(folder / "model.safetensors"), weights, {"format": "mlx"})
    return folder


@pytest.fixture(scope="session")
def llama(tmp_path_factory):
    """Folder of a random Llama."""
    return write_model(tmp_path_factory.mktemp("models") / "llama", "llama")


@pytest.fixture(scope="session")
def other_llama(tmp_path_factory):
    """Folder of a Llama of the same shape and vocabulary with other weights."""
    return write_model(tmp_path_factory.mktemp("models") / "other-llama", "llama", seed=1)


@pytest.fixture(scope="session")
def qwen3(tmp_path_factory):
    """Folder of a random Qwen3."""
    return write_model(tmp_path_factory.mktemp("models") / "qwen3", "qwen3")


@pytest.fixture(scope="session")
def make_model(tmp_path_factory):
    """Makes a random model of a kind; its folder."""
    return lambda kind, **shape: write_model(tmp_path_factory.mktemp("models") / kind, kind, **shape)


@pytest.fixture(scope="session")
def demo():
    """Folder of the demo model."""
    package = pytest.importorskip("heylook_demo_model", reason="the demo model is not installed")
    return Path(package.mlx_path())


@pytest.fixture(scope="session")
def quantised(demo, tmp_path_factory):
    """Folder of a 4-bit copy of the demo model."""
    from mlx_lm.utils import load, quantize_model, save

    folder = tmp_path_factory.mktemp("models") / "demo-4bit"
    model, tokenizer, config = load(str(demo), return_config=True)
    model, config = quantize_model(model, config, group_size=64, bits=4)
    save(folder, str(demo), model, tokenizer, config)
    return folder


@pytest.fixture(scope="session")
def provider_of():
    """Makes the provider for a folder, without loading."""
    from heylook_core.provider import ModelSpec
    from heylook_mlx.provider import MlxProvider

    def make(folder, **settings):
        config = {"model_path": str(folder), **settings}
        return MlxProvider(
            ModelSpec(id="m", provider="mlx", config=config), msgspec.convert(config, MlxProvider.Config)
        )

    return make
