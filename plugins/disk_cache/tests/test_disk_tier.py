"""The disk tier keeps the tiers' contract, and its files can be damaged without harm."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from heylook_core.prefix.tier import PrefixTier
from heylook_core.testkit.tier_contract import HEADER, PrefixTierContract, buffers, contents, ids
from heylook_disk_cache import entry
from heylook_disk_cache.tier import DiskConfig, DiskTier


def opened(folder: Path, max_bytes: int = 1 << 20, trims: bool = True) -> DiskTier:
    return DiskTier(DiskConfig(folder=str(folder), max_bytes=max_bytes), "model", trims)


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/*.kv"))


class TestDiskTier(PrefixTierContract):
    def open(
        self, folder: Path, fingerprint: str = "model", max_bytes: int = 1 << 20, trims: bool = True
    ) -> PrefixTier:
        return DiskTier(DiskConfig(folder=str(folder), max_bytes=max_bytes), fingerprint, trims)


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
            "head": data[:18] + b"\xff" * 40 + data[58:],
        }[change]
    )
    tier = opened(tmp_path)
    found = tier.probe(ids([1, 2, 3, 4]))
    assert found is None or tier.fetch(found.key) is None
    assert files(tmp_path) == []
    assert tier.figures().damaged == 1
    assert tier.put([1, 2, 3], HEADER, buffers(1))
    tier.close()


def test_no_bit_can_change_without_being_noticed(tmp_path: Path) -> None:
    """The engine's own header too: a wrong length in it would put wrong tokens under a state."""
    path = stored(tmp_path)
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :])
        with pytest.raises(entry.Damaged):
            entry.read(path)


def test_what_else_lies_in_the_folder_is_left_alone(tmp_path: Path) -> None:
    own = stored(tmp_path)
    folder = own.parent
    (folder / "folder.kv").mkdir()
    (folder / "folder.partial").mkdir()
    os.mkfifo(folder / "pipe.kv")
    (folder / "gone.kv").symlink_to(folder / "nowhere")
    (folder / "notes.txt").write_text("mine")
    before = sorted(folder.iterdir())
    tier = opened(tmp_path)
    assert (tier.figures().entries, tier.figures().damaged) == (1, 0)
    tier.clear()
    tier.close()
    assert sorted(folder.iterdir()) == [path for path in before if path != own]


def test_an_error_of_the_system_costs_no_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many open files, say: the entry is not found now, and found after the next start."""
    path = stored(tmp_path)
    tier = opened(tmp_path)
    found = tier.probe(ids([1, 2, 3, 4]))
    assert found is not None
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", lambda *_: (_ for _ in ()).throw(OSError(24, "Too many open files")))
        assert tier.fetch(found.key) is None
    tier.close()
    assert path.exists()
    again = opened(tmp_path)
    assert contents(again, found.key) is not None
    again.close()


def unreadable(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """From now on the system refuses to open this file for reading, and says nothing against any other."""
    whole = Path.open

    def opening(self: Path, mode: str = "r", *rest: Any, **more: Any) -> Any:
        if self == path and mode == "rb":
            raise OSError(errno.EIO, "Input/output error")
        return whole(self, mode, *rest, **more)

    monkeypatch.setattr(Path, "open", opening)


def on_disk(folder: Path) -> int:
    return sum(path.stat().st_size for path in files(folder))


@pytest.mark.parametrize("restarted", [False, True])
def test_files_that_cannot_be_read_count_until_they_leave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, restarted: bool
) -> None:
    tier = opened(tmp_path, 10_000)
    assert tier.put([0, 1, 2], HEADER, buffers(0))
    (path,) = files(tmp_path)
    unreadable(monkeypatch, path)
    if restarted:
        tier.close()
        tier = opened(tmp_path, 10_000)
    else:
        assert tier.fetch(path.stem) is None
    assert tier.probe(ids([0, 1, 2, 3])) is None
    assert tier.figures().nbytes == on_disk(tmp_path) > 2000
    for number in range(1, 9):
        assert tier.put([number, 1, 2], HEADER, buffers(number))
        assert tier.figures().nbytes == on_disk(tmp_path) <= 10_000
    assert not path.exists()
    tier.close()


def test_a_state_whose_file_cannot_be_read_is_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tier = opened(tmp_path)
    assert tier.put([1, 2, 3], HEADER, buffers(1))
    with monkeypatch.context() as patched:
        unreadable(patched, files(tmp_path)[0])
        assert tier.fetch(files(tmp_path)[0].stem) is None
    assert tier.put([1, 2, 3], HEADER, buffers(2))
    found = tier.probe(ids([1, 2, 3, 4]))
    assert found is not None
    assert contents(tier, found.key) == [bytes(one) for one in buffers(2)]
    assert (tier.figures().entries, tier.figures().nbytes) == (1, on_disk(tmp_path))
    tier.close()


def test_an_entry_whose_file_is_gone_is_forgotten(tmp_path: Path) -> None:
    tier = opened(tmp_path)
    assert tier.put([1, 2, 3], HEADER, buffers(1))
    (path,) = files(tmp_path)
    path.unlink()
    assert tier.fetch(path.stem) is None
    assert tier.figures().entries == 0
    tier.close()


def test_what_a_model_left_that_is_loaded_no_more_is_removed(tmp_path: Path) -> None:
    """A new version of an engine gives its models other fingerprints: nobody would ever ask for the old entries."""
    old, long_ago = stored(tmp_path), time.time() - 31 * 86_400
    cut_off = old.with_name("cut off.partial")
    cut_off.write_bytes(b"what a kill left")
    os.utime(old.parent / "lock", (long_ago, long_ago))
    in_use = DiskTier(DiskConfig(folder=str(tmp_path)), "in use", True)
    assert not old.exists()
    assert not cut_off.exists()
    in_use.put([1, 2, 3], HEADER, buffers(1))
    (kept,) = files(tmp_path)
    os.utime(kept.parent / "lock", (long_ago, long_ago))
    DiskTier(DiskConfig(folder=str(tmp_path)), "third", True).close()
    assert kept.exists()
    in_use.close()


def test_a_file_of_another_model_is_not_taken_for_ours(tmp_path: Path) -> None:
    path = stored(tmp_path)
    other = DiskTier(DiskConfig(folder=str(tmp_path)), "other", True)
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


def test_on_a_full_disk_the_oldest_entry_makes_way_for_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk has room for three entries, the budget for a thousand."""
    write = entry.write

    def written(folder: Path, *rest: Any) -> Path:
        if len(files(tmp_path)) >= 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(folder, *rest)

    monkeypatch.setattr(entry, "write", written)
    tier = opened(tmp_path)
    for number in range(5):
        assert tier.put([number, 1, 2], HEADER, buffers(number))
    assert [tier.probe(ids([number, 1, 2, 3])) is not None for number in range(5)] == [False, False, True, True, True]
    tier.close()


