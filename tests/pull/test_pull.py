"""Pulling a model from a hub into a folder."""

from __future__ import annotations

import shutil
import sys
import threading
from pathlib import Path
from typing import NamedTuple

import pytest

from heylook_core.catalog import Catalog
from heylook_core.catalog.pull import Puller, PullProgress
from heylook_core.errors import Cancelled, Forbidden, InvalidRequest, ModelNotFound, PullFailed
from heylook_core.plugins import Plugins
from heylook_core.settings import ModelEntry, Settings

from .conftest import TOY
from .hub import StandIn

pytestmark = pytest.mark.integration

GGUF = "one-Q4_K_M.gguf"


class Pulled(NamedTuple):
    entry: ModelEntry
    progress: list[PullProgress]


class Place:
    """A folder of pulled models, as a fresh start of heylook sees it each time."""

    def __init__(self, folder: Path, plugins: Plugins, hub: StandIn) -> None:
        self.folder, self.plugins, self.hub = folder, plugins, hub

    def pull(self, name: str) -> Pulled:
        heard: list[PullProgress] = []
        return Pulled(self.puller().pull(name, heard.append, threading.Event()), heard)

    def puller(self) -> Puller:
        return Puller(self.folder, self.plugins, self.hub.url)

    def catalog(self, *models: ModelEntry) -> Catalog:
        return Catalog(Settings(models=models), self.plugins, self.folder)

    def files(self, repository: str) -> set[str]:
        root = self.folder / repository
        return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and path.name[0] != "."}


