"""Trains a vision model of 0.23 million parameters on coloured squares; minutes on a CPU.

    python -m tools.vision_model.train FOLDER --steps 320

The folder is one of LLaVA's architecture in the layout of Hugging Face. A model that is in it is not replaced without
`--again` or `--go-on`; that of the tests is in `tests/mlx_vision/squares`.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
import numpy as np
from mlx.utils import tree_flatten
from mlx_vlm.utils import get_model_and_args, update_module_configs
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from tools.vision_model.data import ALL, COLOUR, COLOURS, PLACE, PLACES, SIDE, Turn, conversation

PATCH = 14
WEIGHTS = "model.safetensors"
POSITIONS = (SIDE // PATCH) ** 2
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>"]
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.content is string %}{{ m.content }}{% else %}"
    "{% for c in m.content %}{% if c.type == 'image' %}<image>{% else %}{{ c.text }}{% endif %}{% endfor %}"
    "{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def write_tokenizer(folder: Path) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=384, special_tokens=SPECIALS, initial_alphabet=alphabet, show_progress=False
    )
    words = [COLOUR, PLACE, ALL, "user\n", "assistant\n", *COLOURS, *PLACES, ", ".join(COLOURS)]
    tokenizer.train_from_iterator(words * 20, trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "chat_template": TEMPLATE,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return tokenizer


def write_configs(folder: Path, tokenizer: Tokenizer) -> dict[str, Any]:
    size = tokenizer.get_vocab_size()
    text = {
        "model_type": "llama",
        "vocab_size": size,
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "intermediate_size": 128,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "rms_norm_eps": 1e-6,
        "rope_theta": 10000.0,
        "tie_word_embeddings": False,
        "max_position_embeddings": 2048,
    }
    vision = {
        "model_type": "clip_vision_model",
        "num_hidden_layers": 2,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_attention_heads": 4,
        "image_size": SIDE,
        "patch_size": PATCH,
        "projection_dim": 64,
        "vocab_size": size,
        "num_channels": 3,
        "layer_norm_eps": 1e-5,
    }
    config = {
        "model_type": "llava",
        "architectures": ["LlavaForConditionalGeneration"],
        "vocab_size": size,
        "image_token_index": tokenizer.token_to_id("<image>"),
        "vision_feature_select_strategy": "default",
        "vision_feature_layer": -1,
        "eos_token_id": [tokenizer.token_to_id("<|im_end|>")],
        "torch_dtype": "float16",
        "text_config": text,
        "vision_config": vision,
    }
    processor = {
        "image_processor_type": "CLIPImageProcessor",
        "processor_class": "LlavaProcessor",
        "size": {"shortest_edge": SIDE},
        "crop_size": {"height": SIDE, "width": SIDE},
        "patch_size": PATCH,
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
    }
    own = {"patch_size": PATCH, "vision_feature_select_strategy": "default", "num_additional_image_tokens": 1}
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    (folder / "preprocessor_config.json").write_text(json.dumps(processor, indent=1))
    (folder / "processor_config.json").write_text(json.dumps({"processor_class": "LlavaProcessor", **own}, indent=1))
    return config


def new_model(config: dict[str, Any]) -> Any:
    config = json.loads(json.dumps(config))
    module, _ = get_model_and_args(config)
    settings = module.ModelConfig.from_dict(config)
    return module.Model(update_module_configs(settings, module, config, ["text", "vision"]))


def encoded(turns: list[Turn], tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """Ids of a whole conversation, and 1 where the model has to say the next one by itself."""
    ids: list[int] = []
    said: list[int] = []
    for turn in turns:
        asked = "<image>" * POSITIONS * len(turn.squares) + turn.question
        pieces = (
            (f"<|im_start|>user\n{asked}<|im_end|>\n<|im_start|>assistant\n", 0),
            (f"{turn.answer}<|im_end|>", 1),
            ("\n", 0),
        )
        for text, own in pieces:
            piece = tokenizer.encode(text, add_special_tokens=False).ids
            ids += piece
            said += [own] * len(piece)
    return ids, said


def batch(size: int, chance: random.Random, tokenizer: Tokenizer) -> tuple[mx.array, ...]:
    """Ids, answers' mask, and the pixels of every picture in order, as the processor gives them."""
    rows, pictures = [], []
    for _ in range(size):
        turns = conversation(chance)
        rows.append(encoded(turns, tokenizer))
        pictures += [one.pixels(chance) for turn in turns for one in turn.squares]
    longest = max(len(ids) for ids, _ in rows)
    ids = np.array([ids + [0] * (longest - len(ids)) for ids, _ in rows])
    said = np.array([said + [0] * (longest - len(said)) for _, said in rows])
    pixels = (np.stack(pictures).astype(np.float32) / 255 - 0.5) / 0.5
    return mx.array(ids), mx.array(said), mx.array(pixels)


