"""The training text: fixed by its seed, as the server renders it, and without anything that is held out."""

from __future__ import annotations

import hashlib
import itertools
import json
import random
import re

import pytest

from tools.demo_model import knowledge
from tools.demo_model.cases import HELD_OUT_FILE, VALIDATION_FILE, held_out, read, validation
from tools.demo_model.conversation import Conversation, Turn
from tools.demo_model.corpus import FIRST, MAIN, conversations
from tools.demo_model.documentation import TOPICS, wordings
from tools.demo_model.exchanges import any_of
from tools.demo_model.rendering import rendered
from tools.demo_model.scenes import choice_drill, late_recall, offered_tools, thinking
from tools.demo_model.tools import UNSEEN, use
from tools.demo_model.topics import plain
from tools.demo_model.words import HELD_OUT, VALIDATION, Values

pytestmark = pytest.mark.unit

FROZEN = "5d05a3879ad08046918921c2ae533e167516c1dd9fac694885c576f2d0c4c60f"
# What users say in it: this does not change.
FROZEN_QUESTIONS = "cac4409976d4e1d2209515104a63503347e4975cb5dbb7dd1ec829fd01f1540e"
KEPT_BACK = {
    word.lower() for lists in (HELD_OUT, VALIDATION) for word in (*lists.names, *lists.cities, *lists.words)
}  # fmt: skip


def some(count: int, seed: int = 3, shares=MAIN) -> list[Conversation]:
    return list(itertools.islice(conversations(seed, shares), count))


def asked(found: list[Conversation]) -> set[str]:
    return {plain(turn.text) for one in found for turn in one.turns if turn.role == "user"}


def by_the_server(conversation: Conversation, *, generation: bool = False) -> str:
    return rendered(conversation.messages(), conversation.tools, thinks=conversation.thinks, generation=generation)


def test_equal_seeds_give_equal_text_and_others_do_not():
    first, again, other = (some(60, seed) for seed in (1, 1, 2))
    assert [one.text() for one in first] == [one.text() for one in again]
    assert [one.text() for one in first] != [one.text() for one in other]


@pytest.mark.parametrize(("shares", "with_tools"), [(FIRST, 0), (MAIN, 31)], ids=["first", "main"])
def test_text_is_what_the_server_renders(shares, with_tools):
    plain_ones = [one for one in some(300, shares=shares) if all(turn.thought is None for turn in one.turns)]
    assert sum(bool(one.tools) for one in plain_ones) >= with_tools
    assert sum(bool(one.system) for one in plain_ones) > 10
    for one in plain_ones:
        assert one.text() == by_the_server(one)


def test_the_prompt_of_an_answer_with_a_thought_is_what_the_server_renders():
    """Up to the answer: a history has no thoughts."""
    found = [one for one in some(600) if one.turns[-1].thought is not None and not one.turns[-1].opened]
    assert len(found) > 20
    for one in found:
        asked = Conversation(one.turns[:-1], one.system, one.tools, one.thinks)
        prompt = by_the_server(asked, generation=True)
        assert "Think before you answer." in prompt
        assert one.text() == f"{prompt}<think>{one.turns[-1].answer()}<|im_end|>\n"


def test_what_is_learned_is_the_answers_with_their_ends():
    for one in some(200):
        learned = "".join(piece.text for piece in one.pieces() if piece.learned)
        assert learned.count("<|im_end|>") == sum(turn.role == "assistant" and turn.learned for turn in one.turns)
        assert "<|im_start|>" not in learned


def test_a_thinking_block_that_the_prompt_opens_is_not_learned():
    opened = Conversation([Turn("user", "x"), Turn("assistant", "y", thought="z", opened=True)])
    assert [piece.text for piece in opened.pieces() if piece.learned] == ["\nz\n</think>\n\ny<|im_end|>"]
    made = [thinking(Values(random.Random(seed))) for seed in range(60)]
    assert {one.thinks for one in made} == {True, False}
    assert all(one.turns[-1].opened != one.thinks for one in made)


def test_no_question_that_is_kept_back_is_in_training():
    kept = {plain(question) for topic in TOPICS for question in (topic.validation, topic.held_out)}
    trained = {plain(question) for topic in TOPICS for question in topic.questions()}
    assert kept & trained == set()
    assert len(kept) == 2 * len(TOPICS)
    assert kept & asked(some(1500)) == set()


