"""Models for the tests of the GGUF provider: made here, from the demo model's package, or from upstream's sdist."""

from __future__ import annotations

import ctypes
import importlib.util
import re
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

gguf = pytest.importorskip("gguf")
pytest.importorskip("llama_cpp")

from heylook_gguf.config import GgufConfig  # noqa: E402
from heylook_gguf.model import GgufModel  # noqa: E402

CORPUS = (
    "the quick brown fox jumps over the lazy dog and runs far away from every hound that was ever heard in the "
    "northern woods; a model reads tokens and answers with tokens, one after the other, until there is an end of it"
)
CHATML = (
    "{%- for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{%- endif %}"
)
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<note>"]
LAYERS, HEADS, KV_HEADS, TRAINED = 2, 4, 2, 2048


def byte_alphabet() -> list[str]:
    """GPT-2's printable character for each byte."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spare = iter(range(256, 512))
    return [chr(byte if byte in shown else next(spare)) for byte in range(256)]


def learn_merges(text: str, count: int) -> list[tuple[str, str]]:
    """Byte-pair merges of a text, most frequent first, ties by spelling."""
    words = Counter(tuple(word.replace(" ", "Ġ")) for word in re.findall(r" ?\S+", text))
    merges: list[tuple[str, str]] = []
    while len(merges) < count:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, times in words.items():
            for pair in pairwise(word):
                pairs[pair] += times
        if not pairs:
            return merges
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        words = Counter({tuple(_merged(word, best)): times for word, times in words.items()})
    return merges


def _merged(word: tuple[str, ...], pair: tuple[str, str]) -> Iterator[str]:
    at = 0
    while at < len(word):
        step = 2 if word[at : at + 2] == pair else 1
        yield "".join(word[at : at + step])
        at += step


def add_tokenizer(writer: Any) -> int:
    """A small byte-level tokenizer; returns the size of its vocabulary."""
    merges = learn_merges(CORPUS, 160)
    tokens = [*SPECIAL, *byte_alphabet(), *("".join(pair) for pair in merges)]
    kinds = [gguf.TokenType.CONTROL] * 3 + [gguf.TokenType.USER_DEFINED]
    kinds += [gguf.TokenType.NORMAL] * (len(tokens) - len(kinds))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges([" ".join(pair) for pair in merges])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(False)
    return len(tokens)


def add_weights(writer: Any, vocabulary: int, width: int, seed: int, layers: int) -> None:
    """Random weights. The output layer is large, so that the best token leads by more than rounding can change."""
    random = np.random.default_rng(seed)

    def matrix(rows: int, columns: int, scale: float = 1.0) -> np.ndarray[Any, Any]:
        values: np.ndarray[Any, Any] = random.standard_normal((rows, columns)) * scale / np.sqrt(columns)
        return values.astype(np.float32)

    ones, narrow, inner = np.ones(width, np.float32), KV_HEADS * width // HEADS, 4 * width
    writer.add_tensor("token_embd.weight", random.standard_normal((vocabulary, width)).astype(np.float32))
    writer.add_tensor("output.weight", matrix(vocabulary, width, 4.0))
    writer.add_tensor("output_norm.weight", ones)
    shapes = {
        "attn_q": (width, width),
        "attn_k": (narrow, width),
        "attn_v": (narrow, width),
        "attn_output": (width, width),
        "ffn_gate": (inner, width),
        "ffn_up": (inner, width),
        "ffn_down": (width, inner),
    }
    for layer in range(layers):
        for name, (rows, columns) in shapes.items():
            writer.add_tensor(f"blk.{layer}.{name}.weight", matrix(rows, columns, 1.5))
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{layer}.{name}.weight", ones)


def write_model(
    path: Path,
    *,
    architecture: str = "llama",
    template: str | None = CHATML,
    weights: bool | Callable[[Any, int], None] = True,
    tokenizer: Callable[[Any], int] = add_tokenizer,
    width: int = 64,
    seed: int = 0,
    layers: int = LAYERS,
    kv_heads: int | list[int] = KV_HEADS,
    split: int = 0,
    extra: Callable[[Any], None] = lambda writer: None,
) -> Path:
    """A tiny Llama with random float32 weights as a GGUF file, or what `weights` writes for a vocabulary size.

    With `split`, files of so many tensors each, whose names have a number after that of `path`.
    """
    writer = gguf.GGUFWriter(str(path), architecture, split_max_tensors=split)
    writer.add_name(path.stem)
    writer.add_context_length(TRAINED)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(4 * width)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(width // HEADS)
    extra(writer)
    vocabulary = tokenizer(writer)
    writer.add_vocab_size(vocabulary)
    if template is not None:
        writer.add_chat_template(template)
    if callable(weights):
        weights(writer, vocabulary)
    elif weights:
        add_weights(writer, vocabulary, width, seed, layers)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture(scope="session")
def make_model() -> Callable[..., Path]:
    """`write_model`, for tests that need a particular file."""
    return write_model


@pytest.fixture(scope="session")
def write_adapter() -> Callable[..., Path]:
    """Writes a LoRA adapter of random weights for the tiny Llama."""

    def written(path: Path, seed: int = 0) -> Path:
        random = np.random.default_rng(seed)
        writer = gguf.GGUFWriter(str(path), "llama")
        writer.add_string("general.type", "adapter")
        writer.add_string("adapter.type", "lora")
        writer.add_float32("adapter.lora.alpha", 8.0)
        for name, shape in (("lora_a", (4, 64)), ("lora_b", (64, 4))):
            writer.add_tensor(f"blk.0.attn_q.weight.{name}", random.standard_normal(shape).astype(np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path

    return written


@pytest.fixture(scope="session")
def quantise() -> Callable[[Path, str], Path]:
    """Rewrites a file with llama.cpp's own quantiser; kinds as llama.cpp names them: Q8_0, Q4_K_M."""
    from heylook_gguf.library import library

    def quantised(path: Path, kind: str) -> Path:
        c = library().c
        params = c.llama_model_quantize_default_params()
        params.ftype = getattr(c, f"LLAMA_FTYPE_MOSTLY_{kind}")
        params.nthread = 1
        target = path.with_name(f"{path.stem}-{kind}.gguf")
        code = c.llama_model_quantize(str(path).encode(), str(target).encode(), ctypes.byref(params))
        assert code == 0
        return target

    return quantised


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Llama of random weights with a byte-level tokenizer and a ChatML template."""
    return write_model(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


@pytest.fixture(scope="session")
def load() -> Callable[..., GgufModel]:
    """Loads a file with test-sized defaults. The caller closes it.

    One thread, float32 KV, no flash attention: then a row of a batch has the same bits whatever runs beside it.
    (llama.cpp's flash attention on the processor moves logits of random weights by 0.05 with the size of a chunk.)
    """

    def loaded(path: Path, **config: Any) -> GgufModel:
        settings = {"n_ctx": 512, "n_threads": 1, "slots": 8, "flash_attn": False, "n_gpu_layers": 0}
        exact = {"type_k": "f32", "type_v": "f32"}
        data = {"model_path": str(path), **settings, **exact, **config}
        return GgufModel(msgspec.convert(data, GgufConfig))

    return loaded


@pytest.fixture(scope="session")
def model(tiny: Path, load: Callable[..., GgufModel]) -> Iterator[GgufModel]:
    """The tiny model with eight slots of 512 tokens; shared, so tests leave no rows behind."""
    loaded = load(tiny)
    yield loaded
    loaded.close()


@pytest.fixture(scope="session")
def demo() -> Path:
    """The demo model's GGUF, where its package is installed."""
    if importlib.util.find_spec("heylook_demo_model") is None:
        pytest.skip("the package heylook-demo-model is not installed")
    from heylook_demo_model import gguf_path

    return Path(gguf_path())


@pytest.fixture(scope="session")
def upstream(pytestconfig: pytest.Config) -> Path:
    """llama.cpp's own vocabulary files, from the source distribution that the installed library was made of.

    Fetched once with pip's ordinary client and kept in pytest's cache folder.
    """
    from importlib.metadata import version

    release = f"llama-cpp-python=={version('llama-cpp-python')}"
    assert pytestconfig.cache is not None
    folder = pytestconfig.cache.mkdir("llama-cpp-python")
    models = folder / release
    if not any(models.glob("ggml-vocab-*.gguf")):
        _download(release, folder)
        archive = next(folder.glob("*.tar.gz"), None)
        if archive is None:
            pytest.skip(f"the source distribution of {release} cannot be fetched")
        _unpack(archive, models)
        archive.unlink()
    return models


def _download(release: str, folder: Path) -> None:
    clients = ([sys.executable, "-m", "pip"], ["python3", "-m", "pip"])
    options = ["download", "--quiet", "--no-deps", "--no-binary", "llama-cpp-python", "--dest", str(folder), release]
    for client in clients:
        done = subprocess.run([*client, *options], capture_output=True, check=False, timeout=100)
        if done.returncode == 0:
            return


def _unpack(archive: Path, target: Path) -> None:
    target.mkdir(exist_ok=True)
    with tarfile.open(archive) as tar:
        for member in tar:
            name = Path(member.name).name
            source = tar.extractfile(member) if re.fullmatch(r"ggml-vocab-.*\.(gguf|inp|out)", name) else None
            if source is not None:
                (target / name).write_bytes(source.read())
