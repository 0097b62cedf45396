"""Text to tokens and back, on the tiny vocabulary and on real ones from llama.cpp's source distribution."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from heylook_gguf.codec import GgufCodec
from heylook_gguf.library import library
from heylook_gguf.model import GgufModel

pytestmark = pytest.mark.integration

TEXTS = [
    "Hello, world!",
    " two  spaces\tand a tab\n\nand lines ",
    "ÄÖÜ ß é ñ 日本語 한국어 العربية",
    "\N{FAMILY} \N{THUMBS UP SIGN}\N{EMOJI MODIFIER FITZPATRICK TYPE-4} \N{REGIONAL INDICATOR SYMBOL LETTER D}",
    "def f(x):\n    return x ** 2  # 3.14159 1_000_000",
    "",
]
VOCABULARIES = ["qwen2", "llama-bpe", "llama-spm", "phi-3", "gpt-2", "deepseek-llm", "command-r", "falcon"]


@pytest.fixture(params=VOCABULARIES)
def real(request: pytest.FixtureRequest, upstream: Path) -> Any:
    """The codec of a vocabulary file (it has no weights)."""
    c = library().c
    params = c.llama_model_default_params()
    params.vocab_only = True
    path = upstream / f"ggml-vocab-{request.param}.gguf"
    handle = c.llama_model_load_from_file(str(path).encode(), params)
    vocabulary = c.llama_model_get_vocab(handle)
    spaces = c.llama_vocab_type(vocabulary) == c.LLAMA_VOCAB_TYPE_SPM
    yield GgufCodec(library(), vocabulary, space_prefix=spaces)
    c.llama_model_free(handle)


def decoded(codec: GgufCodec, tokens: list[int], prompt: tuple[int, ...] = ()) -> bytes:
    decoder = codec.decoder(prompt)
    return b"".join(decoder.push(token) for token in tokens)


@pytest.mark.parametrize("text", TEXTS)
def test_every_byte_comes_back(model: GgufModel, text: str) -> None:
    assert decoded(model.codec, model.codec.encode(text)) == text.encode()


@pytest.mark.parametrize("text", TEXTS)
def test_every_byte_comes_back_from_real_vocabularies(real: GgufCodec, text: str) -> None:
    assert decoded(real, real.encode(text)) == text.encode()


def test_real_vocabularies_give_upstream_s_own_ids(
    real: GgufCodec, upstream: Path, request: pytest.FixtureRequest
) -> None:
    name = request.node.callspec.params["real"]
    texts = (upstream / f"ggml-vocab-{name}.gguf.inp").read_text().split("\n__ggml_vocab_test__\n")
    expected = (upstream / f"ggml-vocab-{name}.gguf.out").read_text().splitlines()
    compared = 0
    for text, line in zip(texts, expected, strict=False):
        assert real.encode(text) == [int(word) for word in line.split()], repr(text)
        compared += 1
    assert compared > 30


def test_control_tokens_are_recognised_in_text_and_never_shown(model: GgufModel) -> None:
    codec = model.codec
    ids = codec.encode("<|im_start|>dog<|im_end|>")
    assert ids[0] == 1
    assert ids[-1] == 2
    assert decoded(codec, ids) == b"dog"
    assert codec.piece(1) == b""
    assert codec.text(1) == "<|im_start|>"


def test_user_defined_tokens_are_shown(model: GgufModel) -> None:
    ids = model.codec.encode("<note>dog")
    assert ids[0] == 3
    assert decoded(model.codec, ids) == b"<note>dog"


def test_a_character_split_over_tokens_comes_byte_by_byte(model: GgufModel) -> None:
    ids = model.codec.encode("日")
    assert len(ids) == 3
    assert [model.codec.piece(token) for token in ids] == [bytes([byte]) for byte in "日".encode()]


def test_no_text_is_added_before_or_after(model: GgufModel) -> None:
    assert model.codec.encode("") == []
    assert 0 not in model.codec.encode("the quick")


def test_lone_surrogates_do_not_break_the_tokenizer(model: GgufModel) -> None:
    assert decoded(model.codec, model.codec.encode("a\ud800b")) == b"a?b"


def test_null_characters_are_text(model: GgufModel) -> None:
    assert decoded(model.codec, model.codec.encode("a\0b")) == b"a\0b"


def test_decoding_takes_linear_time_however_broken_the_bytes_are(model: GgufModel) -> None:
    """Each token costs one look-up: the work is counted, not timed."""
    codec, looked_up = model.codec, []
    piece = codec.piece

    class Counted(GgufCodec):
        def piece(self, token: int) -> bytes:
            looked_up.append(token)
            return piece(token)

    counted = Counted(library(), codec._vocabulary, space_prefix=False)
    broken = [codec.encode("日")[0]] * 2000
    assert decoded(counted, broken) == "日".encode()[:1] * 2000
    assert len(looked_up) == 2000


@pytest.mark.parametrize("real", ["llama-spm"], indirect=True)
def test_the_space_that_sentencepiece_adds_is_taken_away_where_it_was_added(real: GgufCodec) -> None:
    hello, world = real.encode("Hello"), real.encode("Hello world")[len(real.encode("Hello")) :]
    assert decoded(real, hello) == b"Hello"
    assert decoded(real, world, tuple(hello)) == b" world"
    bos = 1
    assert decoded(real, hello, (bos,)) == b"Hello"
    assert decoded(real, [*hello, bos, *hello]) == b"HelloHello"
    assert real.piece(hello[0]) == b" Hello"


def test_the_guide_tokenizer_is_made_once(model: GgufModel) -> None:
    assert model.codec.guide_tokenizer() is model.codec.guide_tokenizer()


def test_encoding_lets_other_threads_run(model: GgufModel) -> None:
    """While a long text is tokenised on another thread, this one counts on."""
    text = "the quick brown fox jumps over the lazy dog " * 20_000
    done = threading.Event()

    def encode() -> None:
        model.codec.encode(text)
        done.set()

    thread = threading.Thread(target=encode)
    thread.start()
    turns = 0
    while not done.is_set():
        turns += 1
        time.sleep(0)
    thread.join()
    assert turns > 10