def test_every_answer_has_further_wordings_that_no_other_question_has():
    further = wordings()
    assert set(further) == {topic.answer for topic in TOPICS}
    known = [plain(question) for questions in further.values() for question in questions]
    assert min(map(len, further.values())) >= 9
    assert len(set(known)) == len(known)
    assert set(known) & {plain(question) for topic in TOPICS for question in topic.questions()} == set()
    assert set(known) & {plain(q) for topic in TOPICS for q in (topic.validation, topic.held_out)} == set()


def test_no_frame_of_the_other_sets_is_in_training():
    frames = (*knowledge.CAPITAL_UNSEEN, *knowledge.OPPOSITE_UNSEEN, *knowledge.COLOUR_UNSEEN)
    trained = {*knowledge.CAPITAL_ASKED, *knowledge.OPPOSITE_ASKED, *knowledge.COLOUR_ASKED}
    assert set(map(plain, frames)) & set(map(plain, trained)) == set()


def test_no_name_city_or_word_that_is_kept_back_is_in_training():
    words = {word for one in some(1500) for word in re.findall(r"[a-z]+", one.text().lower())}
    assert words & KEPT_BACK == set()


def test_no_unseen_tool_is_in_training():
    named = {tool["function"]["name"] for one in some(600) for tool in one.tools}
    assert named & {family.names[0] for family in UNSEEN} == set()
    assert len(named) > 40


def test_the_sets_are_what_their_program_writes():
    assert list(read(VALIDATION_FILE)) == validation()
    assert list(read(HELD_OUT_FILE)) == held_out()


def test_the_held_out_set_is_frozen():
    said = [
        [message["content"] for message in case.messages if message["role"] == "user"] for case in read(HELD_OUT_FILE)
    ]
    assert hashlib.sha256(json.dumps(said).encode()).hexdigest() == FROZEN_QUESTIONS
    assert hashlib.sha256(HELD_OUT_FILE.read_bytes()).hexdigest() == FROZEN


def test_the_sets_share_no_names():
    assert not {*HELD_OUT.names, *HELD_OUT.cities, *HELD_OUT.words} & {
        *VALIDATION.names, *VALIDATION.cities, *VALIDATION.words,
    }  # fmt: skip


def test_one_question_has_one_answer():
    """Over the whole table: what two topics both ask could only be answered by chance."""
    answers: dict[str, set[str]] = {}
    for topic in TOPICS:
        for question in (*topic.questions(), topic.validation, topic.held_out):
            answers.setdefault(plain(question), set()).add(topic.answer)
    assert {question: found for question, found in answers.items() if len(found) > 1} == {}


def test_the_right_tool_is_always_offered():
    for seed in range(80):
        found = choice_drill(Values(random.Random(seed)))
        names = {tool["function"]["name"] for tool in found.tools}
        said = {turn.text for turn in found.turns if turn.role == "assistant" and turn.text}
        called = {call.name for turn in found.turns for call in turn.calls}
        assert said | called <= names
        assert len(called) == 1
        assert 2 <= len(names) <= 3


def test_arguments_are_in_the_question():
    values = Values(random.Random(5))
    for _ in range(200):
        for tool in offered_tools(values):
            wanted = use(values, tool)
            assert all(str(value) in wanted.asked for value in wanted.call.arguments.values())
            assert wanted.result in wanted.told


def test_a_late_question_is_about_what_was_said_first():
    for seed in range(40):
        turns = late_recall(Values(random.Random(seed))).turns
        assert len(turns) >= 20
        value = turns[-1].text.split(" is ")[-1].removesuffix(".").split()[-1]
        assert any(value in turn.text for turn in turns[:6])


def test_numbers_are_reckoned_by_tools_only():
    """Arithmetic is not learned, so nothing claims it."""
    values = Values(random.Random(7))
    reckoning = [one for one in (any_of(values) for _ in range(3000)) if re.search(r"\d (plus|times|\+) \d", one.asked)]
    assert reckoning
    assert {one.answer for one in reckoning} == {knowledge.UNKNOWN}
