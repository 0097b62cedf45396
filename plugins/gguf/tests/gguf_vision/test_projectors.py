"""Loading a projector: what a model says of itself with one, and what is refused with a reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import msgspec
import pytest

from heylook_core.errors import LoadFailed
from heylook_core.provider import ModelSpec
from heylook_gguf.config import GgufConfig
from heylook_gguf.estimate import estimate
from heylook_gguf.model import GgufModel
from heylook_gguf.provider import GgufProvider

from .conftest import KINDS, Seeing

pytestmark = pytest.mark.integration

Load = Callable[..., GgufModel]
Write = Callable[..., Path]
Files = Callable[[str], dict[str, str]]


def settings(**fields: Any) -> GgufConfig:
    return msgspec.convert({"n_ctx": 256, "n_gpu_layers": 0, "slots": 1, **fields}, GgufConfig)


def faults(model: Path, projector: Path) -> list[str]:
    """What a load says, and what a check says without one."""
    config = settings(model_path=str(model), mmproj_path=str(projector))
    provider = GgufProvider(ModelSpec(id="m", provider="gguf"), config)
    found = []
    for act in (provider.load, provider.check):
        with pytest.raises(LoadFailed) as caught:
            act()
        found.append(caught.value.message)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_with_a_projector_says_that_it_sees(kind: str, files: Files, load: Load, seeing_of: Any) -> None:
    seeing: Seeing = seeing_of(kind)
    blind = load(Path(files(kind)["model_path"]))
    info = seeing.model.info
    assert set(info.capabilities) - set(blind.info.capabilities) == {"vision"}
    assert info.details["projector"] == "mmproj.gguf"
    assert info.weights_bytes - blind.info.weights_bytes == Path(files(kind)["mmproj_path"]).stat().st_size
    assert info.fingerprint != blind.info.fingerprint
    assert blind.vision is None
    blind.close()
    GgufProvider(ModelSpec(id="m", provider="gguf"), settings(**files(kind))).check()


def test_the_fingerprint_tells_projectors_apart(
    files: Files, load: Load, write_projector: Write, tmp_path: Path
) -> None:
    model, names = Path(files("gemma3")["model_path"]), ("gemma3", "llava", "gemma3")
    paths = [write_projector(tmp_path / f"{number}.gguf", kind) for number, kind in enumerate(names)]
    prints = []
    for path in paths:
        loaded = load(model, mmproj_path=str(path))
        prints.append(loaded.info.fingerprint)
        loaded.close()
    assert prints[0] == prints[2] != prints[1]


def test_vision_false_leaves_the_projector_out(files: Files, load: Load) -> None:
    named = files("gemma3")
    model = load(Path(named["model_path"]), mmproj_path=named["mmproj_path"], vision=False)
    assert "vision" not in model.info.capabilities
    model.close()


def test_vision_without_a_projector_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="set mmproj_path"):
        settings(model_path="m.gguf", vision=True)
    assert settings(model_path="m.gguf", mmproj_path="p.gguf", vision=True).projector == Path("p.gguf")
    assert settings(model_path="m.gguf", mmproj_path="~/p.gguf").projector == Path("~/p.gguf").expanduser()


def test_the_estimate_counts_the_projector_that_is_loaded(files: Files) -> None:
    named = files("gemma3")
    seen, blind = estimate(settings(**named)), estimate(settings(**named, vision=False))
    assert seen is not None
    assert blind is not None
    assert seen.weights - blind.weights == Path(named["mmproj_path"]).stat().st_size


def test_a_missing_projector(files: Files, tmp_path: Path) -> None:
    for message in faults(Path(files("gemma3")["model_path"]), tmp_path / "none.gguf"):
        assert "There is no projector at" in message


def test_a_file_that_is_no_projector(files: Files, tmp_path: Path) -> None:
    model, page = Path(files("gemma3")["model_path"]), tmp_path / "page.gguf"
    page.write_text("<html>")
    for message in faults(model, page):
        assert "does not begin with the four letters GGUF" in message
    for message in faults(model, model):
        assert "is no projector" in message


@pytest.mark.parametrize("kept", [6, 30, 200])
def test_a_projector_with_a_damaged_header(files: Files, tmp_path: Path, kept: int) -> None:
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(Path(files("gemma3")["mmproj_path"]).read_bytes()[:kept])
    for message in faults(Path(files("gemma3")["model_path"]), cut):
        assert "header is damaged" in message


def test_a_projector_cut_off_in_its_weights(files: Files, tmp_path: Path) -> None:
    cut, whole = tmp_path / "cut.gguf", Path(files("gemma3")["mmproj_path"]).read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    config = settings(model_path=files("gemma3")["model_path"], mmproj_path=str(cut))
    with pytest.raises(LoadFailed, match=r"llama\.cpp said"):
        GgufModel(config)


def test_a_projector_of_another_width(files: Files, write_projector: Write, tmp_path: Path) -> None:
    other = write_projector(tmp_path / "wide.gguf", "llava", width=96)
    loading, checking = faults(Path(files("llava")["model_path"]), other)
    assert "mismatch between text model (n_embd = 64) and mmproj (n_embd = 96)" in loading
    assert "does not fit the model, whose embeddings have 64 numbers" in checking


def test_a_projector_for_sound(files: Files, write_projector: Write, tmp_path: Path) -> None:
    ears = write_projector(tmp_path / "ears.gguf", "llava", sense="audio")
    for message in faults(Path(files("llava")["model_path"]), ears):
        assert "for sound, not for images" in message


def test_a_projector_of_an_unknown_kind(files: Files, tmp_path: Path) -> None:
    odd = tmp_path / "odd.gguf"
    data = Path(files("gemma3")["mmproj_path"]).read_bytes()
    odd.write_bytes(data.replace(b"gemma3", b"gemma0"))
    with pytest.raises(LoadFailed, match="unknown projector type: gemma0"):
        GgufModel(settings(model_path=files("gemma3")["model_path"], mmproj_path=str(odd)))


def test_a_kind_whose_positions_depend_on_other_images(files: Files, tmp_path: Path) -> None:
    path = tmp_path / "hunyuan.gguf"
    writer = gguf.GGUFWriter(str(path), "clip")
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_string("clip.projector_type", "hunyuanvl")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    for message in faults(Path(files("gemma3")["model_path"]), path):
        assert "hunyuanvl" in message


def test_a_model_that_makes_vectors_only_sees_nothing(make_model: Write, files: Files, tmp_path: Path) -> None:
    encoder = make_model(
        tmp_path / "encoder.gguf", extra=lambda writer: writer.add_bool("llama.attention.causal", False)
    )
    with pytest.raises(LoadFailed, match="makes embeddings only"):
        GgufModel(settings(model_path=str(encoder), mmproj_path=files("gemma3")["mmproj_path"]))


def test_a_library_without_its_part_for_images_is_named(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    import llama_cpp

    from heylook_gguf.vision import projector

    projector._mtmd.cache_clear()
    monkeypatch.setitem(sys.modules, "llama_cpp.mtmd_cpp", None)
    monkeypatch.delattr(llama_cpp, "mtmd_cpp", raising=False)
    try:
        with pytest.raises(LoadFailed, match="built without its library for images"):
            GgufModel(settings(**files("gemma3")))
    finally:
        projector._mtmd.cache_clear()


def test_loading_and_closing_many_times_leaves_nothing(files: Files, load: Load) -> None:
    named = files("gemma3")
    for _ in range(5):
        load(Path(named["model_path"]), mmproj_path=named["mmproj_path"]).close()
