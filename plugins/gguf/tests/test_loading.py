"""Loading: what works, what is refused with a reason, and what a loaded model says about itself."""

from __future__ import annotations

import logging
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest

from heylook_core.engine import Budget, SequenceTask, Token
from heylook_core.errors import LoadFailed
from heylook_core.messages import SamplerSettings
from heylook_core.provider import ModelSpec
from heylook_gguf.model import GgufModel
from heylook_gguf.provider import GgufProvider
from heylook_gguf.template import CHATML
from heylook_gguf.weights import CACHE_TYPES

pytestmark = pytest.mark.integration

Load = Callable[..., GgufModel]
Make = Callable[..., Path]
sids = count(1)


def answer(model: GgufModel, tokens: list[int], limit: int = 12) -> list[int]:
    engine, sid = model.lanes()[0], next(sids)
    ids: list[int] = []
    engine.insert(SequenceTask(sid, tokens, limit=limit, sampling=SamplerSettings(temperature=0.0)))
    while len(ids) < limit:
        ids += [out.id for out in engine.step(Budget(64)) if isinstance(out, Token)]
    engine.remove(sid, keep=False)
    return ids


def refusal(load: Load, path: Path, **config: Any) -> str:
    with pytest.raises(LoadFailed) as caught:
        load(path, **config)
    return caught.value.message


# ---------------------------------------------------------------------- refusals


def test_a_missing_file(load: Load, tmp_path: Path) -> None:
    assert "There is no file" in refusal(load, tmp_path / "none.gguf")


def test_a_folder(load: Load, tmp_path: Path) -> None:
    assert "is a folder" in refusal(load, tmp_path)


def test_another_kind_of_file(load: Load, tmp_path: Path) -> None:
    path = tmp_path / "page.gguf"
    path.write_text("<html>not found</html>")
    assert "does not begin with the four letters GGUF" in refusal(load, path)


@pytest.mark.parametrize("kept", [6, 30, 200])
def test_a_damaged_header(load: Load, tiny: Path, tmp_path: Path, kept: int) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(tiny.read_bytes()[:kept])
    assert "header is damaged" in refusal(load, path)


