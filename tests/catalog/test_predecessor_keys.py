"""What the reference says of the predecessor's keys is what becomes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from heylook_core.config import check_entry, load_settings
from heylook_core.errors import ConfigError, PluginError
from heylook_core.plugins import PROVIDERS, Plugins
from heylook_core.settings import ModelEntry

pytestmark = pytest.mark.unit

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "predecessor-keys.md"

# Every key that the predecessor knew, documented or read, with a value that it took.
TOP: dict[str, Any] = {
    "default_model": "x",
    "max_loaded_models": 1,
    "models": [{"id": "x", "provider": "toy"}],
    "queue_config": {"enabled": True, "max_batch_size": 4},
}
ENTRY: dict[str, Any] = {
    "id": "y",
    "provider": "toy",
    "config": {},
    "description": "a line",
    "tags": ["small"],
    "enabled": False,
}
SAMPLING = {"temperature": 0.5, "top_p": 0.9, "top_k": 10, "min_p": 0.1, "max_tokens": 5}
MLX: dict[str, Any] = {
    **SAMPLING,
    "model_path": "/m",
    "draft_model_path": "/d",
    "num_draft_tokens": 4,
    "vision": True,
    "repetition_penalty": 1.1,
    "repetition_context_size": 30,
    "cache_type": "quantized",
    "max_kv_size": 512,
    "kv_bits": 4,
    "kv_group_size": 32,
    "quantized_kv_start": 100,
    "trust_remote_code": True,
    "use_flash_attention": True,
    "batch_size": 2,
    "model_size_gb": 7.0,
    "enable_queue": True,
    "queue_batch_size": 4,
    "queue_timeout_ms": 100,
}
GGUF: dict[str, Any] = {
    **SAMPLING,
    "model_path": "/m.gguf",
    "mmproj_path": "/mmproj.gguf",
    "chat_format": "chatml",
    "chat_format_template": "/t.jinja",
    "n_gpu_layers": 0,
    "n_ctx": 512,
    "vision": True,
    "embedding": False,
    "n_batch": 512,
    "n_threads": 2,
    "use_mmap": False,
    "use_mlock": True,
    "repeat_penalty": 1.1,
    "stop": ["x"],
    "cache": True,
    "cache_size": 1 << 30,
}
COREML: dict[str, Any] = {
    "model_path": "/m",
    "compute_units": "CPU_AND_NE",
    "sample_rate": 16_000,
    "max_audio_seconds": 15.0,
}
KEYS = {"top": TOP, "entry": ENTRY, "mlx": MLX, "gguf": GGUF, "coreml_stt": COREML}


def rows() -> list[tuple[str, str, str]]:
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| ") and "`" in line]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [(where, key.strip("`"), outcome) for where, key, outcome, _ in cells]


def outcome_in_file(data: dict[str, Any], key: str) -> str:
    """Of a key that stands outside of `config`."""
    Path("models.yaml").write_text(yaml.safe_dump(data))
    try:
        found = load_settings()
    except ConfigError as error:
        return "refused" if key in error.message else error.message
    return "warned" if any(f"{key}: this has no effect" in warning for warning in found.warnings) else "honoured"


def outcome_in_config(provider: str, key: str, value: Any) -> str:
    config = {"model_path": "/m", key: value}
    if key == "max_kv_size":
        config["cache_type"] = "rotating"
    if (provider, key) == ("gguf", "vision"):
        config["mmproj_path"] = "/mmproj.gguf"
    try:
        found = check_entry(ModelEntry(id="m", provider=provider, config=config), Plugins())
    except ConfigError as error:
        return "refused" if key in error.message else error.message
    notices = " ".join(found.notices())
    assert getattr(found, key) in (value, tuple(value) if isinstance(value, list) else value)
    return "warned" if f"{key} has no effect" in notices else "honoured"


@pytest.mark.parametrize(("where", "key", "expected"), rows())
def test_a_key_does_what_the_reference_says(where: str, key: str, expected: str) -> None:
    if where == "top":
        models = {"models": TOP["models"]}
        assert outcome_in_file({**models, key: TOP[key]}, key) == expected
    elif where == "entry":
        entry = {"id": "y", "provider": "toy", key: ENTRY[key]}
        assert outcome_in_file({"models": [entry]}, key) == expected
    elif where in Plugins().names(PROVIDERS):
        assert outcome_in_config(where, key, KEYS[where][key]) == expected
    else:
        pytest.skip(f"the provider {where} is not installed")


def test_the_reference_lists_every_key_once() -> None:
    listed = [(where, key) for where, key, _ in rows()]
    assert sorted(listed) == sorted((where, key) for where, keys in KEYS.items() for key in keys)


def test_a_key_that_nobody_knew_is_refused() -> None:
    for where in ("mlx", "gguf"):
        with pytest.raises(ConfigError, match="there is no such key"):
            check_entry(ModelEntry(id="m", provider=where, config={"model_path": "/m", "n_ctxx": 1}), Plugins())


def test_the_other_name_of_a_provider_takes_the_same_keys() -> None:
    try:
        found = check_entry(
            ModelEntry(id="m", provider="llama_cpp", config={"model_path": "/m", "n_ctx": 5}), Plugins()
        )
    except PluginError:
        pytest.skip("the provider gguf is not installed")
    assert found.n_ctx == 5
