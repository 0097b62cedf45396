"""Profiles and overrides: each visibly changes an entry, and what the user says wins."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from heylook_core.catalog.asking import recognise
from heylook_core.catalog.importing import configured
from heylook_core.catalog.profiles import PROFILES
from heylook_core.catalog.recognition import Recognised
from heylook_core.cli import import_
from heylook_core.errors import ConfigError
from heylook_core.plugins import Plugins
from heylook_core.settings import ScanSettings

from .conftest import Run
from .tree import BERT, HF_LLAMA, LLAMA, write_checkpoint, write_gguf

pytestmark = pytest.mark.unit

GB = 1_000_000_000
SAMPLING = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty")


@pytest.fixture
def plugins() -> Plugins:
    plugins = Plugins()
    plugins.load_hooks()
    return plugins


@pytest.fixture(params=["gguf", "mlx"])
def found(request: pytest.FixtureRequest, tmp_path: Path, plugins: Plugins) -> Recognised:
    if request.param == "gguf":
        path = write_gguf(tmp_path / "model.gguf", LLAMA)
    else:
        path = write_checkpoint(tmp_path / "model", HF_LLAMA)
    answer = recognise(path, plugins)
    assert isinstance(answer, Recognised)
    return answer


def added(found: Recognised, plugins: Plugins, profile: str | None, **overrides: Any) -> dict[str, Any]:
    """The keys that are not in the entry without a profile, or have another value there."""
    before = configured(found, plugins).config
    after = configured(found, plugins, profile, overrides).config
    return {key: value for key, value in after.items() if key not in before or before[key] != value}


def test_every_profile_changes_the_entry_and_no_two_are_the_same(found: Recognised, plugins: Plugins) -> None:
    changes = {profile: added(found, plugins, profile) for profile in PROFILES}
    assert all(changes.values())
    assert all(changes[one] != changes[other] for one, other in combinations(PROFILES, 2))


SAMPLED = {
    "fast": {"temperature": 0.3, "top_k": 10, "min_p": 0.1, "max_tokens": 256, "repetition_penalty": 1.0},
    "balanced": {"temperature": 0.7, "top_k": 40, "min_p": 0.05, "max_tokens": 512, "repetition_penalty": 1.05},
    "quality": {"temperature": 0.8, "top_k": 50, "top_p": 0.95, "max_tokens": 1024, "repetition_penalty": 1.1},
    "memory": {"max_tokens": 256},
    "interactive": {
        "temperature": 0.7,
        "top_k": 30,
        "min_p": 0.05,
        "max_tokens": 512,
        "repetition_penalty": 1.05,
        "repetition_context_size": 20,
    },
}
STANDARD: dict[str, dict[str, Any]] = {
    "mlx": {"cache_type": "standard"},
    "gguf": {"type_k": "f16", "type_v": "f16"},
}
SMALL: dict[str, dict[str, Any]] = {
    "mlx": {"cache_type": "quantized"},
    "gguf": {"type_k": "q8_0", "type_v": "q8_0"},
}
MEMORY: dict[str, dict[str, Any]] = {
    "mlx": {
        "cache_type": "quantized",
        "kv_bits": 4,
        "kv_group_size": 32,
        "quantized_kv_start": 256,
        "context": 1024,
    },
    "gguf": {"type_k": "q8_0", "type_v": "q8_0", "n_ctx": 1024, "slots": 2},
}


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_sets_exactly_its_values(found: Recognised, plugins: Plugins, profile: str) -> None:
    provider = found.entry.provider
    cache = {"interactive": {}, "memory": MEMORY[provider]}.get(profile, STANDARD[provider])
    assert added(found, plugins, profile) == {**SAMPLED[profile], **cache}


@pytest.mark.parametrize(("profile", "limit"), [("fast", 13 * GB), ("balanced", 30 * GB), ("quality", None)])
def test_large_models_get_a_small_cache_by_their_size_on_disk(
    found: Recognised, plugins: Plugins, profile: str, limit: int | None, tmp_path: Path
) -> None:
    provider = found.entry.provider
    for size, small in ((limit or 100 * GB, False), ((limit or 100 * GB) + 1, limit is not None)):
        weights = tmp_path / "sparse"
        with weights.open("wb") as file:
            file.truncate(size)
        large = msgspec.structs.replace(found, files=(weights,))
        cache = (SMALL if small else STANDARD)[provider]
        assert added(large, plugins, profile) == {**SAMPLED[profile], **cache}


def test_the_users_word_is_the_last(found: Recognised, plugins: Plugins) -> None:
    changes = added(found, plugins, "fast", temperature=0.9, max_tokens=7)
    assert (changes["temperature"], changes["max_tokens"], changes["top_k"]) == (0.9, 7, 10)
    derived = "n_ctx" if found.entry.provider == "gguf" else "context"
    assert configured(found, plugins, "memory", {derived: 512}).config[derived] == 512


def test_a_model_for_embeddings_gets_no_sampling(tmp_path: Path, plugins: Plugins) -> None:
    folder = write_checkpoint(tmp_path / "vectors", HF_LLAMA, ("tokenizer.json", "1_Pooling/config.json"))
    for path, limit in ((write_gguf(tmp_path / "bert.gguf", BERT), "n_ctx"), (folder, "context")):
        found = recognise(path, plugins)
        assert isinstance(found, Recognised)
        assert not any(added(found, plugins, profile) for profile in PROFILES if profile != "memory")
        assert added(found, plugins, "memory") == {limit: 1024}


def test_heads_that_fit_no_block_keep_their_cache(tmp_path: Path, plugins: Plugins) -> None:
    found = recognise(write_gguf(tmp_path / "odd.gguf", {**LLAMA, "llama.attention.head_count": 4}), plugins)
    assert isinstance(found, Recognised)
    assert added(found, plugins, "memory") == {"max_tokens": 256, "n_ctx": 1024, "slots": 2}


def test_a_context_is_never_longer_than_that_of_training(tmp_path: Path, plugins: Plugins) -> None:
    found = recognise(write_gguf(tmp_path / "short.gguf", {**LLAMA, "llama.context_length": 300}), plugins)
    assert isinstance(found, Recognised)
    assert configured(found, plugins).config["n_ctx"] == 300
    assert configured(found, plugins, "memory").config["n_ctx"] == 300


# ------------------------------------------------------------------ on the command line


@pytest.fixture
def both(tmp_path: Path) -> Path:
    write_gguf(tmp_path / "models" / "a.gguf", LLAMA)
    write_checkpoint(tmp_path / "models" / "b", HF_LLAMA)
    return tmp_path / "models"


def test_overrides_go_where_the_provider_knows_them(run: Run, both: Path) -> None:
    given = ["temperature=0.5", "n_ctx=512", "stop=[a, b]", "num_draft_tokens=3"]
    code, out, _ = run(
        "import", "--folder", str(both), "--profile", "fast", "--dry-run", *(f"--override={one}" for one in given)
    )
    first, second = (entry["config"] for entry in yaml.safe_load(out)["models"])
    assert code == 0
    assert (first["temperature"], first["n_ctx"], first["stop"], first["top_k"]) == (0.5, 512, ["a", "b"], 10)
    assert (second["temperature"], second["num_draft_tokens"], "n_ctx" in second) == (0.5, 3, False)
    assert "num_draft_tokens" not in first


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            "temperature_=1",
            "--override names temperature_, which no provider of these models knows; did you mean temperature?",
        ),
        ("temperature=hot", "expected `float | null`, got `str`; found 'hot'"),
        ("n_ctx=0", "n_ctx is 0, but must be at least 1"),
        ("model_path=/x", "--override cannot set model_path"),
    ],
)
def test_a_wrong_override_is_an_error_and_nothing_is_written(run: Run, both: Path, given: str, words: str) -> None:
    code, _, err = run("import", "--folder", str(both), "--override", given)
    assert (code, words in err) == (2, True), err
    assert not Path("models_imported.yaml").exists()


def test_the_names_of_profiles_are_the_same_everywhere() -> None:
    assert import_.PROFILES == PROFILES
    for profile in PROFILES:
        assert msgspec.convert({"folder": "a", "profile": profile}, ScanSettings).profile == profile
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"folder": "a", "profile": "quick"}, ScanSettings)


def test_a_config_that_a_profile_would_break_is_refused(found: Recognised, plugins: Plugins) -> None:
    if found.entry.provider == "mlx":
        with pytest.raises(ConfigError, match="draft_model_path cannot be combined"):
            configured(found, plugins, "memory", {"draft_model_path": "/draft"})
    else:
        with pytest.raises(ConfigError, match="keep one of them"):
            configured(found, plugins, "fast", {"repeat_penalty": 1.1})
