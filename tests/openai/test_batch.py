"""Batch processing: groups, modes, boundaries, failures, and that parallel groups really run side by side."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from heylook_api_openai.batch_groups import BOUNDARY, Group, groups_of, stated_context
from heylook_core.errors import InvalidRequest
from heylook_core.messages import ImagePart, Message, Role, TextPart

SYSTEM = {"role": "system", "content": "S"}


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def batch(http: httpx.Client, *messages: Any, mode: str = "sequential", **fields: Any) -> Any:
    body = {"model": "scripted", "messages": messages, "processing_mode": mode, **fields}
    answer = http.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def texts(answer: Any) -> list[str]:
    return [one["choices"][0]["message"]["content"] for one in answer["completions"]]


ALL = ("sequential", "sequential_with_context", "parallel", "parallel_with_context")


@pytest.mark.integration
@pytest.mark.parametrize("mode", ALL)
def test_every_message_of_a_user_is_answered(http: httpx.Client, mode: str):
    answer = batch(http, SYSTEM, user("say one"), user("say two"), mode=mode)
    assert texts(answer) == ["one", "two"]
    assert answer["object"] == "chat.completion.batch"
    assert answer["processing_mode"] == mode
    most = 1 if mode.startswith("sequential") else 2
    counts = {"groups_processed": 2, "successful": 2, "failed": 0, "max_concurrent": most}
    assert answer["batch_info"] == counts
    assert answer["usage"]["completion_tokens"] == 2
    assert "timing" not in answer
    assert "choices" not in answer


@pytest.mark.integration
def test_only_the_modes_with_context_tell_what_came_before(http: httpx.Client):
    """The scripted provider counts the words of its whole prompt."""
    said = (SYSTEM, user("say one"), user("say two"))
    counts = {
        mode: [one["usage"]["prompt_tokens"] for one in batch(http, *said, mode=mode)["completions"]] for mode in ALL
    }
    assert counts == {
        "sequential": [3, 3],
        "sequential_with_context": [3, 6],  # system, question, answer, question
        "parallel": [3, 3],
        "parallel_with_context": [3, 5],  # system, question, question
    }


@pytest.mark.integration
@pytest.mark.parametrize("mode", ["sequential", "parallel"])
def test_a_group_that_fails_does_not_fail_the_rest(http: httpx.Client, mode: str):
    answer = batch(http, user("say one"), user("fail"), user("say three"), mode=mode)
    first, failed, last = answer["completions"]
    assert first["choices"][0]["message"]["content"] == "one"
    assert last["choices"][0]["message"]["content"] == "three"
    assert failed["group"] == 1
    assert failed["error"].keys() == {"message", "type", "param", "code"}
    assert answer["batch_info"]["successful"] == 2
    assert answer["batch_info"]["failed"] == 1


@pytest.mark.integration
def test_a_batch_in_which_nothing_succeeds_is_an_error(http: httpx.Client):
    body = {"model": "scripted", "messages": [user("fail"), user("fail")], "processing_mode": "parallel"}
    assert http.post("/v1/chat/completions", json=body).status_code == 500
    assert http.post("/v1/chat/completions", json=body | {"model": "no/such"}).status_code == 404


@pytest.mark.integration
def test_texts_may_come_as_one(http: httpx.Client):
    answer = batch(http, user("say one"), user("fail"), user("say three"), return_individual=False)
    assert answer["choices"][0]["message"]["content"] == "one\n\nthree"
    assert "completions" not in answer


@pytest.mark.integration
def test_timing_comes_if_asked(http: httpx.Client):
    timing = batch(http, user("say one"), user("say two"), include_timing=True)["timing"]
    assert timing["total_time"] >= sum(timing["groups"]) * 0.99
    assert timing["average_per_group"] == pytest.approx(timing["total_time"] / 2)


@pytest.mark.integration
def test_parallel_groups_run_side_by_side(http: httpx.Client):
    """Each waits half a second: one after the other they would take four."""
    timing = batch(http, *[user("wait 0.5 so")] * 8, mode="parallel", include_timing=True)["timing"]
    assert timing["total_time"] < sum(timing["groups"])


@pytest.mark.integration
@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"processing_mode": "bogus"}, "processing_mode"),
        ({"stream": True}, "stream"),
        ({"messages": [SYSTEM]}, "messages"),
    ],
    ids=str,
)
def test_what_cannot_be_is_400(http: httpx.Client, change: dict[str, Any], param: str):
    body = {"model": "scripted", "messages": [user("say one")], "processing_mode": "sequential"} | change
    answer = http.post("/v1/chat/completions", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


@pytest.mark.integration
def test_an_ordinary_conversation_is_no_batch(http: httpx.Client):
    body = {"model": "scripted", "messages": [user("say one")], "processing_mode": "conversation"}
    assert http.post("/v1/chat/completions", json=body).json()["object"] == "chat.completion"


# ------------------------------------------------------------------ groups


def message(role: Role, text: str) -> Message:
    return Message(role, (TextPart(text),))


def shown(groups: list[Group]) -> list[tuple[str, str]]:
    return [
        (" ".join(one.text for one in group.system), " ".join(one.text for one in group.messages)) for group in groups
    ]


@pytest.mark.unit
def test_a_system_message_holds_until_the_next_one():
    said = [message("system", "S"), message("user", "a"), message("user", "b"), message("system", "T")]
    assert shown(groups_of([*said, message("user", "c")])) == [("S", "a"), ("S", "b"), ("T", "c")]
    marked = [message("system", "S"), message("user", "a"), message("system", BOUNDARY), message("user", "b")]
    assert shown(groups_of(marked)) == [("S", "a"), ("S", "b")]


@pytest.mark.unit
def test_boundaries_split_messages_and_their_texts():
    marked = [
        message("user", f"a{BOUNDARY}b"),
        message("assistant", "c"),
        message("user", "d"),
        message("user", BOUNDARY),
    ]
    assert shown(groups_of(marked)) == [("", "a"), ("", "b c d")]


@pytest.mark.unit
def test_pictures_stay_with_the_text_they_came_with():
    parts = (ImagePart("one"), TextPart(f"this?\n{BOUNDARY}\nand that?"), ImagePart("two"), TextPart(" or this?"))
    first, second = groups_of([Message("user", parts)])
    assert first.messages[0].content == (ImagePart("one"), TextPart("this?"))
    assert second.messages[0].content == (TextPart("and that?"), ImagePart("two"), TextPart(" or this?"))


@pytest.mark.unit
def test_answers_and_results_of_tools_find_their_group():
    said = [message("user", "a"), message("assistant", "x"), message("tool", "r"), message("user", "b")]
    groups = groups_of(said)
    assert shown(groups) == [("", "a"), ("", "r b")]
    assert [one.text for one in stated_context(said, groups, 1)] == ["a", "x"]


@pytest.mark.unit
def test_system_messages_alone_are_no_group():
    with pytest.raises(InvalidRequest):
        groups_of([message("system", "S")])
    assert shown(groups_of([message("user", "a"), message("system", "S")])) == [("", "a")]


@pytest.mark.parametrize("field", ["tools", "logprobs", "include_performance"])
def test_what_joined_texts_have_no_place_for_is_refused(http: httpx.Client, field: str):
    tool = {"type": "function", "function": {"name": "f"}}
    body = {"model": "scripted", "messages": [user("say one")], "processing_mode": "parallel"}
    wanted = {field: [tool] if field == "tools" else True}
    refused = http.post("/v1/chat/completions", json={**body, **wanted, "return_individual": False})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, field)
    assert http.post("/v1/chat/completions", json={**body, **wanted}).status_code == 200


def test_every_group_has_its_performance_if_asked(http: httpx.Client):
    body = {"model": "scripted", "messages": [user("say one"), user("say two")], "processing_mode": "parallel"}
    found = http.post("/v1/chat/completions", json={**body, "include_performance": True}).json()
    assert all(
        one["performance"]["prompt_tps"] is not None or "generation_tps" in one["performance"]
        for one in found["completions"]
    )
