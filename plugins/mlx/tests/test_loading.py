"""Loading: what a model says of itself, and loads that cannot work."""

from __future__ import annotations

import json
import shutil
import socket

import pytest

from heylook_core.errors import LoadFailed
from heylook_core.messages import Sampling

pytestmark = pytest.mark.integration


@pytest.fixture
def copy(llama, tmp_path):
    return shutil.copytree(llama, tmp_path / "copy")


@pytest.fixture
def loaded():
    """Loads through a provider and closes the model at the end."""
    models = []

    def load(provider):
        models.append(provider.load())
        return models[-1]

    yield load
    for model in models:
        model.close()


def edit(file, **keys):
    file.write_text(json.dumps({**json.loads(file.read_text()), **keys}))


def test_a_model_describes_itself(provider_of, llama, loaded):
    info = loaded(provider_of(llama, max_tokens=77, stop=("END",), max_concurrency=3)).info
    assert (info.context, info.eos, info.rows, info.trims) == (4096, (2,), 3, True)
    assert {"chat", "completion", "logprobs"} <= set(info.capabilities)
    assert "embed" in info.capabilities
    assert "im_start" in info.template
    assert info.special["eos_token"] == "<|im_end|>"
    assert (info.max_tokens, info.stop) == (77, ("END",))
    assert info.weights_bytes > (llama / "model.safetensors").stat().st_size * 0.9
    assert info.fingerprint


def test_context_can_be_lowered_and_not_raised(provider_of, llama, loaded):
    assert loaded(provider_of(llama, context=1000)).info.context == 1000
    assert loaded(provider_of(llama, context=100_000)).info.context == 4096


def test_generation_config_gives_defaults_and_ends(provider_of, copy, loaded):
    settings = {"temperature": 0.6, "top_k": 20, "repetition_penalty": 1.1, "eos_token_id": [0, 2]}
    (copy / "generation_config.json").write_text(json.dumps({"do_sample": True, **settings}))
    info = loaded(provider_of(copy)).info
    assert info.defaults == Sampling(temperature=0.6, top_k=20, repetition_penalty=1.1)
    assert info.eos == (0, 2)


def test_a_model_that_does_not_sample_is_greedy(provider_of, copy, loaded):
    (copy / "generation_config.json").write_text('{"do_sample": false, "temperature": 0.6}')
    assert loaded(provider_of(copy)).info.defaults == Sampling(temperature=0.0)


def test_a_template_in_a_file_of_its_own_is_found(provider_of, copy, loaded):
    settings = json.loads((copy / "tokenizer_config.json").read_text())
    del settings["chat_template"]
    (copy / "tokenizer_config.json").write_text(json.dumps(settings))
    assert "chat" not in loaded(provider_of(copy)).info.capabilities
    (copy / "chat_template.jinja").write_text("{{ messages[0].content }} enable_thinking tools")
    info = loaded(provider_of(copy)).info
    assert info.template.startswith("{{ messages[0]")
    assert {"chat", "tools", "reasoning"} <= set(info.capabilities)


def test_dtype_is_float32_without_metal_and_can_be_set(provider_of, demo, loaded):
    import mlx.core as mx

    half = loaded(provider_of(demo, dtype="float16")).info.weights_bytes
    assert loaded(provider_of(demo, dtype="float32")).info.weights_bytes == 2 * half
    if not mx.metal.is_available():
        assert loaded(provider_of(demo)).info.weights_bytes == 2 * half


def test_a_begin_token_is_named_only_where_the_tokenizer_adds_it(provider_of, copy, loaded):
    from tokenizers import Tokenizer, processors

    edit(copy / "tokenizer_config.json", bos_token="<|endoftext|>")
    assert loaded(provider_of(copy)).info.bos is None
    tokenizer = Tokenizer.from_file(str(copy / "tokenizer.json"))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", 0)]
    )
    tokenizer.save(str(copy / "tokenizer.json"))
    assert loaded(provider_of(copy)).info.bos == 0


def test_loading_never_uses_the_network(provider_of, llama, loaded, monkeypatch):
    def refuse(*_):
        raise AssertionError("loading opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert loaded(provider_of(llama)).info.vocabulary


def test_an_unknown_architecture_is_named(provider_of, copy):
    edit(copy / "config.json", model_type="no_such_model")
    with pytest.raises(LoadFailed, match=r"no implementation for the model.*no_such_model"):
        provider_of(copy).load()


@pytest.mark.parametrize("keys", [{"num_hidden_layers": 5}, {"hidden_size": 64}, {"num_hidden_layers": 1}])
def test_weights_that_do_not_fit_the_configuration_are_refused(provider_of, copy, keys):
    edit(copy / "config.json", **keys)
    with pytest.raises(LoadFailed, match="could not be loaded"):
        provider_of(copy).load()


def test_code_of_a_model_is_not_run_unasked(provider_of, copy):
    edit(copy / "config.json", model_file="code.py")
    (copy / "code.py").write_text("raise SystemExit('code of the model was run')")
    with pytest.raises(LoadFailed, match="trust_remote_code: true"):
        provider_of(copy).load()


def test_a_broken_tokenizer_is_a_load_failure(provider_of, copy):
    (copy / "tokenizer.json").write_text("{")
    with pytest.raises(LoadFailed, match="could not be loaded"):
        provider_of(copy).load()


def test_a_group_size_that_does_not_fit_names_one_that_does(provider_of, llama):
    with pytest.raises(LoadFailed, match=r"does not divide the head size 32.*set it to 32"):
        provider_of(llama, kv_bits=8).load()


def test_a_draft_model_of_another_vocabulary_is_refused(provider_of, llama, demo):
    with pytest.raises(LoadFailed, match="another vocabulary"):
        provider_of(llama, draft_model_path=str(demo)).load()


def test_the_fingerprint_follows_the_weights_of_the_draft_model(provider_of, llama, other_llama, make_model, loaded):
    small = make_model("llama", num_hidden_layers=1)
    drafts = [None, other_llama, small, shutil.copytree(small, small.with_name("copy"))]
    prints = [loaded(provider_of(llama, draft_model_path=draft and str(draft))).info.fingerprint for draft in drafts]
    assert prints[2] == prints[3]
    assert len(set(prints)) == 3


def test_an_adapter_changes_answers_and_fingerprint(provider_of, llama, loaded, tmp_path):
    import mlx.core as mx

    settings = {"fine_tune_type": "lora", "num_layers": 3}
    settings["lora_parameters"] = {"rank": 2, "scale": 20.0, "dropout": 0.0, "keys": ["self_attn.q_proj"]}
    (tmp_path / "adapter_config.json").write_text(json.dumps(settings))
    layer = "model.layers.{}.self_attn.q_proj.lora_{}"
    weights = {layer.format(n, "a"): mx.ones((128, 2)) for n in range(3)}
    weights |= {layer.format(n, "b"): mx.ones((2, 128)) * 0.1 for n in range(3)}
    mx.save_safetensors(str(tmp_path / "adapters.safetensors"), weights)
    plain, adapted = loaded(provider_of(llama)), loaded(provider_of(llama, adapter_path=str(tmp_path)))
    assert plain.info.fingerprint != adapted.info.fingerprint
    assert adapted.info.weights_bytes > plain.info.weights_bytes


def test_a_missing_adapter_is_named(provider_of, llama, tmp_path):
    with pytest.raises(LoadFailed, match=r"has no adapter_config.json; correct adapter_path"):
        provider_of(llama, adapter_path=str(tmp_path)).load()
