"""The evaluator, and the model that is shipped: a hundred of its prompts are answered right."""

from __future__ import annotations

import random

import msgspec
import pytest

pytest.importorskip("heylook_demo_model", reason="the demo model is not installed")
pytest.importorskip("llama_cpp", reason="llama.cpp is not installed")
pytest.importorskip("tokenizers", reason="tokenizers comes with heylook-mlx")
pytest.importorskip("gguf", reason="gguf writes files for llama.cpp")

from heylook_demo_model import gguf_path
from heylook_demo_model.prompts import proven
from tools.demo_model.cases import HELD_OUT_FILE, VALIDATION_FILE, Case, read
from tools.demo_model.documentation import TOPICS
from tools.demo_model.evaluate import LlamaCpp, agree, differing, prompt_of, scores, until_end, wrong
from tools.demo_model.prove import LEAD, SKILLS, candidates, chosen, lead

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


def shipped() -> list[Case]:
    return [Case(one.skill, one.messages, one.tools, one.thinking, one.answer) for one in proven()]


def test_a_hundred_prompts_are_answered_right():
    model = LlamaCpp(gguf_path(), 1)
    asked = random.Random(1).sample(shipped(), 100)
    assert len(asked) == 100
    answers = [model.answer(prompt_of(case)) for case in asked]
    assert list(wrong(asked, answers)) == []
    assert all(right == count for right, count in scores(asked, answers).values())


def test_wrong_answers_are_counted_and_shown():
    cases = read(VALIDATION_FILE)[:3]
    answers = [cases[0].answer, "something else", cases[2].answer]
    assert scores(cases, answers) == {"documentation": (2, 3)}
    (line,) = wrong(cases, answers)
    assert "something else" in line
    (line,) = differing(cases, answers, [case.answer for case in cases])
    assert "something else" in line


@pytest.mark.parametrize(
    ("engine", "others", "same"), [("mlx", 0, True), ("mlx", 1, False), ("q8_0", 1, True), ("q8_0", 2, False)]
)
def test_engines_agree_if_all_of_mlx_and_99_of_100_of_q8_0_are_the_same(engine: str, others: int, same: bool):
    cases = read(VALIDATION_FILE)[:100]
    answers = [case.answer for case in cases]
    changed = ["something else"] * others + answers[others:]
    tokens = [[1]] * 100
    assert agree(cases, {"gguf": answers, engine: changed}, {"gguf": tokens, engine: tokens}) is same
    assert not agree(cases, {"gguf": answers, engine: answers}, {"gguf": tokens, engine: [[2], *tokens[1:]]})


def test_an_answer_ends_at_the_end_of_the_turn():
    assert until_end([5, 6, 2, 7]) == [5, 6]
    assert len(until_end(iter(lambda: 5, 0))) == 160


def test_proven_prompts_are_right_by_a_lead_and_wrong_answers_are_not():
    model = LlamaCpp(gguf_path(), 1)
    for case in shipped()[::40]:
        assert lead(model, case) >= LEAD
        assert lead(model, msgspec.structs.replace(case, answer="something else")) < 0


def test_candidates_take_the_answers_of_the_table_and_the_validation_sets_skills():
    (topic, *_) = TOPICS
    asked = [{"role": "user", "content": topic.questions()[0]}]
    old = Case("documentation", asked, [], False, "what it said before")
    thinking = Case("thinking", asked, [], True, "<think>\nI know this.\n</think>\n\nwhat it said before")
    other = Case("fact", asked, [], False, "Paris")
    found = [*candidates([old, thinking, other])]
    assert found[0].answer == topic.answer
    assert found[1].answer == f"<think>\nI know this.\n</think>\n\n{topic.answer}"
    assert found[2] == other
    assert {case.skill for case in found} == set(SKILLS)


def test_prompts_are_chosen_once_and_not_too_many_of_a_skill():
    cases = [Case("fact", [{"role": "user", "content": str(number % 4)}], [], False, "") for number in range(9)]
    assert chosen(cases, lambda _: True) == cases[:4]
    assert chosen(cases, lambda _: True, most={"fact": 3}) == cases[:3]


def test_one_that_does_not_hold_makes_room_for_the_next_and_none_is_of_the_held_out_set():
    cases = [Case("fact", [{"role": "user", "content": str(number)}], [], False, "") for number in range(4)]
    held_out = read(HELD_OUT_FILE)[0]
    assert chosen([held_out, *cases], lambda case: case != cases[0], most={"fact": 2}) == cases[1:3]
