"""A folder that has grown, imported: exactly these entries, and a reason for everything else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from .conftest import Run
from .tree import HF_LLAMA, LLAMA, grow, projector, put_in_hub_cache, put_in_ollama, write_checkpoint, write_gguf

pytestmark = pytest.mark.unit

HEADER = """\
# Made by `heylookllm import`; serve it with: heylookllm --config models_imported.yaml
# Keys: docs/reference/config.md

"""
EXPECTED = """\
models:
  - id: with-head
    provider: gguf
    description: llama, 64.1k parameters, Q4_K_M, 257 kB
    tags: [gguf, llama]
    config:
      model_path: ROOT/drafts/with-head.gguf
      n_ctx: 4096
  - id: Blind
    provider: gguf
    description: llama, 64.1k parameters, Q4_K_M, 257 kB
    tags: [gguf, llama]
    config:
      model_path: ROOT/eyes/Blind.gguf
      n_ctx: 4096
  - id: Seer-Q4_K_M
    provider: gguf
    description: llama, 64.1k parameters, Q4_K_M, 257 kB
    tags: [gguf, llama, vision]
    config:
      model_path: ROOT/eyes/Seer-Q4_K_M.gguf
      n_ctx: 4096
      mmproj_path: ROOT/eyes/mmproj-F16.gguf
  - id: Seer-Q8_0
    provider: gguf
    description: llama, 64.1k parameters, Q8_0, 257 kB
    tags: [gguf, llama, vision]
    config:
      model_path: ROOT/eyes/Seer-Q8_0.gguf
      n_ctx: 4096
      mmproj_path: ROOT/eyes/mmproj-F16.gguf
  - id: Llama-HF
    provider: mlx
    description: llama, 100 parameters, BF16, 277 bytes
    tags: [mlx, llama, draft]
    config:
      model_path: ROOT/hf/Llama-HF
  - id: Vectors
    provider: mlx
    description: llama, 100 parameters, BF16, 277 bytes
    tags: [mlx, llama, embedding]
    config:
      model_path: ROOT/hf/Vectors
  - id: Big
    provider: gguf
    description: llama, 192 parameters, Q4_K_M, 1.79 kB
    tags: [gguf, llama]
    config:
      model_path: ROOT/split/Big-00001-of-00002.gguf
      n_ctx: 4096
  - id: bert
    provider: gguf
    description: nomic-bert, 640 parameters, F16, 2.92 kB
    tags: [gguf, nomic-bert, embedding]
    config:
      model_path: ROOT/vectors/bert.gguf
      n_ctx: 2048
  - id: pooled
    provider: gguf
    description: llama, 64.1k parameters, Q4_K_M, 257 kB
    tags: [gguf, llama, embedding]
    config:
      model_path: ROOT/vectors/pooled.gguf
      n_ctx: 4096
"""
SKIPPED = """\
ROOT/drafts/eagle.gguf: It is a draft head (eagle3) of another model.
ROOT/drafts/head.gguf: It is a draft head (its next-token layers only) of another model.
ROOT/eyes/mmproj-of-another.gguf: It is a projector and serves with its model, which was not found beside it.
ROOT/hf/bert: mlx-lm has no implementation of the model type 'bert'.
ROOT/hf/cut: ROOT/hf/cut/model.safetensors is broken: it has 267 bytes where its header promises 277. Download it again.
ROOT/hf/diffusion: Its config.json names no model_type, so it is no language model.
ROOT/junk/cut.gguf: It is no GGUF file, because its header is damaged or cut off.
ROOT/junk/empty.gguf: It is no GGUF file, because it does not begin with the four letters GGUF.
ROOT/junk/itself: It is a link to nowhere.
ROOT/junk/nowhere.gguf: It is a link to nowhere.
ROOT/junk/page.gguf: It is no GGUF file, because it does not begin with the four letters GGUF.
ROOT/junk/same.gguf: It is the same as ROOT/vectors/pooled.gguf.
ROOT/others/flux.gguf: It is no language model (architecture flux).
ROOT/others/lora.gguf: It is a LoRA adapter: name it in `lora` of its model's config.
ROOT/split/Half-00001-of-00002.gguf: Half-00002-of-00002.gguf is missing.
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    grow(folder)
    return folder


