"""Text around a gap: a model whose vocabulary has the marks fills it in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from heylook_core.messages import ChatRequest
from heylook_core.provider import TokenConfig
from heylook_core.text.prompt import Preparation
from heylook_mlx.gap import MARKS, fill_in_middle


class Vocabulary:
    def __init__(self, *tokens: str) -> None:
        self._tokens = {token: id_ for id_, token in enumerate(tokens)}

    def get_vocab(self) -> dict[str, int]:
        return self._tokens


@pytest.mark.parametrize("marks", MARKS)
def test_the_marks_of_every_family_are_found(marks: tuple[str, str, str]):
    prefix, suffix, middle = marks
    assert fill_in_middle(Vocabulary("x", middle, suffix, prefix)) == [3, 2, 1]
    assert fill_in_middle(Vocabulary("x", middle, suffix)) is None


@pytest.mark.integration
def test_a_model_with_marks_has_the_capability_and_is_given_them(llama: Path, provider_of: Any, tmp_path: Path):
    for file in llama.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    tokenizer = json.loads((tmp_path / "tokenizer.json").read_text())
    ids = [200, 201, 202]
    spelled = {id_: token for token, id_ in tokenizer["model"]["vocab"].items()}
    tokenizer["model"]["merges"] = [
        pair for pair in tokenizer["model"]["merges"] if not {"".join(pair), *pair} & {spelled[id_] for id_ in ids}
    ]
    for id_, mark in zip(ids, MARKS[0], strict=True):
        del tokenizer["model"]["vocab"][spelled[id_]]
        tokenizer["model"]["vocab"][mark] = id_
        tokenizer["added_tokens"].append(
            {"id": id_, "content": mark, "special": True, "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False}
        )  # fmt: skip
    (tmp_path / "tokenizer.json").write_text(json.dumps(tokenizer))
    model = provider_of(tmp_path).load()
    assert "fill_in_middle" in model.info.capabilities
    request = ChatRequest(model="m", prompt="def add(", suffix="return", max_tokens=4)
    tokens = Preparation(model.info, model.codec, TokenConfig()).tokens(request)
    before, after = model.codec.encode("def add("), model.codec.encode("return")
    assert tokens[-len(before) - len(after) - 3 :] == [200, *before, 201, *after, 202]
    model.close()


@pytest.mark.integration
def test_a_model_without_marks_has_it_not(llama: Path, provider_of: Any):
    model = provider_of(llama).load()
    assert "fill_in_middle" not in model.info.capabilities
    model.close()
