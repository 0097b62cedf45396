"""Rows with pictures on the real engine.

The weights are random, so answers are compared: with those of mtmd's own way through a whole prompt, and with each
other.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from PIL import Image

from heylook_core.engine import Budget, SequenceTask, Snapshot, Token
from heylook_core.errors import EngineFailed, InvalidRequest, LoadFailed
from heylook_core.media.images.decode import picture_of
from heylook_core.messages import Message, Picture, SamplerSettings, TextPart
from heylook_core.testkit import EngineContract
from heylook_core.testkit.answers import Answer
from heylook_core.testkit.engine_contract import Drive
from heylook_gguf.context import DONE, Context
from heylook_gguf.model import GgufModel
from heylook_gguf.vision.features import Encoder
from heylook_gguf.vision.projector import Opened
from heylook_gguf.weights import Weights

from .conftest import KINDS, LIMIT, Seeing, Shown, picture, user

pytestmark = pytest.mark.integration

RED, BLUE = picture((255, 0, 0)), picture((0, 0, 255), (120, 50))
STRIPES = picture_of(Image.linear_gradient("L").resize((70, 90)).convert("RGB"))

ONE = (user(RED, "describe this picture"),)
OTHER = (user("hm ", BLUE),)
TWO = (user("first ", RED, " then ", STRIPES, " and now"),)
PLAIN = (user("just text, no picture at all"),)
TURNS = (user("before", BLUE), Message("assistant", (TextPart("yes"),)), user("after", RED))
ALL = (ONE, OTHER, TWO, PLAIN, TURNS)


@pytest.fixture(scope="module", params=KINDS)
def seeing(request: pytest.FixtureRequest, seeing_of: Callable[..., Seeing]) -> Seeing:
    return seeing_of(request.param)


# ------------------------------------------------------------------ mtmd's own way


@contextlib.contextmanager
def chunks_of(seeing: Seeing, text: str, pictures: list[Picture]) -> Iterator[Any]:
    """What mtmd makes of the whole prompt at once."""
    projector = seeing.engine.encoder._projector
    mtmd = projector.mtmd
    data = [np.frombuffer(one.data, np.uint8).copy() for one in pictures]
    pointers = [one.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8)) for one in data]
    bitmaps = [
        mtmd.mtmd_bitmap_init(one.width, one.height, pointer) for one, pointer in zip(pictures, pointers, strict=True)
    ]
    chunks = mtmd.mtmd_input_chunks_init()
    encoded = text.encode()
    given = mtmd.mtmd_input_text(text=encoded, text_len=len(encoded), add_special=False, parse_special=True)
    array = (mtmd.mtmd_bitmap_p_ctypes * len(bitmaps))(*bitmaps)
    try:
        assert mtmd.mtmd_tokenize(projector.handle, chunks, ctypes.byref(given), array, len(bitmaps)) == 0
        yield chunks
    finally:
        mtmd.mtmd_input_chunks_free(chunks)
        for bitmap in bitmaps:
            mtmd.mtmd_bitmap_free(bitmap)


def reference(seeing: Seeing, *messages: Message) -> Answer:
    """Greedy tokens after mtmd's helper has read the whole prompt into a context that holds nothing else."""
    model, projector = seeing.model, seeing.engine.encoder._projector
    params = model._context_params()
    params.n_ctx, params.n_seq_max, params.type_k, params.type_v = 512, 1, 0, 0
    context = Context(model._library, model._weights.handle, params, contextlib.nullcontext())
    media = seeing.prepared(*messages).media
    position = ctypes.c_int32()
    try:
        with chunks_of(seeing, seeing.text(*messages), [span.picture for span in media]) as chunks:
            code = projector.mtmd.mtmd_helper_eval_chunks(
                projector.handle, context._context, chunks, 0, 0, context.n_batch, True, ctypes.byref(position)
            )
        assert code == 0
        return decoded(context, position.value)
    finally:
        context.close()


def decoded(context: Context, position: int) -> Answer:
    ids, leads, index = [], [], -1
    for step in range(LIMIT):
        logits = context.logits(index)
        second, first = np.sort(logits)[-2:]
        ids.append(int(np.argmax(logits)))
        leads.append(float(first - second))
        context.batch.clear()
        index = context.batch.add([ids[-1]], position + step, 0, output=True)
        assert context.decode() == DONE
    return Answer(ids, leads)


