"""Snapshots: cutting, sharing, size, and their way to bytes and back."""

from __future__ import annotations

import gc

import mlx.core as mx
import numpy as np
import pytest
from mlx_lm.models.cache import ArraysCache, CacheList, KVCache, RotatingKVCache

from heylook_core.errors import EngineFailed
from heylook_mlx.caches import Footprint, can_be_cut_anywhere
from heylook_mlx.snapshot import MlxSnapshot, restore

pytestmark = pytest.mark.unit

LAYERS, HEADS, WIDTH = 2, 2, 32


def filled(length, kind=KVCache, dtype=mx.float32):
    """Caches that hold `length` tokens of noise, as after a prefill."""
    caches = []
    for layer in range(LAYERS):
        cache = kind()
        keys = mx.random.normal((1, HEADS, length, WIDTH), key=mx.random.key(layer)).astype(dtype)
        cache.update_and_fetch(keys, keys + 1)
        caches.append(cache)
    return caches


def content(snapshot, n):
    return [
        np.array(part[..., :n, :].astype(mx.float32))
        for cache in snapshot.caches
        for part in (cache.keys, cache.values)
    ]


def same(one, other, n):
    return all(np.array_equal(a, b) for a, b in zip(content(one, n), content(other, n), strict=True))


def test_a_cut_is_a_prefix_and_leaves_the_whole_alone():
    whole = MlxSnapshot(range(600), filled(600))
    cut = whole.cut(200)
    assert cut.tokens.tolist() == list(range(200))
    assert [cache.offset for cache in cut.caches] == [200] * LAYERS
    assert [cache.offset for cache in whole.caches] == [600] * LAYERS
    assert same(cut, whole, 200)
    for cache in cut.caches:
        cache.update_and_fetch(mx.zeros((1, HEADS, 5, WIDTH)), mx.zeros((1, HEADS, 5, WIDTH)))
    assert same(MlxSnapshot(range(600), filled(600)), whole, 600)


def test_the_whole_cut_is_itself_and_nonsense_is_none():
    whole = MlxSnapshot(range(50), filled(50))
    assert whole.cut(50) is whole
    assert [whole.cut(n) for n in (0, -1, 51)] == [None] * 3


def test_a_much_shorter_cut_gives_the_memory_back():
    whole = MlxSnapshot(range(2000), filled(2000))
    nbytes = whole.nbytes
    cut = whole.cut(100)
    assert cut.nbytes < nbytes / 10
    del whole
    gc.collect()
    mx.clear_cache()
    before = mx.get_active_memory()
    del cut
    gc.collect()
    assert before - mx.get_active_memory() < nbytes / 10


def test_a_slightly_shorter_cut_copies_nothing():
    whole = MlxSnapshot(range(2000), filled(2000))
    before = mx.get_active_memory()
    cut = whole.cut(1990)
    assert mx.get_active_memory() - before < 10_000
    assert cut.nbytes == whole.nbytes


def test_a_window_that_has_moved_cannot_be_cut():
    still = MlxSnapshot(range(30), filled(30, lambda: RotatingKVCache(max_size=64)))
    assert still.cut(20).tokens.tolist() == list(range(20))
    moved = MlxSnapshot(range(90), filled(90, lambda: RotatingKVCache(max_size=64)))
    assert moved.cut(80) is None
    assert moved.cut(90) is moved


def test_recurrent_state_cannot_be_cut():
    state = ArraysCache(1)
    state[0] = mx.ones((1, 4))
    snapshot = MlxSnapshot(range(30), [*filled(30), state])
    assert snapshot.cut(20) is None
    assert not can_be_cut_anywhere(snapshot.caches)
    assert can_be_cut_anywhere([CacheList(*filled(3))])


def test_a_quantised_state_is_not_cut_below_where_quantising_began():
    caches = [cache.to_quantized(group_size=32, bits=8) for cache in filled(600)]
    snapshot = MlxSnapshot(range(600), caches, exact_from=100)
    assert snapshot.cut(99) is None
    cut = snapshot.cut(100)
    assert cut.nbytes < snapshot.nbytes / 3
    assert cut.exact_from == 100


@pytest.mark.parametrize("dtype", [mx.float32, mx.float16, mx.bfloat16])
def test_bytes_and_back(dtype):
    snapshot = MlxSnapshot(range(300), filled(300, dtype=dtype))
    header, buffers = snapshot.export()
    assert sum(buffer.nbytes for buffer in buffers) == 300 * LAYERS * 2 * HEADS * WIDTH * dtype.size
    again = restore(header, [memoryview(bytes(buffer)) for buffer in buffers])
    assert again.tokens.tolist() == snapshot.tokens.tolist()
    assert same(again, snapshot, 300)
    assert again.caches[0].keys.dtype == dtype
    assert again.cut(10) is not None


def test_bytes_and_back_of_every_kind_of_cache():
    state = ArraysCache(2)
    state[0] = mx.ones((1, 4))
    quantised = filled(70)[0].to_quantized(group_size=32, bits=4)
    rotated = filled(90, lambda: RotatingKVCache(max_size=64))[0]
    pair = CacheList(*filled(70))
    snapshot = MlxSnapshot(range(70), [state, quantised, rotated, pair], exact_from=8)
    header, buffers = snapshot.export()
    again = restore(header, buffers)
    assert [type(cache) for cache in again.caches] == [type(cache) for cache in snapshot.caches]
    assert again.exact_from == 8
    assert again.caches[0][1] is None
    assert (again.caches[2].offset, again.caches[2].max_size) == (90, 64)
    assert np.array_equal(np.array(again.caches[3][1].keys[..., :70, :]), np.array(pair[1].keys[..., :70, :]))
    assert np.array_equal(np.array(again.caches[1].keys[0]), np.array(quantised.keys[0][..., :70, :]))


@pytest.mark.parametrize("change", [{"format": 99}, {"layers": [{"class": "os", "state": []}]}])
def test_a_header_of_another_kind_is_refused(change):
    header, buffers = MlxSnapshot(range(5), filled(5)).export()
    with pytest.raises(EngineFailed, match="stored snapshot"):
        restore({**header, **change}, buffers)


def test_cost_is_a_rectangle_in_steps_of_256_tokens():
    footprint = Footprint(filled(1))
    row = 256 * LAYERS * 2 * HEADS * WIDTH * 4
    assert footprint.of(1) == footprint.of(256) == row
    assert footprint.of_batch([10, 300]) == 2 * 2 * row
    assert footprint.of_batch([]) == 0
    window = Footprint(filled(1, lambda: RotatingKVCache(max_size=64)))
    assert window.of(10_000) == row // 4
