"""The disk tier keeps the tiers' contract, and its files can be damaged without harm."""

from __future__ import annotations

from pathlib import Path

import pytest

from heylook_core.prefix.tier import PrefixTier
from heylook_core.testkit.tier_contract import HEADER, PrefixTierContract, buffers, ids
from heylook_disk_cache.tier import DiskConfig, DiskTier


def opened(folder: Path, max_bytes: int = 1 << 20) -> DiskTier:
    return DiskTier(DiskConfig(folder=str(folder), max_bytes=max_bytes), "model")


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/*.kv"))


class TestDiskTier(PrefixTierContract):
    def open(self, folder: Path, fingerprint: str = "model", max_bytes: int = 1 << 20) -> PrefixTier:
        return DiskTier(DiskConfig(folder=str(folder), max_bytes=max_bytes), fingerprint)


def stored(folder: Path) -> Path:
    tier = opened(folder)
    tier.put([1, 2, 3], HEADER, buffers(1))
    tier.close()
    return files(folder)[0]


@pytest.mark.parametrize("change", ["cut", "flip", "append", "empty", "foreign", "head"])
def test_a_damaged_file_is_skipped_and_removed(tmp_path: Path, change: str) -> None:
    path = stored(tmp_path)
    data = path.read_bytes()
    path.write_bytes(
        {
            "cut": data[:-10],
            "flip": data[:-20] + bytes([data[-20] ^ 1]) + data[-19:],
            "append": data + b"x",
            "empty": b"",
            "foreign": b"something else altogether",
            "head": data[:14] + b"\xff" * 40 + data[54:],
        }[change]
    )
    tier = opened(tmp_path)
    found = tier.probe(ids([1, 2, 3, 4]))
    assert found is None or tier.fetch(found.key) is None
    assert files(tmp_path) == []
    assert tier.figures().damaged == 1
    assert tier.put([1, 2, 3], HEADER, buffers(1))
    tier.close()


def test_a_file_of_another_model_is_not_taken_for_ours(tmp_path: Path) -> None:
    path = stored(tmp_path)
    other = DiskTier(DiskConfig(folder=str(tmp_path)), "other")
    other.put([1, 2, 3], HEADER, buffers(2))
    other.close()
    theirs = next(one for one in files(tmp_path) if one != path)
    theirs.rename(path.with_name(theirs.name))
    tier = opened(tmp_path)
    assert tier.figures().entries == 1
    tier.close()


def test_a_write_that_was_cut_off_leaves_nothing(tmp_path: Path) -> None:
    path = stored(tmp_path)
    partial = path.with_suffix(".partial")
    path.rename(partial)
    opened(tmp_path).close()
    assert not partial.exists()


def test_a_full_disk_drops_the_entry_and_harms_nobody(tmp_path: Path) -> None:
    tier = opened(tmp_path)
    folder = next(tmp_path.iterdir())
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    assert not tier.put([1, 2, 3], HEADER, buffers(1))
    assert tier.probe(ids([1, 2, 3, 4])) is None
    tier.close()


def test_a_longer_entry_replaces_those_that_it_begins_with(tmp_path: Path) -> None:
    tier = opened(tmp_path)
    tier.put([1, 2], HEADER, buffers(1))
    tier.put([1, 2, 3], HEADER, buffers(2))
    assert not tier.put([1], HEADER, buffers(3))
    assert tier.figures().entries == 1
    assert len(files(tmp_path)) == 1
    tier.close()
