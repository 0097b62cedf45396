"""Tokens to exact bytes, for each family of tokenizers, on tokenizers made here."""

from __future__ import annotations

import threading

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from heylook_mlx.codec import SlowCodec, codec_of
from heylook_mlx.decoding import Pieces, family, space_prefix

pytestmark = pytest.mark.unit

TEXTS = [
    "plain words",
    " leading space",
    "two  spaces",
    "tab\tand\nline",
    "größe — naïve",
    "日本語",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467 family",
    "\u202ertl",
]
CORPUS = [*TEXTS, "the quick brown fox jumps over the lazy dog " * 3]


def byte_level() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.add_special_tokens([AddedToken("<|end|>", special=True)])
    tokenizer.add_tokens([AddedToken("<sp ace é>", normalized=False)])
    return tokenizer


def sentencepiece(prefix: str) -> Tokenizer:
    """A vocabulary of a few words, with every byte to fall back on."""
    words = ["\u2581", "\u2581the", "quick", "\u2581brown", "o", "x", "\u2581\u2581"]
    vocabulary = [("<unk>", -20.0), ("<s>", -20.0), ("</s>", -20.0)]
    vocabulary += [(f"<0x{byte:02X}>", -10.0) for byte in range(256)] + [(word, -1.0) for word in words]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=0, byte_fallback=True))
    space = normalizers.Replace(" ", "\u2581")
    if prefix == "always":
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), space])
    elif prefix == "never":
        tokenizer.normalizer = normalizers.Sequence([space])
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    steps = [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence(steps + ([decoders.Strip(" ", 1, 0)] if prefix != "never" else []))
    tokenizer.add_special_tokens([AddedToken("<s>", special=True), AddedToken("</s>", special=True)])
    return tokenizer


def word_piece() -> Tokenizer:
    letters = [chr(code) for code in range(97, 123)]
    vocabulary = ["[UNK]", *letters, *(f"##{letter}" for letter in letters), "hello", "world", "##ing"]
    tokenizer = Tokenizer(models.WordPiece({word: index for index, word in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.decoder = decoders.WordPiece(prefix="##", cleanup=False)
    return tokenizer


def codec(tokenizer: Tokenizer):
    return codec_of(PreTrainedTokenizerFast(tokenizer_object=tokenizer), tokenizer.get_vocab_size())


def decoded(some_codec, tokens, prompt=()) -> bytes:
    decoder = some_codec.decoder(prompt)
    return b"".join(decoder.push(token) for token in tokens)


BYTE_LEVEL = codec(byte_level())
SENTENCEPIECE = {prefix: codec(sentencepiece(prefix)) for prefix in ("always", "first", "never")}


@given(st.text())
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_byte_level_text_comes_back_byte_by_byte(text):
    assert decoded(BYTE_LEVEL, BYTE_LEVEL.encode(text)) == text.encode()


@pytest.mark.parametrize("prefix", ["always", "first", "never"])
@given(st.text().filter(lambda text: "\u2581" not in text))
@settings(deadline=None)
def test_sentencepiece_text_comes_back_byte_by_byte(prefix, text):
    assume(prefix != "first" or not text.startswith(" "))  # Metaspace encodes "a" and " a" alike
    some_codec = SENTENCEPIECE[prefix]
    assert decoded(some_codec, some_codec.encode(text)) == text.encode()


@given(st.lists(st.sampled_from([*TEXTS, "<|end|>", "<sp ace é>"])))
@settings(deadline=None)
def test_special_tokens_are_recognised_and_spelled_out(parts):
    text = "".join(parts)
    tokens = BYTE_LEVEL.encode(text)
    assert decoded(BYTE_LEVEL, tokens) == text.encode()
    assert tokens.count(BYTE_LEVEL.encode("<|end|>")[0]) == parts.count("<|end|>")


@pytest.mark.parametrize("prefix", ["always", "first", "never"])
def test_sentencepiece_space_after_a_special_token_is_the_text_s_own(prefix):
    some_codec = SENTENCEPIECE[prefix]
    for text in ("<s>the quick", "<s> the quick", "the<s>quick</s> brown"):
        assert decoded(some_codec, some_codec.encode(text)) == text.encode()


def test_a_continuation_keeps_its_leading_space():
    some_codec = SENTENCEPIECE["always"]
    prompt, answer = some_codec.encode("the"), some_codec.encode("the brown")[1:]
    assert decoded(some_codec, answer, prompt) == b" brown"


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_bytes_do_not_depend_on_where_a_character_is_split(size):
    tokens = BYTE_LEVEL.encode("日本語\U0001f469\u200d\U0001f469\u200d\U0001f467")
    decoder = BYTE_LEVEL.decoder()
    pieces = [b"".join(decoder.push(token) for token in tokens[at : at + size]) for at in range(0, len(tokens), size)]
    assert b"".join(pieces).decode() == "日本語\U0001f469\u200d\U0001f469\u200d\U0001f467"


def test_piece_is_context_free():
    (token,) = (token for token in SENTENCEPIECE["always"].encode("the") if token)
    assert SENTENCEPIECE["always"].piece(token) == b" the"
    assert SENTENCEPIECE["always"].piece(3) == b"\x00"
    assert BYTE_LEVEL.piece(10_000_000) == b""
    assert BYTE_LEVEL.piece(-1) == b""


def test_families_are_told_by_their_decoder():
    assert family(byte_level()) == "bytes"
    assert {family(sentencepiece(prefix)) for prefix in ("always", "first", "never")} == {"sentencepiece"}
    assert family(word_piece()) == "other"
    assert [space_prefix(sentencepiece(prefix)) for prefix in ("always", "first", "never")] == [
        "always",
        "first",
        "never",
    ]
    metaspace = sentencepiece("first")
    metaspace.decoder = decoders.Metaspace()
    assert Pieces(metaspace).kind == "sentencepiece"


def test_other_families_are_decoded_by_the_tokenizer_itself():
    some_codec = codec(word_piece())
    tokens = some_codec.encode("hello worlding abc hello hello hello hello hello hello")
    assert decoded(some_codec, tokens) == b"hello worlding abc hello hello hello hello hello hello"
    assert decoded(some_codec, tokens[1:], tokens[:1]).startswith(b" world")


def test_a_slow_tokenizer_has_a_codec_too():
    some_codec = SlowCodec(PreTrainedTokenizerFast(tokenizer_object=byte_level()))
    text = "naïve 日本語 and a longer sentence with many words"
    assert decoded(some_codec, some_codec.encode(text)).decode() == text


def test_truncation_of_the_file_is_not_applied():
    tokenizer = byte_level()
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=32)
    assert len(codec(tokenizer).encode("the quick brown fox " * 20)) > 40


def test_threads_may_encode_and_decode_at_once():
    texts = [text * 20 for text in TEXTS]
    found = {}

    def work(text):
        found[text] = decoded(BYTE_LEVEL, BYTE_LEVEL.encode(text))

    threads = [threading.Thread(target=work, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {text: text.encode() for text in texts}


def test_guide_tokenizer_is_made_once():
    pytest.importorskip("llguidance")
    assert BYTE_LEVEL.guide_tokenizer() is BYTE_LEVEL.guide_tokenizer()
