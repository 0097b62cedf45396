"""Random models of a useful size, made on the spot: their speed is real, their text is not."""

from __future__ import annotations

import json
from pathlib import Path

import mlx.core as mx
from mlx.utils import tree_flatten
from mlx_lm.models import llama
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
VOCABULARY = 1024


def config(hidden: int, layers: int, heads: int, kv_heads: int, feed_forward: int) -> dict[str, object]:
    return {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "intermediate_size": feed_forward,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "tie_word_embeddings": True,
        "max_position_embeddings": 32768,
        "vocab_size": VOCABULARY,
        "eos_token_id": [2],
    }


def make_mlx(folder: Path) -> Path:
    """A Llama of 76 million float32 parameters in an MLX directory (305 MB); made once."""
    return _make(folder, config(768, 12, 12, 4, 2048))


def make_large_mlx(folder: Path) -> Path:
    """One of 303 million (1.2 GB): what a load costs whatever the size of the model shows less."""
    return _make(folder, config(1536, 12, 24, 8, 4096))


def make_small_mlx(folder: Path) -> Path:
    """One of 10 million: for long prompts, of which MLX reads some 40 tokens a second on a CPU at 76 million."""
    return _make(folder, config(384, 6, 6, 2, 1024))


def _make(folder: Path, settings: dict[str, object]) -> Path:
    if (folder / "model.safetensors").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    make_tokenizer(folder)
    (folder / "config.json").write_text(json.dumps(settings))
    model = llama.Model(llama.ModelArgs.from_dict(settings))
    mx.random.seed(0)
    weights = {
        name: value if value.ndim == 1 else mx.random.normal(value.shape) * 0.08
        for name, value in tree_flatten(model.parameters())
    }
    mx.save_safetensors(str(folder / "model.safetensors"), weights, {"format": "mlx"})
    return folder


def make_tokenizer(folder: Path) -> None:
    """A byte-level BPE trained on the standard library's own sources."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=SPECIALS, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    sources = sorted(Path(json.__file__).parent.parent.glob("a*.py"))[:20]
    tokenizer.train_from_iterator([path.read_text(errors="ignore")[:200_000] for path in sources], trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "chat_template": TEMPLATE,
        "model_max_length": 32768,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