@pytest.fixture
def place(tmp_path: Path, plugins: Plugins, hub: StandIn, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr("heylook_core.catalog.transfer.PAUSE_SECONDS", 0.01)
    return Place(tmp_path / "models", plugins, hub)


def test_the_only_gguf_of_a_repository_is_pulled_under_its_name(place):
    entry, progress = place.pull("acme/one")
    assert (entry.id, entry.description) == ("acme/one", str(place.folder / "acme--one" / GGUF))
    assert place.files("acme--one") == {GGUF}
    assert (place.folder / "acme--one" / GGUF).read_bytes() == TOY
    assert [one.stage for one in (progress[0], *progress[-2:])] == ["listed", "recognising", "done"]
    fetching = [one for one in progress if one.stage == "fetching"]
    assert (fetching[0].done, fetching[-1].done, fetching[-1].total) == (0, len(TOY), len(TOY))
    assert fetching[-1].all_done == progress[0].all_total == len(TOY)


def test_of_a_folder_model_the_weights_and_what_belongs_to_them_are_pulled(place):
    assert place.pull("acme/folder").entry.description == str(place.folder / "acme--folder")
    assert place.files("acme--folder") == {"config.json", "model.safetensors", "tokenizer.json"}


@pytest.mark.parametrize("part", ["many-Q4_K_M.gguf", "many-Q4_K_M", "Q4_K_M", "q4_k_m"])
def test_one_of_several_files_is_named_by_its_name_or_its_end(place, part):
    entry = place.pull(f"acme/many:{part}").entry
    assert entry.id == "acme/many:many-Q4_K_M"
    assert place.files("acme--many") == {"many-Q4_K_M.gguf"}
    assert place.catalog().get(f"acme/many:{part}") == entry


def test_the_parts_of_a_split_file_are_pulled_together(place):
    assert place.pull("acme/many:F16").entry.id == "acme/many:many-F16"
    assert len(place.files("acme--many")) == 2


def test_without_a_name_of_several_files_the_choice_is_shown(place):
    with pytest.raises(PullFailed, match=r"has 3 models; name one of: acme/many:many-F16, acme/many:many-Q4_K_M, acme"):
        place.pull("acme/many")
    with pytest.raises(PullFailed, match="has no one file 'Q5'"):
        place.pull("acme/many:Q5")


@pytest.mark.parametrize("name", ["llama", "a/b/c", "../b", "a/..", "a/b:", "", "a/b:c:d", "a--b/c"])
def test_what_is_not_a_name_of_the_hub_is_refused_before_it_is_asked(place, name):
    with pytest.raises(InvalidRequest, match="is called ORG/NAME or ORG/NAME:file"):
        place.pull(name)
    assert place.hub.requests == []


def test_pulled_models_are_in_the_catalog_after_a_restart_and_an_entry_of_the_file_wins(place):
    place.pull("acme/one")
    place.pull("acme/many:Q8_0")
    place.pull("acme/many:Q4_K_M")
    catalog = place.catalog()
    ids = {"acme/one", "acme/many:many-Q8_0", "acme/many:many-Q4_K_M"}
    assert {entry.id for entry in catalog.entries() if catalog.source(entry.id) == "pulled"} == ids
    explicit = ModelEntry(id="acme/one", provider="toy", description="mine")
    assert place.catalog(explicit).get("acme/one") == explicit
    assert place.catalog().default not in ids


def test_a_damaged_record_costs_the_entry_and_nothing_else(place, caplog):
    place.pull("acme/one")
    (place.folder / "acme--one" / ".heylook.json").write_text("{")
    assert "acme/one" not in [entry.id for entry in place.catalog().entries()]
    assert "pull the model again" in caplog.text
    place.pull("acme/one")
    assert place.catalog().get("acme/one").id == "acme/one"
    assert len(place.hub.sent(GGUF)) == 1


def test_what_is_there_is_not_fetched_again(place):
    place.pull("acme/folder")
    before = len([asked for asked in place.hub.requests if "/resolve/" in asked[1]])
    place.pull("acme/folder")
    assert len([asked for asked in place.hub.requests if "/resolve/" in asked[1]]) == before


def test_a_file_that_changed_on_the_hub_is_fetched_anew(place):
    place.pull("acme/one")
    place.hub.repositories["acme/one"][GGUF] = TOY + b"newer"
    place.pull("acme/one")
    assert (place.folder / "acme--one" / GGUF).read_bytes() == TOY + b"newer"


def test_an_interruption_is_gone_on_from_within_one_pull(place):
    place.hub.cut = {GGUF: [100_000, 100_000]}
    place.pull("acme/one")
    assert place.hub.sent(GGUF) == ["", "bytes=100000-", "bytes=200000-"]
    assert (place.folder / "acme--one" / GGUF).read_bytes() == TOY


def test_a_pull_that_failed_is_gone_on_with_by_the_next(place):
    place.hub.cut = {GGUF: [100_000, 0, 0, 0, 0]}
    with pytest.raises(PullFailed, match="What has arrived is kept; pull again to go on"):
        place.pull("acme/one")
    place.hub.cut, place.hub.requests = {}, []
    heard = place.pull("acme/one").progress
    assert place.hub.sent(GGUF) == ["bytes=100000-"]
    assert next(one.done for one in heard if one.stage == "fetching") == 100_000
    assert (place.folder / "acme--one" / GGUF).read_bytes() == TOY


def test_a_hub_that_ignores_ranges_is_read_from_the_start(place):
    place.hub.cut, place.hub.ignores_ranges = {GGUF: [100_000]}, True
    place.pull("acme/one")
    assert (place.folder / "acme--one" / GGUF).read_bytes() == TOY


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_wrong_checksum_is_an_error_and_leaves_nothing_of_the_file(place, name):
    place.hub.damaged = {name}
    with pytest.raises(PullFailed, match=f"{name} arrived damaged: its checksum is sha"):
        place.pull("acme/folder")
    assert name not in place.files("acme--folder")
    assert "acme/folder" not in [entry.id for entry in place.catalog().entries()]
    place.hub.damaged = set()
    assert place.pull("acme/folder").entry.id == "acme/folder"


def test_too_little_disk_is_said_before_anything_is_fetched(place):
    place.hub.lies = {GGUF: 1 << 60}
    with pytest.raises(PullFailed, match=r"1152921504\.6 GB are to be fetched, and .* are free"):
        place.pull("acme/one")
    assert place.hub.sent(GGUF) == []


def test_a_missing_repository_is_not_found(place):
    with pytest.raises(ModelNotFound, match=r"There is no acme/none on the hub at http://127\.0\.0\.1"):
        place.pull("acme/none")


def test_a_private_repository_takes_a_token(place, monkeypatch):
    place.hub.private = {"acme/one"}
    with pytest.raises(Forbidden, match="set HF_TOKEN"):
        place.pull("acme/one")
    monkeypatch.setenv("HF_TOKEN", place.hub.token)
    assert place.pull("acme/one").entry.id == "acme/one"


def test_a_repository_without_a_model_says_so(place):
    place.hub.repositories["acme/data"] = {"train.csv": b"1,2", "README.md": b"x"}
    with pytest.raises(PullFailed, match="acme/data has no model that heylook can serve"):
        place.pull("acme/data")


def test_a_file_that_is_no_model_after_all_is_not_registered(place):
    place.hub.repositories["acme/fake"] = {"fake.gguf": b"<html>" + TOY}
    with pytest.raises(PullFailed, match="no plugin recognises it as a model"):
        place.pull("acme/fake")
    assert "acme/fake" not in [entry.id for entry in place.catalog().entries()]


def test_a_file_name_that_leaves_the_folder_is_not_taken(place, tmp_path):
    place.hub.repositories["acme/evil"] = {"../../evil.gguf": TOY}
    with pytest.raises(PullFailed, match="has no model"):
        place.pull("acme/evil")
    assert list(tmp_path.rglob("*.gguf")) == []


def test_a_hub_that_cannot_be_reached_is_named(place):
    place.hub.url = "http://127.0.0.1:9"
    with pytest.raises(PullFailed, match=r"The hub at http://127\.0\.0\.1:9 did not send acme/one"):
        place.pull("acme/one")


def test_a_hub_out_of_order_is_an_error_with_its_status(place):
    place.hub.failing = True
    with pytest.raises(PullFailed, match="answered with status 500 for acme/one; try again later"):
        place.pull("acme/one")


def test_a_pull_that_is_cancelled_ends_and_is_gone_on_with_later(place):
    place.hub.held = threading.Event()
    cancelled = threading.Event()
    heard: list[BaseException] = []

    def run() -> None:
        try:
            place.puller().pull("acme/one", lambda progress: None, cancelled)
        except Cancelled as error:
            heard.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert place.hub.reached.wait(30)
    with pytest.raises(PullFailed, match="acme/one is being pulled already"):
        place.pull("acme/one")
    cancelled.set()
    thread.join(30)
    assert len(heard) == 1
    place.hub.held.set()
    place.pull("acme/one")
    assert place.hub.sent(GGUF)[-1].startswith("bytes=")


def test_a_folder_that_cannot_be_written_names_the_setting(place, tmp_path):
    place.folder.write_text("a file in its place")
    with pytest.raises(PullFailed, match=r"set models_dir in models\.yaml"):
        place.pull("acme/one")


def test_without_huggingface_hub_the_remedy_is_named(place, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(PullFailed, match=r"install it with: pip install 'heylook\[pull\]'"):
        place.pull("acme/one")


def test_a_model_whose_files_are_gone_is_not_listed(place):
    place.pull("acme/one")
    (place.folder / "acme--one" / GGUF).unlink()
    assert "acme/one" not in [entry.id for entry in place.catalog().entries()]
    shutil.rmtree(place.folder)
    assert "acme/one" not in [entry.id for entry in place.catalog().entries()]