def test_a_file_cut_off_in_its_weights(load: Load, tiny: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.gguf"
    whole = tiny.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    message = refusal(load, path)
    assert "could not be loaded" in message
    assert "llama.cpp said" in message


def test_an_unknown_architecture(load: Load, make_model: Make, tmp_path: Path) -> None:
    message = refusal(load, make_model(tmp_path / "odd.gguf", architecture="unheard"))
    assert "unheard" in message
    assert "newer llama-cpp-python" in message


def test_a_file_with_a_vocabulary_only(load: Load, make_model: Make, tmp_path: Path) -> None:
    assert "no weights" in refusal(load, make_model(tmp_path / "words.gguf", weights=False))


def test_upstream_s_vocabulary_files(load: Load, upstream: Path) -> None:
    assert "no weights" in refusal(load, upstream / "ggml-vocab-qwen2.gguf")


def test_a_vision_projector(load: Load, make_model: Make, tmp_path: Path) -> None:
    assert "belongs to a model" in refusal(load, make_model(tmp_path / "mmproj.gguf", architecture="clip"))


def test_a_later_part_of_a_split_model(load: Load, tiny: Path, tmp_path: Path) -> None:
    path = tmp_path / "model-00002-of-00003.gguf"
    path.write_bytes(tiny.read_bytes())
    assert "set model_path to part 1" in refusal(load, path)


def test_a_cache_larger_than_the_memory(load: Load, make_model: Make, tmp_path: Path) -> None:
    path = make_model(tmp_path / "long.gguf", extra=lambda writer: writer.add_uint32("llama.context_length", 1 << 24))
    message = refusal(load, path, n_ctx=1 << 24, slots=100)
    assert "lower n_ctx or slots" in message or "lower them" in message


def test_a_cache_type_that_does_not_fit_the_model(load: Load, tiny: Path) -> None:
    assert "No context" in refusal(load, tiny, type_v="q8_0", flash_attn=True)


def test_a_missing_lora_adapter(load: Load, tiny: Path) -> None:
    assert "There is no LoRA adapter" in refusal(load, tiny, lora=({"path": "nowhere.gguf"},))


def test_a_file_that_is_no_lora_adapter(load: Load, tiny: Path) -> None:
    assert "does not fit this model" in refusal(load, tiny, lora=({"path": str(tiny)},))


def test_a_failed_load_leaves_the_next_one_unharmed(load: Load, tiny: Path, tmp_path: Path, model: GgufModel) -> None:
    refusal(load, tmp_path / "none.gguf")
    refusal(load, tiny, type_v="q8_0", flash_attn=True)
    again = load(tiny)
    prompt = again.codec.encode("the quick brown fox")
    assert answer(again, prompt) == answer(model, prompt)
    again.close()


# ---------------------------------------------------------------------- what works


def test_the_provider_loads_from_plain_data(tiny: Path) -> None:
    data = {"model_path": str(tiny), "n_ctx": 256, "n_threads": 1, "slots": 2}
    config = msgspec.convert(data, GgufProvider.Config)
    provider = GgufProvider(ModelSpec(id="m", provider="gguf", config=data), config)
    model = provider.load()
    assert model.info.rows == 2
    model.close()
    provider.close()


def test_what_the_file_says_is_what_the_core_is_told(model: GgufModel) -> None:
    info = model.info
    assert info.context == 512
    assert info.eos == (0, 2)
    assert info.bos is None
    assert info.special == {"bos_token": "<|endoftext|>", "eos_token": "<|im_end|>"}
    assert info.template is not None
    assert {"chat", "completion", "embed", "logprobs", "schema"} <= set(info.capabilities)
    assert info.weights_bytes > 0
    assert info.trims


def test_a_begin_token_that_the_file_asks_for_is_passed_on(load: Load, make_model: Make, tmp_path: Path) -> None:
    path = make_model(tmp_path / "bos.gguf", tokenizer=_with_bos)
    model = load(path)
    assert model.info.bos == 0
    model.close()


def _with_bos(writer: Any) -> int:
    import gguf

    tokens = ["<|endoftext|>", *(chr(code) for code in range(33, 127))]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.CONTROL] + [gguf.TokenType.NORMAL] * 94)
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    writer.add_add_bos_token(True)
    return len(tokens)


def test_sampling_that_the_file_recommends_is_a_default(load: Load, make_model: Make, tmp_path: Path) -> None:
    def extra(writer: Any) -> None:
        writer.add_float32("general.sampling.temp", 0.6)
        writer.add_int32("general.sampling.top_k", 20)

    model = load(make_model(tmp_path / "sampling.gguf", extra=extra))
    assert model.info.defaults.temperature == pytest.approx(0.6)
    assert model.info.defaults.top_k == 20
    assert model.info.defaults.top_p is None
    model.close()


