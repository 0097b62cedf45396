"""What every prefix tier promises, as tests. Inherit, and say how to open one.

class TestMyTier(PrefixTierContract):
    def open(self, folder, fingerprint="model", max_bytes=1 << 20, trims=True):
        return MyTier(MyConfig(folder=str(folder), max_bytes=max_bytes), fingerprint, trims)
"""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from heylook_core.errors import PluginError
from heylook_core.prefix.tier import PrefixTier

HEADER = {"format": 1, "layers": [{"shape": [1, 2]}]}


def ids(tokens: list[int]) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    return np.asarray(tokens, dtype=np.int32)


def buffers(seed: int, size: int = 1000) -> list[memoryview]:
    data = random.Random(seed).randbytes(size)
    return [memoryview(data), memoryview(b""), memoryview(data[::-1])]


def contents(tier: PrefixTier, key: str) -> list[bytes] | None:
    stored = tier.fetch(key)
    return None if stored is None else [bytes(buffer) for buffer in stored.buffers]


class PrefixTierContract:
    """Overridable: `open`; `refuses_a_second` where entries are shared with nobody."""

    refuses_a_second = True

    def open(
        self, folder: Path, fingerprint: str = "model", max_bytes: int = 1 << 20, trims: bool = True
    ) -> PrefixTier:
        raise NotImplementedError("open a tier in this folder")

    def test_what_was_put_is_found_and_fetched_as_it_was(self, tmp_path: Path) -> None:
        tier = self.open(tmp_path)
        assert tier.put([1, 2, 3, 4], HEADER, buffers(1))
        found = tier.probe(ids([1, 2, 3, 9, 9]))
        assert found is not None
        assert found.n == 3
        stored = tier.fetch(found.key)
        assert stored is not None
        assert stored.header == HEADER
        assert [bytes(one) for one in stored.buffers] == [bytes(one) for one in buffers(1)]
        tier.close()

    def test_nothing_in_common_is_nothing_found(self, tmp_path: Path) -> None:
        tier = self.open(tmp_path)
        assert tier.probe(ids([1, 2])) is None
        tier.put([1, 2], HEADER, buffers(1))
        assert tier.probe(ids([2, 1])) is None
        tier.close()

    def test_the_longest_common_prefix_wins(self, tmp_path: Path) -> None:
        tier = self.open(tmp_path)
        tier.put([1, 2, 7], HEADER, buffers(1))
        tier.put([1, 2, 3, 4, 8], HEADER, buffers(2))
        found = tier.probe(ids([1, 2, 3, 4, 5]))
        assert found is not None
        assert contents(tier, found.key) == [bytes(one) for one in buffers(2)]
        tier.close()

    def test_of_states_that_can_be_cut_the_longest_stands_for_those_that_it_begins_with(self, tmp_path: Path) -> None:
        tier = self.open(tmp_path)
        tier.put([1, 2], HEADER, buffers(1))
        tier.put([1, 2, 3, 4], HEADER, buffers(2))
        assert not tier.put([1, 2, 3], HEADER, buffers(3))
        found = tier.probe(ids([1, 2, 9]))
        assert found is not None
        assert contents(tier, found.key) == [bytes(one) for one in buffers(2)]
        tier.close()

    @pytest.mark.parametrize("order", [((1, 2), (1, 2, 3, 4)), ((1, 2, 3, 4), (1, 2))], ids=["longer", "shorter"])
    def test_a_state_that_cannot_be_cut_leaves_those_that_it_begins_with(
        self, tmp_path: Path, order: tuple[tuple[int, ...], ...]
    ) -> None:
        """The state at the end of the system text is what another question goes on from."""
        tier = self.open(tmp_path, trims=False)
        for tokens in order:
            assert tier.put(list(tokens), HEADER, buffers(len(tokens)))
        tier.close()
        again = self.open(tmp_path, trims=False)
        for prompt, held in (([1, 2, 9], 2), ([1, 2, 3, 4], 2), ([1, 2, 3, 4, 9], 4)):
            found = again.probe(ids(prompt))
            assert found is not None
            assert found.n == held
            assert contents(again, found.key) == [bytes(one) for one in buffers(held)]
        again.close()

    def test_a_state_that_cannot_be_cut_is_found_only_where_all_of_it_is_wanted(self, tmp_path: Path) -> None:
        tier = self.open(tmp_path, trims=False)
        tier.put([1, 2, 3], HEADER, buffers(1))
        for prompt in ([1, 2], [1, 2, 3], [1, 2, 9, 9]):
            assert tier.probe(ids(prompt)) is None
        tier.close()

    def test_the_same_tokens_are_kept_once(self, tmp_path: Path) -> None:
        tier = self.open(tmp_path, trims=False)
        tier.put([1, 2, 3], HEADER, buffers(1))
        tier.put([1, 2, 3], HEADER, buffers(1))
        assert tier.figures().entries == 1
        tier.close()

    def test_entries_survive_a_restart(self, tmp_path: Path) -> None:
        tier = self.open(tmp_path)
        tier.put([1, 2, 3], HEADER, buffers(1))
        tier.close()
        again = self.open(tmp_path)
        found = again.probe(ids([1, 2, 3, 4]))
        assert found is not None
        assert contents(again, found.key) == [bytes(one) for one in buffers(1)]
        again.close()

    def test_another_model_s_entries_are_never_found(self, tmp_path: Path) -> None:
        tier = self.open(tmp_path, "one model")
        tier.put([1, 2, 3], HEADER, buffers(1))
        tier.close()
        other = self.open(tmp_path, "another model")
        assert other.probe(ids([1, 2, 3, 4])) is None
        other.close()

    def test_the_budget_is_kept_and_the_least_recently_used_leaves(self, tmp_path: Path) -> None:
        tier = self.open(tmp_path, max_bytes=10_000)
        for number in range(12):
            tier.put([number, 1, 2], HEADER, buffers(number))
            assert tier.figures().nbytes <= 10_000 + 4096
        assert tier.probe(ids([11, 1, 2, 3])) is not None
        assert tier.probe(ids([0, 1, 2, 3])) is None
        assert tier.figures().evictions > 0
        tier.close()

    def test_what_alone_exceeds_the_budget_is_not_kept(self, tmp_path: Path) -> None:
        tier = self.open(tmp_path, max_bytes=1000)
        assert not tier.put([1, 2, 3], HEADER, buffers(1, 5000))
        assert tier.figures().entries == 0
        tier.close()

    def test_clear_removes_everything(self, tmp_path: Path) -> None:
        tier = self.open(tmp_path)
        tier.put([1, 2, 3], HEADER, buffers(1))
        tier.clear()
        assert tier.probe(ids([1, 2, 3, 4])) is None
        assert tier.figures().entries == 0
        tier.close()

    def test_a_second_server_on_the_same_place_is_refused(self, tmp_path: Path) -> None:
        if not self.refuses_a_second:
            pytest.skip("this tier may be shared")
        tier = self.open(tmp_path)
        with pytest.raises(PluginError):
            self.open(tmp_path)
        tier.close()
        self.open(tmp_path).close()