def test_a_longer_entry_replaces_those_that_it_begins_with(tmp_path: Path) -> None:
    tier = opened(tmp_path)
    tier.put([1, 2], HEADER, buffers(1))
    tier.put([1, 2, 3], HEADER, buffers(2))
    assert not tier.put([1], HEADER, buffers(3))
    assert tier.figures().entries == 1
    assert len(files(tmp_path)) == 1
    tier.close()


WRITER = """
import sys, numpy as np
from heylook_disk_cache.tier import DiskConfig, DiskTier
tier = DiskTier(DiskConfig(folder=sys.argv[1]), "model", True)
print("ready", flush=True)
number = 0
while True:
    number += 1
    data = np.full(4_000_000, number % 251, np.uint8)
    tier.put([number, 1, 2], {"number": number}, [data.data, data.data])
"""

LIMITED = """
import resource, signal, sys
from heylook_disk_cache.tier import DiskConfig, DiskTier
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
tier = DiskTier(DiskConfig(folder=sys.argv[1]), "model", True)
assert not tier.put([1, 2, 3], {}, [memoryview(bytes(1_000_000))])
assert tier.put([4, 5, 6], {}, [memoryview(bytes(1_000))])
assert tier.figures().entries == 1
"""


@pytest.mark.parametrize("seconds", [0.02, 0.05, 0.11])
def test_a_writer_killed_at_any_moment_leaves_whole_entries_only(tmp_path: Path, seconds: float) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        time.sleep(seconds)
        writer.kill()
    tier = opened(tmp_path, 1 << 30)
    assert not list(tmp_path.glob("*/*.partial"))
    assert tier.figures().damaged == 0
    for path in files(tmp_path):
        stored = tier.fetch(path.stem)
        assert stored is not None
        value = stored.header["number"] % 251
        assert all(set(bytes(buffer[::50_000])) == {value} for buffer in stored.buffers)
    tier.close()


def test_a_disk_without_room_for_an_entry_takes_the_next_that_fits(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.glob("*/*.partial"))


def test_the_budget_counts_whole_files(tmp_path: Path) -> None:
    tier = opened(tmp_path, 10_000)
    for number in range(12):
        tier.put([number, *range(500)], HEADER, buffers(number))
        assert sum(path.stat().st_size for path in files(tmp_path)) == tier.figures().nbytes <= 10_000
    assert tier.figures().entries >= 2
    tier.close()


def test_what_was_fetched_last_stays_longest(tmp_path: Path) -> None:
    tier = opened(tmp_path, 10_000)
    for number in range(3):
        tier.put([number, 1, 2], HEADER, buffers(number))
    found = tier.probe(ids([0, 1, 2, 3]))
    assert found is not None
    assert tier.fetch(found.key) is not None
    before = tier.figures().evictions
    number = 3
    while tier.figures().evictions == before:
        tier.put([number, 1, 2], HEADER, buffers(number))
        number += 1
    assert tier.probe(ids([0, 1, 2, 3])) is not None
    assert tier.probe(ids([1, 1, 2, 3])) is None
    tier.close()