def test_a_folder_gives_exactly_these_entries(run: Run, root: Path) -> None:
    code, out, _ = run("import", "--folder", str(root))
    assert (code, out.partition(" written")[0]) == (0, "9 models")
    written = Path("models_imported.yaml").read_text().replace(str(root), "ROOT")
    assert written == HEADER + EXPECTED


def test_everything_else_is_skipped_with_a_reason(run: Run, root: Path) -> None:
    err = run("import", "--folder", str(root))[2].replace(str(root), "ROOT")
    lines = sorted(line.removeprefix("skipped: ") for line in err.splitlines() if line.startswith("skipped: "))
    assert lines == SKIPPED.splitlines()


@pytest.mark.parametrize("arguments", [("--log-level", "debug", "import"), ("import", "--log-level", "debug")])
def test_the_level_of_the_log_may_stand_on_either_side(run: Run, root: Path, arguments: tuple[str, ...]) -> None:
    assert run(*arguments, "--folder", str(root), "--dry-run")[0] == 0
    assert run("import", "--log-level", "loud", "--folder", str(root))[0] == 2


def test_the_same_folder_gives_the_same_text(run: Run, root: Path) -> None:
    for name in ("one.yaml", "two.yaml"):
        run("import", "--folder", str(root), "--output", name)
    first, second = (Path(name).read_text() for name in ("one.yaml", "two.yaml"))
    assert first == second.replace("two.yaml", "one.yaml")


def test_what_is_written_is_a_models_yaml_without_a_fault(run: Run, root: Path) -> None:
    run("import", "--folder", str(root))
    code, out, _ = run("models", "--config", "models_imported.yaml", "--json")
    listed = [row["id"] for row in json.loads(out) if row["source"] == "models.yaml"]
    assert (code, listed) == (0, [entry["id"] for entry in yaml.safe_load(EXPECTED)["models"]])


# ------------------------------------------------------------------ other programs


def entries(run: Run, *arguments: str) -> list[dict[str, object]]:
    code, out, err = run("import", *arguments, "--dry-run")
    assert code == 0, err
    found: list[dict[str, object]] = yaml.safe_load(out)["models"]
    return found


def file_of(path: Path, values: dict[str, object] = LLAMA) -> bytes:
    return write_gguf(path / "made.gguf", values).read_bytes()


def test_the_cache_of_hugging_face(run: Run, home: Path, tmp_path: Path) -> None:
    cache = home / ".cache" / "huggingface" / "hub"
    files = {path.name: path.read_bytes() for path in write_checkpoint(tmp_path / "made", HF_LLAMA).iterdir()}
    snapshot = put_in_hub_cache(cache, "acme/folder", files)
    old = put_in_hub_cache(cache, "acme/one", {"old.gguf": file_of(tmp_path)}, "1" * 40)
    one = put_in_hub_cache(cache, "acme/one", {"one-Q8_0.gguf": file_of(tmp_path), "README.md": b"hello"}, "2" * 40)
    many = put_in_hub_cache(cache, "acme/many", {f"many-{kind}.gguf": _of_kind(tmp_path, kind) for kind in (1, 7)})
    (cache / "models--acme--gone").mkdir()
    assert old.is_dir()
    assert [(entry["id"], entry["config"]) for entry in entries(run, "--hf-cache")] == [
        ("acme/folder", {"model_path": str(snapshot)}),
        ("acme/many:many-1", {"model_path": str(many / "many-1.gguf"), "n_ctx": 4096}),
        ("acme/many:many-7", {"model_path": str(many / "many-7.gguf"), "n_ctx": 4096}),
        ("acme/one", {"model_path": str(one / "one-Q8_0.gguf"), "n_ctx": 4096}),
    ]


def _of_kind(tmp_path: Path, kind: int) -> bytes:
    return file_of(tmp_path, {**LLAMA, "general.file_type": kind})