def test_answers_equal_those_of_mtmds_own_way(seeing: Seeing) -> None:
    for asked in ALL:
        assert seeing.alone(*asked) == reference(seeing, *asked)


# ------------------------------------------------------------------ pictures matter


def test_pictures_and_their_order_matter(seeing: Seeing) -> None:
    """Told by log-probabilities: greedy tokens of random weights soon repeat themselves, whatever was shown."""
    shown: list[tuple[Shown, ...]] = [(RED,), (BLUE,), (RED, STRIPES), (STRIPES, RED), (), (RED,)]
    *different, again = [seeing.run(user(*parts, "what is it")).logprobs for parts in shown]
    assert np.allclose(again, different[0], atol=1e-6)
    for one, other in combinations(different, 2):
        assert not np.allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("prefill", [1, 3, 7, 1000])
def test_slices_of_any_size_give_the_same_answer(seeing: Seeing, prefill: int) -> None:
    assert seeing.alone(*TWO, prefill=prefill) == seeing.alone(*TWO)


@pytest.mark.parametrize("delay", [0, 1, 4])
def test_together_they_answer_as_alone(seeing: Seeing, delay: int) -> None:
    expected = [seeing.alone(*asked) for asked in ALL]
    drive = Drive(seeing.engine)
    rows = []
    for asked in ALL:
        rows.append(seeing.begin(drive, *asked))
        for _ in range(delay):
            drive.step()
    drive.finish(*rows)
    assert [row.answer for row in rows] == expected
    for row in rows:
        seeing.engine.remove(row.sid, False)


def test_answers_go_on_while_a_picture_is_encoded_and_read(seeing: Seeing) -> None:
    """The row that decodes gets a token in every step, whatever the other one does."""
    drive = Drive(seeing.engine)
    running = seeing.begin(drive, *PLAIN, limit=200)
    while not running.ids:
        drive.step()
    fresh = picture((7, 77, 177))
    other = seeing.begin(drive, user(fresh, "go"))
    before = seeing.engine.encoder.encoded
    while not other.ids:
        had, encoded = len(running.ids), seeing.engine.encoder.encoded
        drive.step()
        assert len(running.ids) == had + 1
        assert seeing.engine.encoder.encoded <= encoded + 1
    assert seeing.engine.encoder.encoded > before
    for row in (running, other):
        seeing.engine.remove(row.sid, False)


def test_a_picture_is_encoded_once(seeing: Seeing) -> None:
    fresh = picture((10, 200, 30))
    first = seeing.alone(user(fresh, "one"))
    before = seeing.engine.encoder.encoded
    assert seeing.alone(user(fresh, "one")) == first
    seeing.alone(user("another question about ", fresh))
    assert seeing.engine.encoder.encoded == before
    assert seeing.model.scratch_bytes() >= seeing.engine.pictures_bytes() > 0


def test_what_was_kept_of_a_picture_answers_as_what_is_made_anew(seeing: Seeing) -> None:
    kept = seeing.alone(*TWO)
    seeing.engine.encoder.clear()
    assert seeing.engine.pictures_bytes() == 0
    assert seeing.alone(*TWO) == kept


def test_kept_pictures_stay_within_their_bytes(seeing: Seeing) -> None:
    engine = seeing.engine
    usual, expected = engine.encoder, seeing.alone(*TWO)
    engine.encoder = Encoder(usual._projector, contextlib.nullcontext(), budget=1)
    try:
        assert seeing.alone(*TWO) == expected
        assert len(engine.encoder._kept) == 1
    finally:
        engine.encoder.clear()
        engine.encoder = usual


