"""Settings of the KV cache: each does what it says, and where a model cannot follow it is refused at load."""

from __future__ import annotations

import pytest
from mlx_lm.models.cache import KVCache, QuantizedKVCache, RotatingKVCache

from heylook_core.engine import Budget, SequenceTask, Token
from heylook_core.errors import LoadFailed
from heylook_core.messages import SamplerSettings

pytestmark = pytest.mark.integration

PROMPT = [5 + number % 200 for number in range(500)]


def kept(provider, length=500):
    """The state after a prompt of `length` tokens and one of an answer."""
    model = provider.load()
    try:
        (engine,) = model.lanes()
        engine.insert(SequenceTask(1, PROMPT[:length], limit=1, sampling=SamplerSettings(temperature=0.0)))
        while not any(isinstance(out, Token) for out in engine.step(Budget(512))):
            pass
        return engine.remove(1, keep=True)
    finally:
        model.close()


@pytest.mark.parametrize("settings", [{"kv_bits": 8}, {"cache_type": "rotating", "max_kv_size": 64}])
@pytest.mark.parametrize("kind", ["gemma3_text", "lfm2", "mamba"])
def test_a_model_with_caches_of_its_own_is_refused_another_kind(provider_of, make_model, kind, settings):
    with pytest.raises(LoadFailed, match="brings a KV cache of its own kind, which cannot be"):
        provider_of(make_model(kind), **settings).load()


def test_fewer_bits_take_fewer_bytes(provider_of, llama):
    settings = {"kv_group_size": 32, "quantized_kv_start": 0, "dtype": "float32"}
    plain, eight, four = (
        kept(provider_of(llama, **more)).nbytes
        for more in ({"dtype": "float32"}, {"kv_bits": 8, **settings}, {"kv_bits": 4, **settings})
    )
    assert eight <= 0.35 * plain
    assert four <= 0.6 * eight


def test_larger_groups_take_fewer_bytes(provider_of, demo):
    settings = {"kv_bits": 8, "quantized_kv_start": 0}
    small, large = (kept(provider_of(demo, kv_group_size=size, **settings)).nbytes for size in (32, 64))
    assert large < small


@pytest.mark.parametrize(("length", "kind"), [(60, KVCache), (120, QuantizedKVCache)])
def test_a_cache_is_quantised_from_where_it_was_told(provider_of, llama, length, kind):
    snapshot = kept(provider_of(llama, kv_bits=8, kv_group_size=32, quantized_kv_start=100), length)
    assert {type(cache) for cache in snapshot.caches} == {kind}


def test_a_rotating_cache_holds_the_newest_tokens_only(provider_of, llama):
    snapshot = kept(provider_of(llama, cache_type="rotating", max_kv_size=64))
    assert {type(cache) for cache in snapshot.caches} == {RotatingKVCache}
    assert all(cache.keys.shape[2] <= 64 for cache in snapshot.caches)


@pytest.mark.parametrize(
    ("settings", "context"),
    [({"max_kv_size": 64}, 64), ({"max_kv_size": 64, "kv_bits": 8, "kv_group_size": 32}, 64),
     ({"max_kv_size": 64, "cache_type": "rotating"}, 4096)],
)  # fmt: skip
def test_the_size_of_the_cache_is_the_context_unless_it_rotates(provider_of, llama, settings, context):
    model = provider_of(llama, **settings).load()
    assert model.info.context == context
    model.close()
