"""The model in the package: as the exporter writes it, and the same on both engines beyond its proven prompts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("heylook_demo_model", reason="the demo model is not installed")
pytest.importorskip("llama_cpp", reason="llama.cpp is not installed")
pytest.importorskip("mlx_lm", reason="mlx-lm is not installed")
pytest.importorskip("gguf", reason="gguf writes files for llama.cpp")

import gguf

from heylook_demo_model import gguf_path, mlx_path
from tools.demo_model.cases import HELD_OUT_FILE, VALIDATION_FILE, Case, read
from tools.demo_model.evaluate import SAME, Engine, LlamaCpp, Mlx, differing, prompt_of, wrong
from tools.demo_model.export import config, read_mlx, tokenizer_config, write_gguf
from tools.demo_model.shape import SHAPE

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

PACKAGE = Path(__file__).resolve().parents[2] / "plugins" / "demo_model"
Answers = Callable[[Engine], list[str]]


@pytest.fixture(scope="module")
def held_out() -> tuple[Case, ...]:
    """Every fourth case, more than three hundred, of all skills."""
    return read(HELD_OUT_FILE)[::4]


@pytest.fixture(scope="module")
def on_llama_cpp(held_out: tuple[Case, ...]) -> list[str]:
    return answers(LlamaCpp(gguf_path(), 1), held_out)


def answers(engine: Engine, cases: tuple[Case, ...]) -> list[str]:
    return [engine.answer(prompt_of(case)) for case in cases]


def test_it_is_configured_as_the_exporter_does_it():
    assert json.loads((mlx_path() / "config.json").read_bytes()) == config(SHAPE)
    assert json.loads((mlx_path() / "tokenizer_config.json").read_bytes()) == tokenizer_config(SHAPE)


def test_both_files_have_the_same_weights_vocabulary_and_template(tmp_path: Path):
    weights, tokenizer = read_mlx(mlx_path(), SHAPE)
    assert sum(one.size for one in weights.values()) == SHAPE.parameters()
    write_gguf(weights, tokenizer, SHAPE, tmp_path / "again.gguf", "f16")
    again, shipped = (gguf.GGUFReader(path) for path in (tmp_path / "again.gguf", gguf_path()))
    assert {name: field.contents() for name, field in again.fields.items()} == {
        name: field.contents() for name, field in shipped.fields.items()
    }
    assert [tensor.name for tensor in again.tensors] == [tensor.name for tensor in shipped.tensors]
    assert all((one.data == other.data).all() for one, other in zip(again.tensors, shipped.tensors, strict=True))


def test_texts_on_its_size_say_what_it_has():
    millions = f"{SHAPE.parameters() / 1e6:.1f} million parameters"
    for name in ("README.md", "MODEL_CARD.md", "heylook_demo_model/plugin.py"):
        assert millions in (PACKAGE / name).read_text(encoding="utf-8"), name


def test_mlx_writes_what_llama_cpp_writes_on_300_held_out_prompts(held_out: tuple[Case, ...], on_llama_cpp: list[str]):
    assert len(held_out) >= 300
    assert differing(held_out, on_llama_cpp, answers(Mlx(mlx_path()), held_out)) == []


def test_q8_0_writes_what_float16_writes_in_99_of_100(
    held_out: tuple[Case, ...], on_llama_cpp: list[str], tmp_path: Path
):
    weights, tokenizer = read_mlx(mlx_path(), SHAPE)
    write_gguf(weights, tokenizer, SHAPE, tmp_path / "q8_0.gguf", "q8_0")
    lines = differing(held_out, on_llama_cpp, answers(LlamaCpp(tmp_path / "q8_0.gguf", 1), held_out))
    assert len(lines) <= (1 - SAME["q8_0"]) * len(held_out), lines


def test_a_hundred_questions_that_nobody_chose_are_mostly_answered_right():
    cases = read(VALIDATION_FILE)[::12]
    assert len(cases) >= 100
    mistakes = list(wrong(cases, answers(LlamaCpp(gguf_path(), 1), cases)))
    assert len(mistakes) <= 0.2 * len(cases), "\n".join(mistakes)
