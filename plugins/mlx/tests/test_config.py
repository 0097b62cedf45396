"""What models.yaml may say about an MLX model."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from heylook_core.provider import TokenConfig
from heylook_mlx.config import MlxConfig

pytestmark = pytest.mark.unit

TABLE = Path(__file__).parents[3] / "docs/reference/mlx-config.md"
PREDECESSOR = [
    "model_path",
    "draft_model_path",
    "num_draft_tokens",
    "vision",
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "max_tokens",
    "repetition_penalty",
    "cache_type",
    "max_kv_size",
    "kv_bits",
    "kv_group_size",
    "quantized_kv_start",
    "trust_remote_code",
    "repetition_context_size",
    "use_flash_attention",
    "batch_size",
    "model_size_gb",
    "enable_queue",
    "queue_batch_size",
    "queue_timeout_ms",
]


def config(**keys):
    return msgspec.convert({"model_path": "m", **keys}, MlxConfig)


def test_every_key_of_the_predecessor_is_read_or_refused_with_a_reason():
    assert set(PREDECESSOR) <= set(MlxConfig.__struct_fields__)


def test_the_table_in_the_docs_has_every_key():
    documented = set(re.findall(r"^\| `(\w+)`", TABLE.read_text(), re.MULTILINE))
    own = set(MlxConfig.__struct_fields__) - set(TokenConfig.__struct_fields__)
    assert documented >= own | set(PREDECESSOR)
    assert documented <= set(MlxConfig.__struct_fields__)


@pytest.mark.parametrize(
    ("keys", "kind", "window", "bits"),
    [
        ({}, "standard", None, None),
        ({"kv_bits": 4}, "quantized", None, 4),
        ({"max_kv_size": 512}, "standard", None, None),
        ({"max_kv_size": 512, "cache_type": "rotating"}, "rotating", 512, None),
        ({"cache_type": "quantized"}, "quantized", None, 8),
        ({"cache_type": "rotating", "max_kv_size": 64, "kv_bits": 4}, "rotating", 64, None),
        ({"cache_type": "standard", "kv_bits": 4}, "standard", None, None),
        ({"kv_bits": 8, "max_kv_size": 64}, "quantized", None, 8),
    ],
)
def test_the_kind_of_cache_follows_from_the_keys(keys, kind, window, bits):
    found = config(**keys)
    assert (found.cache_kind, found.window, found.bits) == (kind, window, bits)


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"no_such": 1}, "no_such"),
        ({"kv_bits": 3}, "kv_bits"),
        ({"kv_group_size": 16}, "kv_group_size"),
        ({"max_concurrency": 0}, "max_concurrency"),
        ({"dtype": "int4"}, "dtype"),
        ({"vision": True, "kv_bits": 8}, "vision: true cannot be combined"),
        ({"cache_type": "rotating"}, "needs max_kv_size"),
        ({"draft_model_path": "d", "kv_bits": 4}, "cannot be combined with a quantized KV cache"),
        (
            {"draft_model_path": "d", "max_kv_size": 4, "cache_type": "rotating"},
            "cannot be combined with a rotating KV cache",
        ),
    ],
)
def test_wrong_and_contradicting_keys_are_refused(keys, sentence):
    with pytest.raises(msgspec.ValidationError, match=sentence):
        config(**keys)


@pytest.mark.parametrize(
    ("keys", "longest"),
    [
        ({}, None),
        ({"max_kv_size": 64}, 64),
        ({"max_kv_size": 64, "context": 32}, 32),
        ({"max_kv_size": 64, "kv_bits": 8}, 64),
        ({"max_kv_size": 64, "cache_type": "rotating"}, None),
        ({"max_kv_size": 64, "cache_type": "rotating", "context": 128}, 128),
    ],
)
def test_the_size_of_the_cache_limits_the_context_unless_it_rotates(keys, longest):
    assert config(**keys).longest == longest


def test_keys_without_effect_are_told():
    found = config(use_flash_attention=True, queue_timeout_ms=5, batch_size=4, kv_bits=4, cache_type="standard")
    notices = " ".join(found.notices())
    for key in ("use_flash_attention", "queue_timeout_ms", "batch_size", "kv_bits"):
        assert f"{key} has no effect" in notices
    assert config().notices() == []