def test_the_cache_is_looked_for_where_the_environment_says(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in_hub_cache(tmp_path / "hf" / "hub", "acme/one", {"one.gguf": file_of(tmp_path)})
    code, _, err = run("import", "--hf-cache")
    assert (code, "No cache of Hugging Face was found (looked at" in err) == (2, True)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    assert [entry["id"] for entry in entries(run, "--hf-cache")] == ["acme/one"]


def test_the_folder_of_lm_studio(run: Run, home: Path, tmp_path: Path) -> None:
    models = home / ".lmstudio" / "models"
    write_gguf(models / "acme" / "one-GGUF" / "one-Q4_K_M.gguf", LLAMA)
    write_gguf(models / "acme" / "two-GGUF" / "two-Q4_K_M.gguf", LLAMA)
    write_gguf(models / "acme" / "two-GGUF" / "two-Q8_0.gguf", {**LLAMA, "general.file_type": 7})
    write_checkpoint(models / "mlx-community" / "three-4bit", HF_LLAMA)
    assert [entry["id"] for entry in entries(run, "--lm-studio")] == [
        "acme/one-GGUF",
        "acme/two-GGUF:two-Q4_K_M",
        "acme/two-GGUF:two-Q8_0",
        "mlx-community/three-4bit",
    ]
    elsewhere = tmp_path / "elsewhere"
    write_gguf(elsewhere / "acme" / "four" / "four.gguf", LLAMA)
    (home / ".lmstudio" / "settings.json").write_text(json.dumps({"downloadsFolder": str(elsewhere)}))
    assert [entry["id"] for entry in entries(run, "--lm-studio")] == ["acme/four"]


def test_the_store_of_ollama_is_served_in_place(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = tmp_path / "ollama"
    model, other = file_of(tmp_path), _of_kind(tmp_path, 7)
    params = {"temperature": 0.6, "stop": ["<|im_end|>"], "num_ctx": 32768, "num_gpu": 1, "repeat_penalty": 1}
    library = "registry.ollama.ai/library"
    put_in_ollama(store, f"{library}/qwen3/0.6b", {"model": model, "params": json.dumps(params).encode()})
    put_in_ollama(store, f"{library}/qwen3/latest", {"model": model, "params": json.dumps(params).encode()})
    put_in_ollama(
        store, f"{library}/llama/latest", {"model": other, "system": b"Be kind.", "template": b"{{ .Prompt }}"}
    )
    put_in_ollama(store, "hf.co/acme/one/Q8_0", {"model": other, "license": b"free"})
    put_in_ollama(store, f"{library}/tensors/latest", {"tensor": b"x"})
    put_in_ollama(store, f"{library}/lost/latest", {"model": b"lost"})
    (store / "blobs" / f"sha256-{_digest(b'lost')}").unlink()
    (store / "manifests" / library / "broken").mkdir()
    (store / "manifests" / library / "broken" / "latest").write_text("{")
    monkeypatch.setenv("OLLAMA_MODELS", str(store))
    blob = str(store / "blobs" / f"sha256-{_digest(model)}")
    found = {str(entry["id"]): entry for entry in entries(run, "--ollama")}
    assert list(found) == ["hf.co/acme/one:Q8_0", "qwen3:0.6b"]
    assert found["qwen3:0.6b"]["aliases"] == ["qwen3"]
    assert found["qwen3:0.6b"]["config"] == {
        "model_path": blob,
        "n_ctx": 8192,
        "temperature": 0.6,
        "stop": ["<|im_end|>"],
        "repetition_penalty": 1,
    }
    assert found["hf.co/acme/one:Q8_0"]["aliases"] == ["llama"]
    err = run("import", "--ollama", "--dry-run")[2]
    assert "Its weights are 0 layers" in err
    assert f"sha256-{_digest(b'lost')} is missing" in err
    assert "Its manifest cannot be read" in err
    assert "qwen3:0.6b: Its parameters num_gpu are left out." in err
    assert "hf.co/acme/one:Q8_0: as llama: Its system prompt is left out" in err


def test_models_of_ollama_that_share_their_weights_are_models_of_their_own(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, library = file_of(tmp_path), "registry.ollama.ai/library"
    for name, params in (("cold", {"temperature": 0}), ("hot", {"temperature": 1}), ("odd", {"num_ctx": None})):
        put_in_ollama(tmp_path, f"{library}/{name}/latest", {"model": model, "params": json.dumps(params).encode()})
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path))
    found = {str(entry["id"]): entry["config"] for entry in entries(run, "--ollama")}
    assert [config.get("temperature") for config in found.values()] == [0, 1, None]  # type: ignore[attr-defined]
    Path("models.yaml").write_text("models: []\nscan: [{program: ollama}]\n")
    listed = [row["id"] for row in json.loads(run("models", "--json")[1]) if row["source"] == "scan"]
    assert listed == list(found) == ["cold", "hot", "odd"]
    assert run("import", "--ollama", "--merge")[0] == 0
    assert run("import", "--ollama", "--merge")[1] == "models.yaml has all of them already; nothing is written.\n"
    put_in_ollama(tmp_path, f"{library}/warm/latest", {"model": model, "params": b'{"temperature": 0.5}'})
    assert "1 model added" in run("import", "--ollama", "--merge")[1]


def _digest(data: bytes) -> str:
    from hashlib import sha256

    return sha256(data).hexdigest()


def test_a_projector_in_ollamas_store_goes_with_its_model(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    eyes = write_gguf(tmp_path / "eyes.gguf", *projector(64)).read_bytes()
    put_in_ollama(tmp_path, "registry.ollama.ai/library/seer/latest", {"model": file_of(tmp_path), "projector": eyes})
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path))
    (entry,) = entries(run, "--ollama")
    assert entry["config"] == {
        "model_path": str(tmp_path / "blobs" / f"sha256-{_digest(file_of(tmp_path))}"),
        "n_ctx": 4096,
        "mmproj_path": str(tmp_path / "blobs" / f"sha256-{_digest(eyes)}"),
    }


