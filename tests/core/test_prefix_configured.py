"""A prefix tier that cannot be had is told before anything is served, by the commands that look at models.yaml too."""

from __future__ import annotations

from pathlib import Path

import pytest

from heylook_core.cli import main
from heylook_core.errors import PluginError
from heylook_core.plugins import PREFIX_TIERS, Plugins

TIER = """
    import msgspec
    from heylook_core.prefix.tier import PrefixTier

    class Config(msgspec.Struct, forbid_unknown_fields=True):
        folder: str = ""

    class Shelf(PrefixTier):
        Config = Config
        def __init__(self, config, fingerprint, trims): ...
        def probe(self, tokens): ...
        def fetch(self, key): ...
        def put(self, tokens, header, buffers): ...
        def clear(self): ...
        def figures(self): ...
"""
NO_NAME = "line 1: prefix_tier.name: No prefix tier is called 'dusk' (installed: "
NO_KEY = "line 1: prefix_tier.config.foldr: there is no such key; did you mean `folder`?"
FAULTS = [
    pytest.param("prefix_tier: {name: dusk}\n", NO_NAME, id="name"),
    pytest.param("prefix_tier: {name: shelf, config: {foldr: x}}\n", NO_KEY, id="key"),
]


@pytest.fixture(autouse=True)
def shelf(site, tmp_path, monkeypatch) -> Path:
    site.install("heylook-shelf", "[heylook.prefix_tiers]\nshelf = shelf_tier:Shelf\n", shelf_tier=TIER)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HEYLOOK_PLUGINS", "")
    monkeypatch.delenv("HEYLOOK_CONFIG", raising=False)
    return tmp_path / "models.yaml"


@pytest.mark.parametrize(("text", "sentence"), FAULTS)
def test_the_server_does_not_start(shelf: Path, capsys, text: str, sentence: str) -> None:
    shelf.write_text(text + "models: [{id: a, provider: toy}]\nserver: {port: 0}\n")
    assert main(["serve"]) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(("text", "sentence"), FAULTS)
@pytest.mark.parametrize("command", [("models", "check"), ("doctor",)])
def test_commands_that_check_name_it(shelf: Path, capsys, command: tuple[str, ...], text: str, sentence: str) -> None:
    shelf.write_text(text + "models: [{id: a, provider: toy}]\n")
    assert main(command) == 1
    assert sentence in capsys.readouterr().out


def test_a_tier_that_can_be_had_is_no_fault(shelf: Path, capsys) -> None:
    shelf.write_text("prefix_tier: {name: shelf, config: {folder: x}}\nmodels: [{id: a, provider: toy}]\n")
    assert main(["models", "check"]) == 0
    assert "no fault found" in capsys.readouterr().out


def test_a_tier_that_is_not_installed_comes_with_the_command_to_install_it(monkeypatch) -> None:
    monkeypatch.setattr(Plugins, "_take", lambda *_: None)
    with pytest.raises(PluginError, match="install it with: pip install heylook-disk-cache"):
        Plugins().load(PREFIX_TIERS, "disk")
