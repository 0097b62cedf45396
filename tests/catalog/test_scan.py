"""Folders that are watched: what lies there is served, an entry of the file wins, and a reload is cheap."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from heylook_core.catalog import Catalog
from heylook_core.errors import ConfigError
from heylook_core.hookspecs import hookimpl
from heylook_core.plugins import Plugins
from heylook_core.settings import ModelEntry, ScanSettings, Settings

from .tree import HF_LLAMA, LLAMA, projector, write_checkpoint, write_gguf

pytestmark = pytest.mark.unit


class Asked:
    """Notes what plugins are asked about."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    @hookimpl
    def recognise_model(self, path: Path) -> None:
        self.paths.append(path.name)

    def since(self) -> list[str]:
        found, self.paths = sorted(self.paths), []
        return found


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def plugins(asked: Asked) -> Plugins:
    plugins = Plugins()
    for name in ("gguf", "mlx"):
        plugins.add(f"heylook.plugins:{name}", __import__(f"heylook_{name}.plugin", fromlist=["plugin"]))
    plugins.add("asked", asked)
    return plugins


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_gguf(tmp_path / "models" / "a.gguf", LLAMA)
    write_checkpoint(tmp_path / "models" / "b", HF_LLAMA)
    return tmp_path / "models"


@pytest.fixture
def settings(folder: Path) -> Callable[..., Settings]:
    def make(*models: ModelEntry, **fields: str) -> Settings:
        place = ScanSettings(folder=str(folder), **{key: value for key, value in fields.items() if key == "profile"})  # type: ignore[arg-type]
        return Settings(models=models, scan=(place,), default_model=fields.get("default_model"))

    return make


def ids(catalog: Catalog) -> list[str]:
    return [entry.id for entry in catalog.entries()]


def test_what_lies_in_a_folder_can_be_asked_for(settings, plugins, folder):
    catalog = Catalog(settings(), plugins)
    assert ids(catalog) == ["a", "b"]
    assert [catalog.source(model) for model in ids(catalog)] == ["scan", "scan"]
    assert catalog.get("a").config == {"model_path": str(folder / "a.gguf"), "n_ctx": 4096}
    assert catalog.default is None


def test_a_place_may_have_a_profile(settings, plugins):
    found = Catalog(settings(profile="memory"), plugins).get("a").config
    assert (found["n_ctx"], found["max_tokens"]) == (1024, 256)


def test_the_default_may_be_one_that_was_found(settings, plugins):
    assert Catalog(settings(default_model="b"), plugins).default == "b"
    with pytest.raises(ConfigError, match="'c' does not exist"):
        Catalog(settings(default_model="c"), plugins)


def test_an_entry_of_the_file_wins_by_its_name_and_by_its_file(settings, plugins, folder):
    named = ModelEntry(id="a", provider="toy")
    catalog = Catalog(settings(named), plugins)
    assert (ids(catalog), catalog.get("a")) == (["a", "b"], named)
    same = ModelEntry(id="mine", provider="gguf", config={"model_path": str(folder / "a.gguf"), "n_ctx": 7})
    assert ids(Catalog(settings(same), plugins)) == ["mine", "b"]
    link = folder.parent / "link.gguf"
    link.symlink_to(folder / "a.gguf")
    linked = ModelEntry(id="mine", provider="gguf", config={"model_path": str(link)})
    assert ids(Catalog(settings(linked), plugins)) == ["mine", "b"]


def test_two_places_with_models_of_one_name_serve_both(plugins, folder, tmp_path):
    write_gguf(tmp_path / "others" / "a.gguf", {**LLAMA, "general.file_type": 7})
    (tmp_path / "others" / "b").symlink_to(folder / "b")
    places = tuple(ScanSettings(folder=str(place)) for place in (folder, tmp_path / "others", folder))
    catalog = Catalog(Settings(scan=places), plugins)
    assert ids(catalog) == ["a", "b", "others/a"]


def test_a_disabled_entry_hides_what_lies_there(settings, plugins, folder):
    config = {"model_path": str(folder / "a.gguf")}
    assert ids(Catalog(settings(ModelEntry(id="x", provider="gguf", enabled=False, config=config)), plugins)) == ["b"]
    assert ids(Catalog(settings(ModelEntry(id="a", provider="toy", enabled=False)), plugins)) == ["b"]


