"""What the package brings along, for each set of installed backends; no backend is needed here."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from heylook_core.catalog import Catalog
from heylook_core.plugins import HOOKS, PROVIDERS, Plugins
from heylook_core.settings import ModelEntry, Settings
from heylook_demo_model import gguf_path, mlx_path
from heylook_demo_model.plugin import provide_models
from heylook_demo_model.prompts import proven

pytestmark = pytest.mark.unit


class PluginsWith(Plugins):
    """The demo model's hooks, as if exactly these providers were installed."""

    def __init__(self, *providers: str) -> None:
        super().__init__(only=["demo_model"])
        self._providers = list(providers)
        self.load_hooks()

    def names(self, group: str) -> list[str]:
        return self._providers if group == PROVIDERS else super().names(group)


def models(*providers: str, settings: Settings | None = None) -> dict[str, str]:
    """Provider by the id of each model in the catalogue."""
    catalog = Catalog(settings or Settings(), PluginsWith(*providers))
    return {entry.id: entry.provider for entry in catalog.entries()}


def test_the_hooks_are_found_by_their_entry_point():
    rows = [row for row in Plugins().rows() if (row.group, row.dist) == (HOOKS, "heylook-demo-model")]
    assert [row.name for row in rows] == ["demo_model"]


def test_both_models_are_there_when_both_backends_are():
    assert models("mlx", "gguf") == {"heylook-demo": "mlx", "heylook-demo-gguf": "gguf"}


def test_without_gguf_there_is_one_model():
    assert models("mlx") == {"heylook-demo": "mlx"}


def test_with_gguf_only_the_gguf_takes_the_name_and_answers_to_both():
    assert models("gguf") == {"heylook-demo": "gguf"}
    catalog = Catalog(Settings(), PluginsWith("gguf"))
    assert catalog.get("heylook-demo-gguf").id == "heylook-demo"
    assert catalog.default == "heylook-demo"


def test_without_a_backend_there_is_no_model():
    assert models() == {}


def test_it_is_the_default_only_where_nothing_is_configured():
    mine = Settings(models=(ModelEntry(id="mine", provider="mlx"),))
    assert Catalog(Settings(), PluginsWith("mlx", "gguf")).default == "heylook-demo"
    assert Catalog(mine, PluginsWith("mlx")).default is None


def test_a_model_of_the_same_name_in_the_configuration_wins():
    mine = Settings(models=(ModelEntry(id="heylook-demo", provider="other"),))
    assert models("mlx", settings=mine)["heylook-demo"] == "other"


def test_every_entry_is_greedy_and_names_a_file_that_exists():
    for entry in provide_models():
        assert entry.config["temperature"] == 0
        assert entry.config["model_path"] in (str(mlx_path()), str(gguf_path()))


@pytest.mark.parametrize("entry", provide_models(), ids=lambda entry: f"{entry.id}-{entry.provider}")
def test_the_provider_accepts_the_config_where_it_is_installed(entry: ModelEntry):
    from heylook_core.config import check_entry

    plugins = Plugins()
    if entry.provider not in plugins.names(PROVIDERS):
        pytest.skip(f"the provider {entry.provider} is not installed")
    check_entry(entry, plugins)


def test_files_are_whole():
    assert gguf_path().read_bytes()[:4] == b"GGUF"
    names = {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    assert {path.name for path in mlx_path().iterdir()} == names
    assert json.loads((mlx_path() / "generation_config.json").read_bytes())["do_sample"] is False


def test_prompts_cover_every_skill():
    skills = {prompt.skill for prompt in proven()}
    assert {"documentation", "fact", "recall", "system", "json", "count", "thinking", "unknown"} <= skills
    assert {"tool_call", "tool_result", "tool_not_needed"} <= skills
    assert len(proven()) >= 150
    assert any(len(prompt.messages) >= 7 for prompt in proven("recall"))


def test_prompts_are_what_they_claim():
    for prompt in proven():
        assert prompt.answer
        assert prompt.thinking == prompt.answer.startswith("<think>\n")
    for prompt in proven("tool_call"):
        call = json.loads(prompt.answer.removeprefix("<tool_call>").removesuffix("</tool_call>"))
        assert call["name"] in [tool["function"]["name"] for tool in prompt.tools]
    for prompt in proven("json"):
        assert isinstance(json.loads(prompt.answer), dict)


def test_hooks_import_no_backend():
    code = (
        "import sys, heylook_demo_model.plugin as p; p.provide_models();"
        "sys.exit(any(name in sys.modules for name in ('mlx', 'mlx_lm', 'llama_cpp', 'numpy', 'falcon')))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
