"""Files of any content: an import reports them and goes on, whatever they hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings, strategies

from heylook_core.catalog import ollama
from heylook_core.catalog.recognition import Recognised, Unservable
from heylook_core.catalog.walk import folders
from heylook_gguf.recognition import recognise as recognise_gguf
from heylook_mlx.recognition import recognise as recognise_mlx

from .conftest import Run
from .tree import HF_LLAMA, LLAMA, put_in_hub_cache, write_checkpoint, write_gguf

pytestmark = pytest.mark.unit

quick = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
anything = strategies.recursive(
    strategies.none()
    | strategies.booleans()
    | strategies.integers()
    | strategies.floats()
    | strategies.text(max_size=9),
    lambda inner: (
        strategies.lists(inner, max_size=3) | strategies.dictionaries(strategies.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=6,
)
CONFIG_KEYS = (
    "model_type",
    "architectures",
    "max_position_embeddings",
    "vision_config",
    "text_config",
    "quantization",
    "quantization_config",
    "medusa_num_heads",
)


@quick
@given(strategies.data())
def test_any_bytes_in_a_gguf_header_are_answered(tmp_path: Path, data: strategies.DataObject) -> None:
    path = write_gguf(tmp_path / "m.gguf", LLAMA, {"blk.0.w": (2,)})
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(strategies.integers(1, 5))):
        content[data.draw(strategies.integers(0, len(content) - 1))] = data.draw(strategies.integers(0, 255))
    path.write_bytes(content[: data.draw(strategies.integers(0, len(content)))])
    assert isinstance(recognise_gguf(path), Recognised | Unservable | None)


@quick
@given(strategies.dictionaries(strategies.sampled_from([key for key in LLAMA if "." in key]), anything))
def test_any_value_in_a_gguf_header_is_answered(tmp_path: Path, values: dict[str, Any]) -> None:
    usable = {
        key: value
        for key, value in values.items()
        if isinstance(value, bool | str)
        or (isinstance(value, int) and 0 <= value < 1 << 32)
        or (isinstance(value, float) and abs(value) < 1e30)
    }
    path = write_gguf(tmp_path / "m.gguf", {**LLAMA, **usable}, {"blk.0.w": (2,)})
    assert isinstance(recognise_gguf(path), Recognised | Unservable)


@quick
@given(strategies.dictionaries(strategies.sampled_from(CONFIG_KEYS), anything, min_size=1))
def test_any_configuration_is_answered(tmp_path: Path, config: dict[str, Any]) -> None:
    folder = write_checkpoint(tmp_path / "m", {**HF_LLAMA, **config})
    assert isinstance(recognise_mlx(folder), Recognised | Unservable)


@quick
@given(anything)
def test_any_configuration_that_is_json_is_answered(tmp_path: Path, config: Any) -> None:
    folder = write_checkpoint(tmp_path / "m", {})
    (folder / "config.json").write_text(json.dumps(config))
    assert isinstance(recognise_mlx(folder), Unservable)


@quick
@given(strategies.binary(max_size=64))
def test_any_bytes_of_weights_are_answered(tmp_path: Path, content: bytes) -> None:
    folder = write_checkpoint(tmp_path / "m", HF_LLAMA)
    (folder / "model.safetensors").write_bytes(content)
    assert isinstance(recognise_mlx(folder), Recognised | Unservable)


@quick
@given(anything, anything)
def test_any_manifest_of_ollama_is_answered(tmp_path: Path, manifest: Any, layer: Any) -> None:
    place = tmp_path / "manifests" / "registry.ollama.ai" / "library" / "m" / "latest"
    place.parent.mkdir(parents=True, exist_ok=True)
    for content in (
        manifest,
        {"layers": manifest},
        {"layers": [layer]},
        {"layers": [{"mediaType": manifest, "digest": layer}]},
    ):
        place.write_text(json.dumps(content))
        (found,) = ollama.models(tmp_path)
        assert found.fault


@pytest.mark.parametrize("params", [b"", b"[]", b'{"stop": 5, "num_predict": "x"}', b"\xff"])
def test_any_parameters_of_ollama_are_answered(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, params: bytes
) -> None:
    from .tree import put_in_ollama

    sound = write_gguf(tmp_path / "made.gguf", LLAMA).read_bytes()
    put_in_ollama(tmp_path, "registry.ollama.ai/library/bad/latest", {"model": sound, "params": params})
    put_in_ollama(tmp_path, "registry.ollama.ai/library/good/latest", {"model": sound})
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path))
    code, out, err = run("import", "--ollama", "--dry-run")
    assert (code, [entry["id"] for entry in yaml.safe_load(out)["models"]]) == (0, ["good"])
    assert "skipped: " in err


NAMES = [
    "with space",
    "a:b",
    "#1",
    "- dash",
    "'quoted\"",
    "ünï",
    "[x]",
    "{y}",
    "%41",
    "on",
    "1.5",
    "a\nb",
    "$HOME",
    "~",
]


def test_any_name_of_a_file_is_served_by_what_was_written(run: Run, tmp_path: Path) -> None:
    for name in NAMES:
        write_gguf(tmp_path / "models" / f"{name}.gguf", {**LLAMA, "general.name": name})
    assert run("import", "--folder", str(tmp_path / "models"), "--output", "one.yaml")[0] == 0
    Path("two.yaml").write_text("models: []\n")
    assert run("import", "--folder", str(tmp_path / "models"), "--merge", "--output", "two.yaml")[0] == 0
    for file in ("one.yaml", "two.yaml"):
        code, out, _ = run("models", "check", "--config", file, "--json")
        rows = {row["id"]: row for row in json.loads(out)["models"]}
        assert set(NAMES) <= rows.keys()
        assert all(rows[name]["found"] for name in NAMES), code


def test_a_revision_cannot_lead_out_of_the_cache(run: Run, home: Path, tmp_path: Path) -> None:
    write_gguf(tmp_path / "secret" / "m.gguf", LLAMA)
    cache = home / ".cache" / "huggingface" / "hub"
    put_in_hub_cache(cache, "acme/one", {"README.md": b"x"})
    (cache / "models--acme--one" / "refs" / "main").write_text("../../../../../../../secret")
    code, _, err = run("import", "--hf-cache")
    assert (code, "No model was found" in err) == (2, True)


def test_a_folder_with_links_in_all_directions_ends(tmp_path: Path) -> None:
    root = tmp_path / "root"
    for name in ("a", "b", "c"):
        (root / name).mkdir(parents=True)
    for name in ("a", "b", "c"):
        for other in ("a", "b", "c"):
            (root / name / f"to-{other}").symlink_to(root / other)
        (root / name / "out").symlink_to(root)
    (root / "also-a").symlink_to(root / "a")
    errors: list[Path] = []
    found = [folder.path for folder in folders(root, lambda path, reason: errors.append(path))]
    assert (found, errors) == ([root, root / "a", root / "b", root / "c"], [])