def loss_of(model: Any, ids: mx.array, said: mx.array, pixels: mx.array, image: int) -> mx.array:
    *_, states = model.vision_tower(pixels, output_hidden_states=True)
    features = model.multi_modal_projector(states[-1][:, 1:])
    features = features.reshape(-1, features.shape[-1])
    shown = ids == image
    order = mx.maximum(mx.cumsum(shown.reshape(-1).astype(mx.int32)) - 1, 0).reshape(ids.shape)
    embeddings = mx.where(shown[..., None], features[order], model.language_model.model.embed_tokens(ids))
    logits = model.language_model(ids[:, :-1], inputs_embeds=embeddings[:, :-1]).logits
    losses = nn.losses.cross_entropy(logits, ids[:, 1:])
    return (losses * said[:, 1:]).sum() / said[:, 1:].sum()


def begun(folder: Path, go_on: bool) -> tuple[Tokenizer, dict[str, Any], Any]:
    """The vocabulary, the config and the model to train: those that are in the folder, or new ones."""
    if go_on:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        config = json.loads((folder / "config.json").read_text())
        model = new_model(config)
        model.load_weights(str(folder / WEIGHTS))
        model.set_dtype(mx.float32)
        return tokenizer, config, model
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = write_tokenizer(folder)
    config = write_configs(folder, tokenizer)
    return tokenizer, config, new_model(config)


def train(folder: Path, steps: int, size: int, seed: int, go_on: bool) -> None:
    mx.random.seed(seed)
    chance = random.Random(seed)
    tokenizer, config, model = begun(folder, go_on)
    warm = min(100, steps // 5)
    rate = optim.join_schedules(
        [optim.linear_schedule(0.0, 2e-3, warm), optim.cosine_decay(2e-3, steps - warm, 2e-5)], [warm]
    )
    optimizer = optim.AdamW(rate, weight_decay=0.01)
    step_of = nn.value_and_grad(model, lambda *given: loss_of(model, *given))
    started = time.monotonic()
    for step in range(1, steps + 1):
        loss, gradients = step_of(*batch(size, chance, tokenizer), config["image_token_index"])
        gradients, _ = optim.clip_grad_norm(gradients, 1.0)
        optimizer.update(model, gradients)
        mx.eval(model.parameters(), optimizer.state)
        if step % 25 == 0:
            print(f"{step}: loss {loss.item():.4f}, {time.monotonic() - started:.0f} s", flush=True)
    weights = {name: value.astype(mx.float16) for name, value in tree_flatten(model.parameters())}
    mx.save_safetensors(str(folder / WEIGHTS), weights, {"format": "mlx"})
    print(f"{sum(value.size for value in weights.values()):,} parameters in {folder}")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=320)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    known = parser.add_mutually_exclusive_group()
    known.add_argument("--go-on", action="store_true", help="from the weights that are in the folder")
    known.add_argument(
        "--again", action="store_true", help="from the start, in place of the model that is in the folder"
    )
    given = parser.parse_args(arguments)
    found = (given.folder / WEIGHTS).is_file()
    if found and not (given.go_on or given.again):
        parser.error(f"there is a model in {given.folder}: say --again to replace it, or --go-on to train it further")
    if given.go_on and not found:
        parser.error(f"there is no model in {given.folder} to go on with")
    train(given.folder, given.steps, given.batch, given.seed, given.go_on)


if __name__ == "__main__":
    main()