def test_a_digest_cannot_lead_out_of_the_store(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_in_ollama(tmp_path, "registry.ollama.ai/library/a/latest", {"model": file_of(tmp_path)})
    manifest = tmp_path / "manifests" / "registry.ollama.ai" / "library" / "a" / "latest"
    layer = {"mediaType": "application/vnd.ollama.image.model", "digest": "../../made.gguf"}
    manifest.write_text(json.dumps({"layers": [layer]}))
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path))
    code, _, err = run("import", "--ollama")
    assert (code, "'../../made.gguf' is no digest" in err) == (2, True)


# ------------------------------------------------------------------ names


def test_two_models_of_one_name_get_two(run: Run, tmp_path: Path) -> None:
    for place in ("a", "b", "c/b"):
        write_gguf(tmp_path / "models" / place / "model.gguf", LLAMA)
    assert [entry["id"] for entry in entries(run, "--folder", str(tmp_path / "models"))] == [
        "model",
        "b/model",
        "model-2",
    ]


# ------------------------------------------------------------------ mistakes


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Say where to look"),
        (("--folder", "gone"), "--folder names gone, which is not a folder"),
        (("--folder", ".", "--profile", "quick"), "'quick' is not one of"),
        (("--folder", ".", "--override", "temperature"), "--override takes KEY=VALUE"),
        (("--folder", ".", "--override", "a={"), "is not valid YAML"),
        (("--folder", "."), "No model was found; nothing is written (installed backends: "),
    ],
)
def test_mistakes_are_one_sentence(run: Run, arguments: tuple[str, ...], words: str) -> None:
    code, out, err = run("import", *arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert not Path("models_imported.yaml").exists()


def test_a_file_that_is_there_is_not_overwritten(run: Run, root: Path) -> None:
    Path("mine.yaml").write_text("mine")
    code, _, err = run("import", "--folder", str(root), "--output", "mine.yaml")
    assert (code, "mine.yaml exists; add to it with --merge" in err) == (2, True)
    assert Path("mine.yaml").read_text() == "mine"
