"""Sets of every form: published and exported names, one or two graphs for hearing, other sizes, other axes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from heylook_core.provider import ModelSpec
from heylook_core.spoken import Segment, TranscribeOptions
from heylook_coreml_stt.config import ComputeUnits, CoreMLConfig
from heylook_coreml_stt.provider import CoreMLProvider
from heylook_coreml_stt.runtime import Graph, Runtime
from tools.speech_model.tunes import spoken, timed, written

TEXT = "open source local server works. the quick brown fox"
Load = Callable[..., CoreMLProvider]


def heard(provider: CoreMLProvider, text: str, language: str | None = None) -> list[Segment]:
    found = provider.transcribe(iter([spoken(text)]), TranscribeOptions(language=language))
    return [each for each in found if isinstance(each, Segment)]


def files(sets: Path, form: str) -> dict[str, Any]:
    """An exported set has no vocabulary."""
    return {"files": {"vocabulary": str(sets / "PUBLISHED" / "parakeet_vocab.json")}} if form == "EXPORTED" else {}


def loaded(load: Load, sets: Path, form: str) -> CoreMLProvider:
    from heylook_coreml_stt.config import ModelFiles

    return load(sets / form, **{key: ModelFiles(**value) for key, value in files(sets, form).items()})


@pytest.mark.parametrize("form", ["PUBLISHED", "EXPORTED", "SMALL"])
def test_a_set_of_any_form_transcribes_exactly(load: Load, sets: Path, form: str) -> None:
    provider = loaded(load, sets, form)
    segments = heard(provider, TEXT) if form != "SMALL" else heard(provider, "hello world. the quick brown fox")
    text = TEXT if form != "SMALL" else "hello world. the quick brown fox"
    assert "".join(segment.text for segment in segments).strip() == written(text)
    words = [word for segment in segments for word in segment.words]
    sounds = [one for one in timed(text) if one.word != "."]
    assert len(words) == len(sounds)
    assert all(abs(word.start - one.start) <= 0.08 + 1e-6 for word, one in zip(words, sounds, strict=True))


@pytest.mark.parametrize(("form", "hints"), [("PUBLISHED", ("language",)), ("EXPORTED", ()), ("SMALL", ())])
def test_a_language_is_a_hint_where_the_joint_network_tells_the_likeliest_tokens(
    load: Load, sets: Path, form: str, hints: tuple[str, ...]
) -> None:
    provider = loaded(load, sets, form)
    info = provider.info()
    assert info.capabilities == ("transcribe",)
    assert info.speech is not None
    assert info.speech.hints == hints
    expected = "yes" if hints else "\u0434\u0430"
    assert heard(provider, "yes", language="en")[0].text.strip() == expected
    assert heard(provider, "yes", language="ru")[0].text.strip() == "\u0434\u0430"


def test_the_window_is_what_the_set_takes(load: Load, published: Path) -> None:
    speech = load(published).info().speech
    assert speech is not None
    assert (speech.window, speech.longest, speech.languages) == (15.0, 3600.0, ())


def test_times_are_told_earlier_by_the_delay(load: Load, published: Path) -> None:
    (plain,), (early,) = heard(load(published), "_0.4 hello"), heard(load(published, delay_frames=1), "_0.4 hello")
    assert plain.words[0].start - early.words[0].start == pytest.approx(0.08)


class Noting(Runtime):
    """Notes on what each part runs."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self.units: dict[str, ComputeUnits] = {}

    def obstacle(self) -> str | None:
        return self._runtime.obstacle()

    def load(self, path: Path, compute_units: ComputeUnits) -> Graph:
        self.units[path.stem] = compute_units
        return self._runtime.load(path, compute_units)


@pytest.mark.parametrize("units", ["ALL", "CPU_ONLY", "CPU_AND_NE", "CPU_AND_GPU"])
def test_every_part_but_the_preprocessor_runs_on_the_units_that_are_asked_for(
    load: Load, published: Path, units: ComputeUnits
) -> None:
    made = type(load(published))

    class Noted(made):  # type: ignore[misc, valid-type]
        noting = Noting(made(ModelSpec(id="m", provider="x"), CoreMLConfig(model_path=str(published))).runtime())

        def runtime(self) -> Runtime:
            return self.noting

    noted = Noted(ModelSpec(id="m", provider="x"), CoreMLConfig(model_path=str(published), compute_units=units))
    noted.load()
    others = dict.fromkeys(("Encoder", "Decoder", "JointDecisionv3"), units)
    assert noted.noting.units == {"Preprocessor": "CPU_ONLY", **others}
    assert "".join(each.text for each in heard(noted, "hello world")).strip() == "Hello world"


def test_a_model_takes_what_its_files_take(load: Load, published: Path) -> None:
    provider = load(published)
    size = sum(file.stat().st_size for file in published.rglob("*") if file.suffix in (".bin", ".mlmodel", ".json"))
    vocabulary = (published / "parakeet_vocab.json").stat().st_size
    estimate = provider.estimate()
    assert estimate is not None
    assert estimate.total == provider.info().weights_bytes == size - vocabulary