def test_prompts_of_text_are_read_beside_a_queue_of_pictures(seeing: Seeing) -> None:
    """Five rows are at their pictures, which takes ten steps at least; every second one is for tokens."""
    drive = Drive(seeing.engine, 1000)
    rows = [seeing.begin(drive, user(picture((20 * number, 5, 5)), "x")) for number in range(5)]
    drive.step()
    text = seeing.begin(drive, user("x"))
    drive.prefill = 4
    steps = 0
    while not text.ids:
        drive.step()
        steps += 1
    assert steps <= 2 * -(-len(text.task.tokens) // 4) + 1
    assert seeing.engine._sight() is not None
    for row in (*rows, text):
        seeing.engine.remove(row.sid, False)


# ------------------------------------------------------------------ kept states


def test_a_kept_state_goes_on_as_a_cold_one(seeing: Seeing) -> None:
    """Turn two from the end of turn one, from the middle of it, and with a further picture."""
    drive = Drive(seeing.engine)
    first = seeing.begin(drive, *ONE)
    drive.finish(first)
    kept = seeing.engine.remove(first.sid, True)
    assert kept is not None
    prepared = seeing.prepared(*ONE)
    assert kept.tokens.tolist() == [*prepared.tokens, *first.ids][: len(kept.tokens)]
    (span,) = prepared.media
    for more in (user("go on"), user("and ", BLUE, "?")):
        longer = (*ONE, more)
        tokens = seeing.prepared(*longer).tokens
        cold = seeing.alone(*longer)
        for cut in (shared(kept, tokens), span.stop, span.start):
            assert seeing.alone(*longer, prefix=kept.cut(cut), cut=cut) == cold


@pytest.mark.parametrize("to_host", [False, True])
def test_text_goes_on_from_what_it_shares_with_a_prompt_that_has_pictures(seeing: Seeing, to_host: bool) -> None:
    """Its tokens come after the shared ones, however much room the pictures took up there."""
    shown = (user("you are asked this: ", BLUE, STRIPES, " what is it"),)
    text = (user("you are asked this: is it far"),)
    drive = Drive(seeing.engine)
    row = seeing.begin(drive, *shown)
    drive.finish(row)
    kept = seeing.engine.remove(row.sid, True)
    assert kept is not None
    if to_host:
        header, buffers = kept.export()
        kept = seeing.engine.restore(header, [memoryview(bytes(buffer)) for buffer in buffers])
    cut = shared(kept, seeing.prepared(*text).tokens)
    warm = seeing.run(*text, prefix=kept.cut(cut), cut=cut)
    cold = seeing.run(*text)
    assert np.allclose(warm.logprobs, cold.logprobs, atol=1e-4)
    assert warm.answer == cold.answer


def test_a_reused_picture_is_not_read_again(seeing: Seeing) -> None:
    drive = Drive(seeing.engine)
    first = seeing.begin(drive, *ONE)
    drive.finish(first)
    kept = seeing.engine.remove(first.sid, True)
    assert kept is not None
    longer = (*ONE, user("go on"))
    cut = shared(kept, seeing.prepared(*longer).tokens)
    seeing.engine.encoder.clear()
    before = seeing.engine.encoder.encoded
    seeing.alone(*longer, prefix=kept.cut(cut), cut=cut)
    assert seeing.engine.encoder.encoded == before


def shared(kept: Snapshot, tokens: list[int]) -> int:
    return next(at for at, (one, other) in enumerate(zip(kept.tokens, tokens, strict=False)) if one != other)


def test_states_that_leave_for_the_host_come_back_the_same(seeing_of: Callable[..., Seeing]) -> None:
    """With one slot, every kept state has to leave it."""
    for kind in KINDS:
        seeing = seeing_of(kind, slots=1)
        drive = Drive(seeing.engine)
        first = seeing.begin(drive, *TWO)
        drive.finish(first)
        kept = seeing.engine.remove(first.sid, True)
        assert kept is not None
        cuts = [kept.cut(span.stop) for span in seeing.prepared(*TWO).media]
        seeing.alone(*OTHER)
        assert not kept.in_place
        for cut in (*cuts, kept.cut(len(kept.tokens) - 1)):
            assert cut is not None
            size = min(len(cut.tokens), len(seeing.prepared(*TWO).tokens) - 1)
            assert seeing.alone(*TWO, prefix=cut.cut(size), cut=size) == first.answer


def test_a_state_survives_the_disk(seeing: Seeing) -> None:
    drive = Drive(seeing.engine)
    row = seeing.begin(drive, *ONE)
    drive.finish(row)
    kept = seeing.engine.remove(row.sid, True)
    assert kept is not None
    header, buffers = kept.export()
    back = seeing.engine.restore(header, [memoryview(bytes(buffer)) for buffer in buffers])
    np.testing.assert_array_equal(back.tokens, kept.tokens)
    longer = (*ONE, user("go on"))
    cut = shared(back, seeing.prepared(*longer).tokens)
    assert seeing.alone(*longer, prefix=back.cut(cut), cut=cut) == seeing.alone(*longer)


def test_marks_in_a_prompt_with_pictures(seeing: Seeing) -> None:
    prepared = seeing.prepared(*TWO)
    marks = (prepared.media[0].stop, len(prepared.tokens) - 1)
    drive = Drive(seeing.engine, 5)
    row = seeing.begin(drive, *TWO, marks=marks)
    taken: list[Snapshot] = []
    while not row.ids:
        taken += drive.step()
    assert [len(snapshot.tokens) for snapshot in taken] == list(marks)
    drive.finish(row)
    for snapshot in taken:
        assert seeing.alone(*TWO, prefix=snapshot, cut=len(snapshot.tokens)) == row.answer
    seeing.engine.remove(row.sid, False)


def test_where_state_cannot_be_cut_whole_states_are_reused(
    seeing_of: Callable[..., Seeing], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a sliding window, which Gemma 3 has: only states that end where the prefix ends."""
    monkeypatch.setattr(Weights, "trims", False)
    for kind in ("gemma3", "qwen2vl"):
        seeing = seeing_of(kind, slots=2)
        prepared, expected = seeing.prepared(*TWO), seeing.alone(*TWO)
        drive = Drive(seeing.engine)
        row = seeing.begin(drive, *TWO, marks=(prepared.media[0].stop,))
        taken: list[Snapshot] = []
        while not row.ids:
            taken += drive.step()
        drive.finish(row)
        seeing.engine.remove(row.sid, False)
        assert row.answer == expected
        (kept,) = taken
        assert kept.cut(len(kept.tokens) - 1) is None
        for _ in range(2):
            assert seeing.alone(*TWO, prefix=kept.cut(len(kept.tokens)), cut=len(kept.tokens)) == expected


# ------------------------------------------------------------------ endings


@pytest.mark.parametrize("steps", range(8))
def test_a_row_that_leaves_early_leaves_a_state_to_go_on_from(seeing: Seeing, steps: int) -> None:
    """After so many steps it is before, in, between or after its pictures, encoding or reading them."""
    cold = seeing.alone(*TWO)
    company = seeing.alone(*OTHER)
    seeing.engine.encoder.clear()
    drive = Drive(seeing.engine)
    row, stays = seeing.begin(drive, *TWO), seeing.begin(drive, *OTHER)
    for _ in range(steps):
        drive.step()
    left = seeing.engine.remove(row.sid, True)
    del drive.running[row.sid]
    drive.finish(stays)
    seeing.engine.remove(stays.sid, False)
    assert stays.answer == company
    if left is not None:
        held = len(left.tokens)
        cut = max([end for span in seeing.prepared(*TWO).media for end in (span.start, span.stop) if end <= held] + [0])
        if cut:
            assert seeing.alone(*TWO, prefix=left.cut(cut), cut=cut) == cold
    assert seeing.engine.live_bytes() == 0


def test_an_interrupted_picture_is_read_again(seeing: Seeing, monkeypatch: pytest.MonkeyPatch) -> None:
    """The flag is up when the computation of its embeddings begins."""
    expected, find = seeing.alone(*TWO), seeing.engine.encoder.find
    times = iter(range(2))

    def find_and_interrupt(one: Picture) -> Any:
        if next(times, None) is not None:
            seeing.engine.interrupt()
        return find(one)

    monkeypatch.setattr(seeing.engine.encoder, "find", find_and_interrupt)
    assert seeing.alone(*TWO) == expected
    assert next(times, None) is None


def test_a_picture_that_cannot_be_encoded_ends_its_row_alone(seeing: Seeing, monkeypatch: pytest.MonkeyPatch) -> None:
    seeing.engine.encoder.clear()
    expected = seeing.alone(*PLAIN)
    drive = Drive(seeing.engine)
    stays = seeing.begin(drive, *PLAIN)
    prepared = seeing.prepared(user(picture((9, 8, 7)), "x"))
    task = SequenceTask(5, prepared.tokens, limit=4, sampling=SamplerSettings(temperature=0.0), media=prepared.media)
    seeing.engine.insert(task)
    monkeypatch.setattr(Opened, "encode", _failing)
    errors = []
    while not errors:
        for out in seeing.engine.step(Budget(64)):
            if isinstance(out, Token) and out.sid == stays.sid:
                stays.take(out)
            errors += [out.error] if hasattr(out, "error") else []
    assert errors == ["the encoder failed"]
    drive.finish(stays)
    seeing.engine.remove(stays.sid, False)
    assert stays.answer == expected


def _failing(self: Opened, handle: Any) -> Any:
    raise EngineFailed("the encoder failed")


def test_after_a_reset_pictures_are_read_again(seeing: Seeing) -> None:
    expected = seeing.alone(*TWO)
    seeing.begin(Drive(seeing.engine), *ONE)
    seeing.engine.step(Budget(16))
    seeing.engine.reset()
    assert seeing.alone(*TWO) == expected


# ------------------------------------------------------------------ what requests may ask


def test_penalties_and_scores_leave_pictures_out(seeing: Seeing) -> None:
    drive = Drive(seeing.engine)
    sampling = SamplerSettings(temperature=0.0, repetition_penalty=1.5, repetition_window=500)
    row = seeing.begin(drive, *ONE, sampling=sampling, top_logprobs=3)
    drive.finish(row)
    seeing.engine.remove(row.sid, False)
    assert len(row.ids) == LIMIT


def test_a_prompt_may_end_with_a_picture(seeing: Seeing) -> None:
    prepared = seeing.prepared(*ONE)
    (span,) = prepared.media
    drive = Drive(seeing.engine)
    cut = prepared.tokens[: span.stop]
    rows = [drive.insert(cut, LIMIT, media=prepared.media, top_logprobs=2) for _ in range(2)]
    drive.finish(*rows)
    for row in rows:
        seeing.engine.remove(row.sid, False)
    assert len(rows[0].ids) == LIMIT
    assert rows[0].answer == rows[1].answer


def test_images_of_any_shape_have_their_answer_or_their_refusal(seeing: Seeing) -> None:
    assert seeing.alone(user(picture((1, 2, 3), (1, 1)), "x"))
    assert seeing.alone(user(picture((1, 2, 3), (400, 2)), "x"))
    with pytest.raises(InvalidRequest, match="20000 x 1"):
        seeing.prepared(user(picture((1, 2, 3), (20_000, 1)), "x"))


def test_transparency_is_left_out(seeing: Seeing) -> None:
    clear = picture_of(Image.new("RGBA", (80, 60), (255, 0, 0, 255)))
    assert clear.channels == 4
    assert seeing.alone(user(clear, "what is it")) == seeing.alone(user(RED, "what is it"))


def test_text_that_stands_for_a_picture_is_refused(seeing: Seeing) -> None:
    with pytest.raises(InvalidRequest, match="stands for an image"):
        seeing.prepared(user("what is <__media__>", RED))


def test_ids_that_stand_for_no_picture_are_refused(seeing: Seeing) -> None:
    prepared = seeing.prepared(*ONE)
    for tokens, media in ((prepared.tokens, ()), ([5, -1, 6], ()), ([5, -1], prepared.media)):
        task = SequenceTask(1, tokens, limit=1, sampling=SamplerSettings(), media=media)
        with pytest.raises(InvalidRequest):
            seeing.engine.insert(task)


def test_a_picture_that_must_be_read_at_once_has_to_fit(seeing_of: Callable[..., Seeing]) -> None:
    with pytest.raises(LoadFailed, match="n_ubatch"):
        seeing_of("gemma3", n_ubatch=2)
    small = seeing_of("qwen2vl", n_batch=8, n_ubatch=4)
    assert small.alone(*TWO) == seeing_of("qwen2vl").alone(*TWO)


class TestContract(EngineContract):
    """Text on a model that sees."""

    @pytest.fixture(scope="class", params=("gemma3", "qwen2vl"))
    @classmethod
    def model(cls, request: pytest.FixtureRequest, seeing_of: Callable[..., Seeing]) -> GgufModel:
        return seeing_of(request.param).model


class TestSharedCache(EngineContract):
    """Text on a model that sees, all slots in one cache."""

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, seeing_of: Callable[..., Seeing]) -> GgufModel:
        return seeing_of("qwen2vl", kv_unified=True, n_ctx=1024).model


def test_pictures_share_one_cache(seeing_of: Callable[..., Seeing]) -> None:
    for kind in ("gemma3", "qwen2vl"):
        seeing = seeing_of(kind, kv_unified=True, n_ctx=512)
        expected = [seeing.alone(*asked) for asked in ALL]
        drive = Drive(seeing.engine)
        rows = [seeing.begin(drive, *asked) for asked in ALL]
        drive.finish(*rows)
        assert [row.answer for row in rows] == expected
        for row in rows:
            seeing.engine.remove(row.sid, False)