def test_context_beyond_training_is_lowered_with_a_warning(
    load: Load, tiny: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        model = load(tiny, n_ctx=50_000, slots=1)
    assert model.info.context == 2048
    assert "trained for 2048" in caplog.text
    model.close()


def test_templates_in_their_order(load: Load, make_model: Make, tmp_path: Path, tiny: Path) -> None:
    own = tmp_path / "own.jinja"
    own.write_text("{{ messages }}")
    bare = make_model(tmp_path / "bare.gguf", template=None)
    for path, config, expected in (
        (tiny, {"chat_format_template": str(own), "chat_format": "llama-3"}, "{{ messages }}"),
        (bare, {}, None),
        (bare, {"chat_format": "chatml"}, CHATML),
    ):
        model = load(path, **config)
        assert model.info.template == expected
        assert ("chat" in model.info.capabilities) == (expected is not None)
        model.close()
    assert "chat_format_template" in refusal(load, bare, chat_format="llama-3")
    assert "cannot be read" in refusal(load, tiny, chat_format_template=str(tmp_path / "none.jinja"))


def test_a_named_format_does_not_override_the_file_s_template(
    load: Load, tiny: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = load(tiny, chat_format="llama-3")
    assert model.info.template is not None
    assert "<|im_start|>" in model.info.template
    assert "is ignored" in caplog.text
    model.close()


@pytest.mark.parametrize(("use_mmap", "use_mlock"), [(True, False), (False, False), (False, True), (True, True)])
def test_every_way_of_reading_the_file_gives_the_same_answer(
    load: Load, tiny: Path, model: GgufModel, use_mmap: bool, use_mlock: bool
) -> None:
    other = load(tiny, use_mmap=use_mmap, use_mlock=use_mlock, slots=1)
    prompt = model.codec.encode("a model reads tokens")
    assert answer(other, prompt) == answer(model, prompt)
    other.close()


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_K_M", "Q6_K", "Q3_K_M"])
def test_quantised_weights_load_and_answer(
    load: Load, make_model: Make, quantise: Callable[[Path, str], Path], tmp_path: Path, kind: str
) -> None:
    path = quantise(make_model(tmp_path / "wide.gguf", width=256), kind)
    model = load(path, flash_attn=True, type_k="f16", type_v="f16")
    prompt = model.codec.encode("the quick brown fox jumps over")
    assert answer(model, prompt) == answer(model, prompt)
    model.close()


@pytest.mark.parametrize("kind", sorted(CACHE_TYPES))
def test_every_cache_type_runs_and_its_size_is_known(load: Load, make_model: Make, tmp_path: Path, kind: str) -> None:
    model = load(make_model(tmp_path / "wide.gguf", width=256), flash_attn=True, type_k=kind, type_v=kind, slots=1)
    engine = model.lanes()[0]
    engine.insert(SequenceTask(1, list(range(20, 220)), limit=2, sampling=SamplerSettings(temperature=0.0)))
    while not any(isinstance(out, Token) for out in engine.step(Budget(512))):
        pass
    snapshot = engine.remove(1, keep=True)
    assert snapshot is not None
    _, buffers = snapshot.export()
    assert buffers[1].nbytes == pytest.approx(snapshot.nbytes, rel=0.15)
    model.close()


def test_a_real_tokenizer_on_random_weights_streams(
    load: Load, make_model: Make, upstream: Path, tmp_path: Path
) -> None:
    model = load(make_model(tmp_path / "grafted.gguf", tokenizer=_grafted(upstream / "ggml-vocab-llama-spm.gguf")))
    prompt = model.codec.encode("Hello, 世界!")
    assert model.info.vocabulary == 32_000
    assert model.info.bos == 1
    ids = answer(model, prompt)
    decoder = model.codec.decoder(prompt)
    assert b"".join(decoder.push(token) for token in ids).strip() == b"".join(map(model.codec.piece, ids)).strip()
    model.close()


def _grafted(vocabulary: Path) -> Callable[[Any], int]:
    """A tokenizer copied from another file."""
    import gguf

    def add(writer: Any) -> int:
        reader = gguf.GGUFReader(str(vocabulary))
        for key, field in reader.fields.items():
            if not key.startswith("tokenizer.") or key == "tokenizer.chat_template":
                continue
            if field.types[0] == gguf.GGUFValueType.ARRAY:
                writer.add_array(key, field.contents())
            else:
                writer.add_key_value(key, field.contents(), field.types[0])
        return len(reader.fields["tokenizer.ggml.tokens"].data)

    return add


def test_a_lora_adapter_changes_the_answer_and_scale_zero_does_not(
    load: Load, tiny: Path, model: GgufModel, write_adapter: Make, tmp_path: Path
) -> None:
    path = write_adapter(tmp_path / "lora.gguf")
    prompt = model.codec.encode("the quick brown fox")
    plain = answer(model, prompt)
    for scale, same in ((1.0, False), (0.0, True)):
        tuned = load(tiny, lora=({"path": str(path), "scale": scale},))
        assert (answer(tuned, prompt) == plain) is same
        assert tuned.info.fingerprint != model.info.fingerprint
        tuned.close()
