from __future__ import annotations

import pytest

from heylook_core.catalog import Catalog
from heylook_core.errors import ConfigError, ModelNotFound
from heylook_core.hookspecs import hookimpl
from heylook_core.plugins import Plugins
from heylook_core.settings import ModelEntry, Settings

pytestmark = pytest.mark.unit


class Brings:
    def __init__(self, *answer: object) -> None:
        self.answer = answer

    @hookimpl
    def provide_models(self) -> list[object]:
        return list(self.answer)


@pytest.fixture
def plugins(site) -> Plugins:
    """Two providers are installed; that their modules do not exist shows that none is imported."""
    site.install("heylook-engines", "[heylook.providers]\nengine = nowhere:Engine\nother = nowhere:Other\n")
    return Plugins()


def entry(name: str, provider: str = "engine", **fields) -> ModelEntry:
    return ModelEntry(id=name, provider=provider, **fields)


def catalog(plugins: Plugins, *models: ModelEntry, default: str | None = None) -> Catalog:
    return Catalog(Settings(models=models, default_model=default), plugins)


def ids(catalog: Catalog) -> list[str]:
    return [entry.id for entry in catalog.entries()]


def test_enabled_models_are_listed_in_the_order_of_the_file(plugins):
    found = catalog(plugins, entry("b"), entry("off", enabled=False), entry("a"))
    assert ids(found) == ["b", "a"]


def test_a_model_is_found_by_id_and_by_alias(plugins):
    found = catalog(plugins, entry("a", aliases=("x", "y")), entry("b"))
    assert found.get("y") == found.get("a")
    assert found.get("b").id == "b"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nope", "Model 'nope' does not exist. Available: qwen, llama"),
        ("lama", "Model 'lama' does not exist. Available: llama, qwen"),
        ("off", "Model 'off' does not exist. Available: qwen, llama"),
        ("", "Model '' does not exist. Available: qwen, llama"),
    ],
)
def test_a_model_that_does_not_exist_is_answered_with_those_that_do(plugins, name, message):
    found = catalog(plugins, entry("qwen"), entry("llama"), entry("off", enabled=False))
    with pytest.raises(ModelNotFound) as caught:
        found.get(name)
    assert (caught.value.message, caught.value.param) == (message, "model")


def test_an_empty_catalog_says_so(plugins):
    with pytest.raises(ModelNotFound, match=r"Model 'a' does not exist\. No model is configured\."):
        catalog(plugins).get("a")


def test_a_long_list_of_models_is_cut(plugins):
    found = catalog(plugins, *(entry(f"m{number}") for number in range(30)))
    with pytest.raises(ModelNotFound, match=r"m18, m19 and 10 more$"):
        found.get("?")


def test_models_of_plugins_come_last_and_ids_of_the_file_win(plugins):
    plugins.add("brings", Brings(entry("theirs"), entry("mine", provider="other"), entry("alias")))
    found = catalog(plugins, entry("mine", aliases=("alias",)))
    assert ids(found) == ["mine", "theirs"]
    assert found.get("mine").provider == "engine"
    assert [found.source(model) for model in ids(found)] == ["models.yaml", "plugin"]


def test_a_model_that_is_disabled_in_the_file_is_not_brought_back_by_a_plugin(plugins):
    plugins.add("brings", Brings(entry("a")))
    assert ids(catalog(plugins, entry("a", enabled=False))) == []


def test_a_plugins_alias_takes_no_name_away(plugins):
    plugins.add("brings", Brings(entry("theirs", aliases=("mine",))))
    assert catalog(plugins, entry("mine")).get("mine").id == "mine"


def test_a_plugins_model_without_its_provider_is_not_listed(plugins):
    plugins.add("brings", Brings(entry("a", provider="not_installed"), entry("b")))
    assert ids(catalog(plugins)) == ["b"]


def test_nonsense_of_a_plugin_is_left_out(plugins, caplog):
    plugins.add("brings", Brings("a", None, entry("b")))
    assert ids(catalog(plugins)) == ["b"]
    assert "'a' where a ModelEntry was expected" in caplog.text


def test_the_default_is_the_configured_one_by_id_or_alias(plugins):
    models = (entry("a"), entry("b", aliases=("x",)))
    assert catalog(plugins, *models, default="b").default == "b"
    assert catalog(plugins, *models, default="x").default == "b"


def test_a_plugins_model_is_the_default_only_where_nothing_is_configured(plugins):
    plugins.add("brings", Brings(entry("theirs"), entry("second")))
    assert catalog(plugins).default == "theirs"
    assert catalog(plugins, entry("mine")).default is None
    assert catalog(plugins, default="second").default == "second"


def test_without_any_model_there_is_no_default(plugins):
    assert catalog(plugins).default is None


def test_a_default_that_does_not_exist_or_is_disabled_is_a_config_error(plugins):
    with pytest.raises(ConfigError, match=r"The default model 'b' does not exist\. Available: a"):
        catalog(plugins, entry("a"), default="b")
    with pytest.raises(ConfigError, match="'a' is disabled; set its `enabled` to true"):
        catalog(plugins, entry("a", enabled=False), default="a")