def test_a_folder_that_is_not_there_is_a_warning_and_no_end(plugins, caplog):
    settings = Settings(scan=(ScanSettings(folder="/no/such/place"), ScanSettings(program="ollama")))
    with caplog.at_level("INFO"):
        assert ids(Catalog(settings, plugins)) == []
    assert "/no/such/place is left out: There is no such folder." in caplog.text
    assert "No store of Ollama was found" in caplog.text


# ------------------------------------------------------------------ again


def test_what_has_come_and_gone_is_there_after_adopting(settings, plugins, folder):
    catalog = Catalog(settings(), plugins)
    write_gguf(folder / "c.gguf", {**LLAMA, "general.file_type": 7})
    (folder / "a.gguf").unlink()
    prepared = catalog.prepared(settings(ModelEntry(id="b", provider="toy")))
    assert ids(catalog) == ["a", "b"]
    assert catalog.adopt(prepared) == (("c",), ("a",), ("b",))
    assert ids(catalog) == ["b", "c"]
    assert catalog.adopt(catalog.prepared(settings(ModelEntry(id="b", provider="toy")))) == ((), (), ())


def test_settings_that_cannot_be_change_nothing(settings, plugins):
    catalog = Catalog(settings(), plugins)
    with pytest.raises(ConfigError):
        catalog.prepared(settings(default_model="nobody"))
    assert ids(catalog) == ["a", "b"]


def test_files_that_have_not_changed_are_not_asked_about_again(settings, plugins, folder, asked):
    catalog = Catalog(settings(), plugins)
    assert asked.since() == sorted(["models", "a.gguf", "b", *(file.name for file in (folder / "b").iterdir())])
    catalog.prepared(settings())
    assert asked.since() == []


def test_a_file_that_has_changed_is_asked_about_with_its_neighbours(settings, plugins, folder, asked):
    catalog = Catalog(settings(), plugins)
    asked.since()
    stat = (folder / "a.gguf").stat()
    os.utime(folder / "a.gguf", ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000_000))
    catalog.prepared(settings())
    assert asked.since() == ["a.gguf", "models"]


def test_a_part_that_comes_later_and_is_a_folder_is_noticed(settings, plugins, folder, asked):
    catalog = Catalog(settings(), plugins)
    asked.since()
    (folder / "b" / "Encoder.mlpackage").mkdir()
    catalog.prepared(settings())
    assert {"b", "Encoder.mlpackage"} <= set(asked.since())


def test_a_model_whose_context_was_written_anew_is_changed(settings, plugins, folder):
    catalog = Catalog(settings(), plugins)
    write_gguf(folder / "a.gguf", {**LLAMA, "llama.context_length": 100})
    assert catalog.adopt(catalog.prepared(settings())).changed == ("a",)
    assert catalog.get("a").config["n_ctx"] == 100


def test_a_projector_that_comes_later_is_noticed(settings, plugins, folder, asked):
    catalog = Catalog(settings(), plugins)
    asked.since()
    write_gguf(folder / "mmproj.gguf", *projector(64))
    catalog.prepared(settings())
    assert asked.since() == ["a.gguf", "mmproj.gguf", "models"]


def test_what_was_pulled_meanwhile_is_not_lost(settings, plugins):
    catalog = Catalog(settings(), plugins)
    prepared = catalog.prepared(settings())
    catalog.add_pulled(ModelEntry(id="pulled", provider="toy"))
    catalog.adopt(prepared)
    assert catalog.source("pulled") == "pulled"


def test_scanning_imports_no_backend(folder):
    import subprocess
    import sys

    code = (
        "import sys\nfrom heylook_core.catalog import Catalog\nfrom heylook_core.plugins import Plugins\n"
        "from heylook_core.settings import ScanSettings, Settings\n"
        "plugins = Plugins()\nplugins.load_hooks()\n"
        f"found = Catalog(Settings(scan=(ScanSettings(folder={str(folder)!r}),)), plugins).entries()\n"
        "assert {'a', 'b'} <= {entry.id for entry in found}, found\n"
        "heavy = {'mlx', 'mlx_lm', 'llama_cpp', 'transformers'}\n"
        "sys.exit(bool(heavy & {name.partition('.')[0] for name in sys.modules}))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
