"""Fingerprints: a state on disk is used with the model that made it, and with no other."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from heylook_core.engine import Budget, SequenceTask, Token
from heylook_core.errors import LoadFailed
from heylook_core.messages import SamplerSettings
from heylook_gguf.contents import Contents, parts
from heylook_gguf.model import GgufModel

pytestmark = pytest.mark.integration

Load = Callable[..., GgufModel]
Make = Callable[..., Path]
PROMPT = list(range(20, 60))


def flip(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        (value,) = file.read(1)
        file.seek(at)
        file.write(bytes([value ^ 1]))


def fingerprints(load: Load, *wanted: tuple[Path, dict[str, Any]]) -> list[str]:
    found = []
    for path, config in wanted:
        model = load(path, **config)
        found.append(model.info.fingerprint)
        model.close()
    return found


def state(model: GgufModel) -> tuple[list[int], np.ndarray[Any, Any]]:
    """An answer, and the bytes of what is kept of it."""
    (engine,) = model.lanes()
    engine.insert(SequenceTask(1, PROMPT, limit=12, sampling=SamplerSettings(temperature=0.0)))
    ids: list[int] = []
    while len(ids) < 12:
        ids += [out.id for out in engine.step(Budget(64)) if isinstance(out, Token)]
    kept = engine.remove(1, keep=True)
    assert kept is not None
    return ids, np.frombuffer(bytes(kept.export()[1][1]), np.uint8)


# ---------------------------------------------------------------------- files


@pytest.mark.parametrize(("width", "alignment"), [(256, 32), (64, 1024)])
def test_each_changed_tensor_changes_the_fingerprint(
    make_model: Make, tmp_path: Path, width: int, alignment: int
) -> None:
    path = make_model(tmp_path / "model.gguf", width=width, extra=lambda writer: writer.add_custom_alignment(alignment))
    tensors = gguf.GGUFReader(str(path)).tensors
    before = Contents(path)
    assert before.tensors == {tensor.name for tensor in tensors}
    for tensor in tensors:
        flip(path, int(tensor.data_offset))
        assert Contents(path).fingerprint != before.fingerprint
        flip(path, int(tensor.data_offset))
    assert Contents(path).fingerprint == before.fingerprint


@pytest.mark.parametrize("kept", [10, 30, 200, 5000])
def test_a_damaged_header_is_a_load_failure(tiny: Path, tmp_path: Path, kept: int) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(tiny.read_bytes()[:kept])
    with pytest.raises(LoadFailed, match=r"header of cut.gguf is damaged"):
        Contents(path)


def test_the_fingerprint_follows_every_part_of_a_split_model(load: Load, make_model: Make, tmp_path: Path) -> None:
    make_model(tmp_path / "model.gguf", split=8)
    (first,) = tmp_path.glob("*-00001-of-*.gguf")
    files = parts(first)
    assert files == sorted(tmp_path.iterdir())
    assert len(files) > 2
    found = fingerprints(load, (first, {}))
    for file in files:
        flip(file, int(gguf.GGUFReader(str(file)).tensors[-1].data_offset))
        found += fingerprints(load, (first, {}))
    assert len(set(found)) == len(files) + 1


def test_an_adapter_written_anew_changes_the_fingerprint_and_a_copy_of_it_does_not(
    load: Load, tiny: Path, write_adapter: Make, tmp_path: Path
) -> None:
    def prints(path: Path, scale: float = 1.0) -> list[str]:
        return fingerprints(load, (tiny, {"lora": ({"path": str(path), "scale": scale},)}))

    path, copy = tmp_path / "lora.gguf", tmp_path / "copy.gguf"
    first = prints(write_adapter(path, seed=1))
    copy.write_bytes(path.read_bytes())
    assert prints(copy) == first
    assert prints(path, 0.5) != first
    assert prints(write_adapter(path, seed=2)) != first


# ---------------------------------------------------------------------- settings


def test_the_fingerprint_follows_weights_and_cache_types(load: Load, make_model: Make, tmp_path: Path) -> None:
    one, other = make_model(tmp_path / "a.gguf", seed=1), make_model(tmp_path / "b.gguf", seed=2)
    prints = []
    for path, config in ((one, {}), (one, {"n_ctx": 256}), (other, {}), (one, {"type_k": "f16"})):
        model = load(path, **config)
        prints.append(model.info.fingerprint)
        model.close()
    assert prints[0] == prints[1]
    assert len(set(prints)) == 3


def test_the_fingerprint_is_the_same_where_a_state_is_taken_back_and_only_there(load: Load, tiny: Path) -> None:
    """llama.cpp refuses a state of a cache with another number of streams."""
    configs: list[dict[str, Any]] = [{"slots": 1}, {"slots": 2}, {"slots": 3}]
    configs += [{"slots": 2, "kv_unified": True}, {"slots": 3, "kv_unified": True}]
    models = [load(tiny, **config) for config in configs]
    states = [state(model)[1] for model in models]
    for one, other in combinations(range(len(models)), 2):
        taken = models[other].lanes()[0]._context.write_state(0, states[one])  # type: ignore[attr-defined]
        assert taken is (models[one].info.fingerprint == models[other].info.fingerprint)
    for model in models:
        model.close()


def test_with_factors_for_long_contexts_the_fingerprint_follows_the_context(
    load: Load, make_model: Make, tmp_path: Path
) -> None:
    """The answer does too: llama.cpp takes the factors for long contexts beyond the original one."""
    path = make_model(tmp_path / "long.gguf", extra=_with_factors)
    models = [load(path, n_ctx=n_ctx, slots=1) for n_ctx in (256, 500, 512)]
    short, long, same = (state(model)[0] for model in models)
    assert short != long == same
    prints = [model.info.fingerprint for model in models]
    assert prints[0] != prints[1] == prints[2]
    for model in models:
        model.close()


def _with_factors(writer: Any) -> None:
    writer.add_rope_scaling_type(gguf.RopeScalingType.LONGROPE)
    writer.add_rope_scaling_orig_ctx_len(256)
    writer.add_tensor("rope_factors_long.weight", np.linspace(8, 64, 8, dtype=np.float32))
    writer.add_tensor("rope_factors_short.weight", np.ones(8, np.float32))
