"""Pull a model from a hub into the folder of pulled models. Blocks: never on the event loop."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from heylook_core.catalog.hub import Hub, RemoteFile, Repository
from heylook_core.catalog.pulled import PulledModel, Record, read_record, recognised, refusal, with_model, write_record
from heylook_core.catalog.transfer import PARTIAL, begun_bytes, fetch, is_there
from heylook_core.catalog.wanted import Selection, Wanted, select, wanted
from heylook_core.errors import HeylookError, PullFailed
from heylook_core.plugins import PROVIDERS, Plugins
from heylook_core.settings import ModelEntry

LOCK = ".lock"
SPARE_BYTES = 64 << 20  # left free on the disk for everybody else
REPORT_SECONDS = 0.1

Stage: TypeAlias = Literal["listed", "fetching", "recognising", "done"]


class PullProgress(msgspec.Struct, frozen=True, kw_only=True):
    """`done` and `total` are bytes of `file`, `all_done` and `all_total` those of the whole model."""

    stage: Stage
    model: str
    file: str = ""
    digest: str = ""
    done: int = 0
    total: int = 0
    all_done: int = 0
    all_total: int = 0


OnProgress: TypeAlias = Callable[[PullProgress], None]


class Puller:
    """Pulls into `models`, one folder for each repository. Any thread; two pulls of one repository exclude each other.

    `endpoint` is the hub's address, None for the usual one.
    """

    def __init__(self, models: Path, plugins: Plugins, endpoint: str | None = None) -> None:
        self._models = models
        self._plugins = plugins
        self._endpoint = endpoint

    def pull(self, name: str, on_progress: OnProgress, cancelled: threading.Event) -> ModelEntry:
        """Fetch what is missing of ORG/NAME[:file] and note it; the entry to serve it by.

        `on_progress` is called on this thread. Raises InvalidRequest, ModelNotFound, Forbidden, PullFailed; Cancelled
        within a moment of `cancelled` being set (at most the 20 s that a silent hub is waited for). What has arrived
        is kept, and the next pull goes on from there.
        """
        asked = wanted(name)
        hub = Hub(self._endpoint)
        repository = hub.look(asked.repository)
        selection = select(asked, repository)
        folder = self._models / asked.folder
        with self._locked(folder, asked.repository):
            record = read_record(folder, asked.repository)
            missing = [file for file in selection.files if not _is_known(folder, file, record)]
            self._check_room(folder, missing)
            record = _Transfer(hub, repository, selection, folder, on_progress, cancelled).run(missing, record)
            on_progress(PullProgress(stage="recognising", model=selection.id))
            entry = self._note(folder, asked, selection, repository, record)
        on_progress(PullProgress(stage="done", model=entry.id))
        return entry

    @contextlib.contextmanager
    def _locked(self, folder: Path, repository: str) -> Iterator[None]:
        """The lock is the system's and goes with the process; it also excludes other processes."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = (folder / LOCK).open("w")
        except OSError as error:
            raise PullFailed(f"{folder} cannot be written ({error}); set models_dir in models.yaml.") from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise PullFailed(
                    f"{repository} is being pulled already; ask again when that has ended.", retry_after=10
                ) from error
            yield

    def _check_room(self, folder: Path, missing: list[RemoteFile]) -> None:
        needed = sum(file.bytes - begun_bytes(folder, file) for file in missing)
        free = shutil.disk_usage(folder).free
        if missing and needed + SPARE_BYTES > free:
            raise PullFailed(
                f"{_size(needed)} are to be fetched, and {_size(free)} are free at {self._models}; make room, or set "
                "models_dir in models.yaml to a folder on another disk."
            )

    def _note(
        self, folder: Path, asked: Wanted, selection: Selection, repository: Repository, record: Record
    ) -> ModelEntry:
        """Raises PullFailed for what no plugin recognises; its files stay, since a plugin may be missing only."""
        aliases = () if asked.asked == selection.id else (asked.asked,)
        model = PulledModel(selection.id, selection.model, aliases)
        record = with_model(record, model, repository.revision)
        kept = next(each for each in record.models if each.id == model.id)
        entry = recognised(folder, kept, self._plugins)
        if entry is None and (why := refusal(folder, kept, self._plugins)) is not None:
            raise PullFailed(f"{selection.id} was fetched to {folder}, but cannot be served: {why}")
        if entry is None:
            providers = ", ".join(self._plugins.names(PROVIDERS)) or "none"
            raise PullFailed(
                f"{selection.id} was fetched to {folder}, but no plugin recognises it as a model (providers: "
                f"{providers}); install the one that it needs and pull again, or delete the folder."
            )
        write_record(folder, record)
        return entry


class _Transfer:
    """The files of one pull, with the progress of all together."""

    def __init__(
        self,
        hub: Hub,
        repository: Repository,
        selection: Selection,
        folder: Path,
        on_progress: OnProgress,
        cancelled: threading.Event,
    ) -> None:
        self._hub = hub
        self._repository = repository
        self._selection = selection
        self._folder = folder
        self._on_progress = on_progress
        self._cancelled = cancelled
        self._whole = sum(file.bytes for file in selection.files)
        self._before = 0
        self._reported = 0.0

    def run(self, missing: list[RemoteFile], record: Record) -> Record:
        """The record with the checksums of the files, written after each."""
        self._on_progress(PullProgress(stage="listed", model=self._selection.id, all_total=self._whole))
        for file in self._selection.files:
            if file in missing:
                self._fetch(file)
            files = {**record.files, file.name: file.digest}
            if files != record.files:
                record = msgspec.structs.replace(record, files=files)
                write_record(self._folder, record)
            self._report(file, file.bytes)
            self._before += file.bytes
        shutil.rmtree(self._folder / PARTIAL, ignore_errors=True)
        return record

    def _fetch(self, file: RemoteFile) -> None:
        def on_bytes(done: int) -> None:
            if time.monotonic() - self._reported >= REPORT_SECONDS:
                self._report(file, done)

        self._report(file, begun_bytes(self._folder, file))
        try:
            fetch(self._hub, self._repository, file, self._folder, on_bytes, self._cancelled)
        except HeylookError:
            raise
        except OSError as error:
            raise PullFailed(f"{file.name} cannot be stored at {self._folder}: {error}.") from error

    def _report(self, file: RemoteFile, done: int) -> None:
        self._reported = time.monotonic()
        self._on_progress(
            PullProgress(
                stage="fetching",
                model=self._selection.id,
                file=file.name,
                digest=file.digest,
                done=done,
                total=file.bytes,
                all_done=self._before + done,
                all_total=self._whole,
            )
        )


def _is_known(folder: Path, file: RemoteFile, record: Record) -> bool:
    """By the record, else by its content: a large file is not read again at each pull."""
    path = folder / file.name
    if file.digest and record.files.get(file.name) == file.digest:
        return path.is_file() and path.stat().st_size == file.bytes
    return bool(file.digest) and is_there(folder, file)


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"
