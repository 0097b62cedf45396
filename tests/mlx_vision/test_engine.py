"""Rows with pictures on the real engine. The weights are random, so answers are compared with those of mlx-vlm's own
whole forward passes (no cache, no batch, no slices), and with each other."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heylook_core.errors import InvalidRequest
from heylook_core.messages import ChatRequest, Message, SamplerSettings
from heylook_core.testkit import EngineContract
from heylook_core.testkit.answers import Answer
from heylook_core.testkit.engine_contract import Drive, Running
from heylook_core.text.prompt import Preparation, Prepared
from heylook_mlx.model import MlxModel

from .conftest import BLUE, RED, STRIPES, Provide, picture, request, user

pytestmark = pytest.mark.integration

KINDS = ("qwen2_vl", "qwen3_vl", "llava")
LIMIT = 10


class Seeing:
    """A loaded model, with its preparation and its engine."""

    def __init__(self, model: MlxModel) -> None:
        self.model = model
        self.engine: Any = model.lanes()[0]
        self.preparation = Preparation(model.info, model.codec, None, model.vision)

    def prepared(self, asked: ChatRequest) -> Prepared:
        return self.preparation.prepare(1, asked, 0.0)

    def alone(self, asked: ChatRequest, prefill: int = 16, **options: Any) -> Answer:
        return self.run(asked, prefill, **options).answer

    def run(self, asked: ChatRequest, prefill: int = 16, **options: Any) -> Running:
        """To its end, with nothing beside it."""
        drive = Drive(self.engine, prefill)
        running = self.begin(drive, asked, **options)
        drive.finish(running)
        self.engine.remove(running.sid, False)
        return running

    def begin(self, drive: Drive, asked: ChatRequest, **options: Any) -> Running:
        prepared = self.prepared(asked)
        return drive.insert(prepared.tokens, LIMIT, media=prepared.media, **{"top_logprobs": 2, **options})

    def reference(self, asked: ChatRequest) -> Answer:
        """Greedy tokens of the model of mlx-vlm itself, each from a forward pass over everything."""
        import mlx.core as mx

        whole, pictures = self.engine._decoder.whole, self.model.vision
        prepared = self.prepared(asked)
        ids = [*prepared.tokens]
        for span in prepared.media:
            ids[span.start : span.stop] = span.ids
        inputs: dict[str, Any] = {}
        for span in prepared.media:
            for name, value in pictures.take_inputs(span.picture).items():  # type: ignore[union-attr]
                inputs.setdefault(name, []).append(mx.array(value))
        joined = {name: mx.concatenate(values) for name, values in inputs.items()}
        pixels = joined.pop("pixel_values", None)
        found: list[int] = []
        leads: list[float] = []
        for _ in range(LIMIT):
            row = mx.array([ids + found])
            whole.language_model._rope_deltas = whole.language_model._position_ids = None
            logits = whole(row, pixels, mask=None, **joined).logits
            second, first = mx.sort(logits[0, -1])[-2:].tolist()
            found.append(int(mx.argmax(logits[0, -1]).item()))
            leads.append(first - second)
        return Answer(found, leads)


@pytest.fixture(scope="module", params=KINDS)
def seeing(request: pytest.FixtureRequest, folder_of: Callable[[str], Path], provide: Provide) -> Iterator[Seeing]:
    model = provide(folder_of(request.param)).load()
    yield Seeing(model)
    model.close()


def shared(one: Any, other: Any) -> int:
    """How many tokens two sequences begin with alike; they differ somewhere."""
    return next(at for at, (left, right) in enumerate(zip(one, other, strict=False)) if left != right)


def through_bytes(seeing: Seeing, snapshot: Any) -> Any:
    header, buffers = snapshot.export()
    return seeing.engine.restore(header, [memoryview(bytes(buffer)) for buffer in buffers])


ONE = request(user(RED, "describe this picture please"))
OTHER = request(user("hm ", BLUE))
TWO = request(user("first ", RED, " then ", STRIPES, " and now?"))
PLAIN = request(user("just text, no picture at all"))
ALL = (ONE, OTHER, TWO, PLAIN)


def test_answers_equal_those_of_the_model_itself(seeing: Seeing):
    for asked in ALL:
        assert seeing.alone(asked) == seeing.reference(asked)


def test_pictures_and_their_order_matter(seeing: Seeing):
    """Told by log-probabilities: greedy tokens of random weights soon repeat themselves, whatever was shown."""
    asked = [
        request(user(*parts, "what is it?")) for parts in ((RED,), (BLUE,), (RED, STRIPES), (STRIPES, RED), (), (RED,))
    ]
    *different, again = [seeing.run(each).logprobs for each in asked]
    assert np.allclose(again, different[0], atol=1e-6)
    for one, other in combinations(different, 2):
        assert not np.allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("prefill", [1, 3, 7, 1000])
def test_slices_of_any_size_give_the_same_answer(seeing: Seeing, prefill: int):
    assert seeing.alone(TWO, prefill) == seeing.alone(TWO, 16)


def test_together_they_answer_as_alone(seeing: Seeing):
    expected = [seeing.alone(asked) for asked in ALL]
    for delay in (0, 1, 4):
        drive = Drive(seeing.engine)
        rows = []
        for asked in ALL:
            rows.append(seeing.begin(drive, asked))
            for _ in range(delay):
                drive.step()
        drive.finish(*rows)
        assert [row.answer for row in rows] == expected
        for row in rows:
            seeing.engine.remove(row.sid, False)


def test_an_image_is_encoded_once(seeing: Seeing):
    fresh = picture((10, 200, 30))
    before = seeing.engine._encoder.encoded
    first = seeing.alone(request(user(fresh, "one")))
    assert seeing.alone(request(user(fresh, "one"))) == first
    seeing.alone(request(user("another question about ", fresh)))
    assert seeing.engine._encoder.encoded == before + 1
    assert seeing.model.scratch_bytes() > 0


def test_a_kept_state_goes_on_as_a_cold_one(seeing: Seeing):
    """Turn two from the end of turn one, from the middle of it, and with a further picture."""
    drive = Drive(seeing.engine)
    first = seeing.begin(drive, ONE)
    drive.finish(first)
    kept = seeing.engine.remove(first.sid, True)
    assert kept is not None
    prepared = seeing.prepared(ONE)
    assert kept.tokens.tolist() == [*prepared.tokens, *first.ids][: len(kept.tokens)]
    for more in (user("go on"), user("and ", BLUE, "?")):
        longer = request(*ONE.messages, more)
        tokens = seeing.prepared(longer).tokens
        for cut in (shared(kept.tokens, tokens), prepared.media[0].stop, prepared.media[0].start):
            if cut:
                assert seeing.alone(longer, prefix=kept.cut(cut), cut=cut) == seeing.alone(longer)


@pytest.mark.parametrize("taken", ["at the end", "at a mark", "while it reads", "from disk"])
def test_text_goes_on_from_what_it_shares_with_a_prompt_that_has_pictures(seeing: Seeing, taken: str):
    """Its tokens come after the shared ones, however much room the pictures took up there."""
    shown = request(user("you are asked this: ", BLUE, STRIPES, " what is it?"))
    text = request(user("you are asked this: is it a long way from here?"))
    cut = shared(seeing.prepared(shown).tokens, seeing.prepared(text).tokens)
    drive = Drive(seeing.engine, 5)
    row = seeing.begin(drive, shown, marks=(cut,) if taken == "at a mark" else ())
    states = []
    if taken == "while it reads":
        while seeing.engine._readings[row.sid].row.done <= cut:
            drive.step()
    else:
        while row.end is None:
            states += drive.step()
    states.append(seeing.engine.remove(row.sid, True))
    kept = through_bytes(seeing, states[0]) if taken == "from disk" else states[0]
    warm = seeing.begin(drive, text, prefix=kept.cut(cut), cut=cut)
    drive.finish(warm)
    left = seeing.engine.remove(warm.sid, True)
    cold = seeing.run(text)
    assert np.allclose(warm.logprobs, cold.logprobs, atol=1e-4)
    assert warm.answer == cold.answer
    longer = request(*text.messages, user("go on"))
    cut = shared(left.tokens, seeing.prepared(longer).tokens)
    assert seeing.alone(longer, prefix=left.cut(cut), cut=cut) == seeing.alone(longer)


def test_a_state_at_a_mark_and_one_of_a_row_that_left_early(seeing: Seeing):
    prepared = seeing.prepared(TWO)
    marks = (prepared.media[0].stop, len(prepared.tokens) - 1)
    drive = Drive(seeing.engine, 5)
    row = seeing.begin(drive, TWO, marks=marks)
    taken = []
    while not row.ids:
        taken += drive.step()
    assert [len(snapshot.tokens) for snapshot in taken] == list(marks)
    drive.finish(row)
    for snapshot in taken:
        assert seeing.alone(TWO, prefix=snapshot, cut=len(snapshot.tokens)) == row.answer
    seeing.engine.remove(row.sid, False)
    row = seeing.begin(drive, TWO)
    for _ in range(6):
        drive.step()
    left = seeing.engine.remove(row.sid, True)
    assert left is not None
    cut = prepared.media[0].start if len(left.tokens) < prepared.media[0].stop else prepared.media[0].stop
    if left.cut(cut) is not None:
        assert seeing.alone(TWO, prefix=left.cut(cut), cut=cut) == seeing.alone(TWO)


def test_a_state_survives_the_disk(seeing: Seeing):
    drive = Drive(seeing.engine)
    row = seeing.begin(drive, ONE)
    drive.finish(row)
    kept = seeing.engine.remove(row.sid, True)
    assert kept is not None
    back = through_bytes(seeing, kept)
    np.testing.assert_array_equal(back.tokens, kept.tokens)
    longer = request(*ONE.messages, user("go on"))
    cut = shared(back.tokens, seeing.prepared(longer).tokens)
    assert seeing.alone(longer, prefix=back.cut(cut), cut=cut) == seeing.alone(longer)


@pytest.mark.parametrize("more", [user("go on"), user("and ", BLUE, "?")])
def test_a_row_that_answers_holds_nothing_of_the_state_that_it_began_from(seeing: Seeing, more: Message):
    drive = Drive(seeing.engine)
    first = seeing.begin(drive, ONE)
    drive.finish(first)
    cut = seeing.prepared(ONE).media[0].stop
    prefix = seeing.engine.remove(first.sid, True).cut(cut)
    held = [weakref.ref(part) for part in (prefix, *prefix.caches)]
    row = seeing.begin(drive, request(*ONE.messages, more), prefix=prefix, cut=cut)
    del prefix
    while not row.ids:
        drive.step()
    gc.collect()
    assert [part() for part in held] == [None] * len(held)
    seeing.engine.remove(row.sid, False)


def test_penalties_and_scores_take_the_models_own_tokens(seeing: Seeing):
    prepared = seeing.prepared(ONE)
    drive = Drive(seeing.engine)
    sampling = SamplerSettings(temperature=0.0, repetition_penalty=1.5, repetition_window=500)
    row = drive.insert(prepared.tokens, LIMIT, media=prepared.media, sampling=sampling, top_logprobs=3)
    drive.finish(row)
    seeing.engine.remove(row.sid, False)
    assert len(row.ids) == LIMIT


def test_images_of_any_shape_have_their_answer_or_their_refusal(seeing: Seeing):
    assert seeing.alone(request(user(picture((1, 2, 3), (1, 1)), "x")))
    assert seeing.alone(request(user(picture((1, 2, 3), (2000, 1500)), "x")))
    line = request(user(picture((1, 2, 3), (20_000, 1)), "x"))
    if "qwen" in seeing.model.info.details["architecture"]:
        with pytest.raises(InvalidRequest, match="20000 x 1"):
            seeing.prepared(line)
    else:
        assert seeing.alone(line)


class TestContract(EngineContract):
    """Text on a model that sees."""

    @pytest.fixture(scope="class", params=KINDS)
    @classmethod
    def model(cls, request: pytest.FixtureRequest, folder_of: Callable[[str], Path], provide: Provide) -> Any:
        model = provide(folder_of(request.param)).load()
        yield model
        model.close()
