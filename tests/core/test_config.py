from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings, strategies

from heylook_core.config import check_entry, environment, find_file, load_settings, overlay
from heylook_core.errors import ConfigError, PluginError
from heylook_core.plugins import Plugins
from heylook_core.settings import ModelEntry, Settings

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def empty_machine(tmp_path, monkeypatch):
    """No models.yaml in the working directory or at home, and nothing in the environment."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(tmp_path)
    for name in ("HEYLOOK_CONFIG", "HEYLOOK_API_KEY", "HEYLOOK_PLUGINS"):
        monkeypatch.delenv(name, raising=False)


def write(text: str, path: str = "models.yaml") -> Path:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def complaint(text: str) -> str:
    write(text)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    return caught.value.message


def test_without_a_file_the_defaults_hold():
    configuration = load_settings()
    assert configuration.settings == Settings()
    assert configuration.file.path is None


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "{}\n"])
def test_an_empty_file_is_the_defaults(text):
    write(text)
    assert load_settings().settings == Settings()


def test_a_whole_file_is_read():
    write("""
default_model: qwen
max_loaded_models: 1
server: {port: 9000, keepalive: 5, cors_origins: ["https://example.org"]}
logging: {file_level: DEBUG}
plugins: {disabled: [gguf], sinks: [jsonl]}
models:
  - id: qwen
    provider: mlx
    tags: [small]
    aliases: [q]
    placement: process
    pin: true
    config: {model_path: org/name, logit_bias: {5: -1.5}}
""")
    settings = load_settings().settings
    assert (settings.default_model, settings.max_loaded_models) == ("qwen", 1)
    assert (settings.server.port, settings.server.keepalive) == (9000, 5.0)
    assert settings.plugins.disabled == ("gguf",)
    assert settings.models == (
        ModelEntry(
            id="qwen",
            provider="mlx",
            tags=("small",),
            aliases=("q",),
            placement="process",
            pin=True,
            config={"model_path": "org/name", "logit_bias": {5: -1.5}},
        ),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("max_loaded: 1\n", "models.yaml, line 1: max_loaded: there is no such key; did you mean `max_loaded_models`?"),
        (
            "\nserver:\n  host: x\n  prot: 1\n",
            "models.yaml, line 4: server.prot: there is no such key; did you mean `port`?",
        ),
        (
            "models:\n- id: a\n  provider: mlx\n- id: b\n  provider: mlx\n  confg: {}\n",
            "models.yaml, line 6: models[1].confg: there is no such key; did you mean `config`?",
        ),
        ("models:\n- id: a\n", "models.yaml, line 2: models[0]: the key `provider` is missing"),
        ("server:\n  port: high\n", "models.yaml, line 2: server.port: expected `int | null`, got `str`; found 'high'"),
        ("server: {port: 70000}\n", "models.yaml, line 1: server.port: expected `int` <= 65535; found 70000"),
        ("max_loaded_models: 0\n", "models.yaml, line 1: max_loaded_models: expected `int` >= 1; found 0"),
        ("models:\n- id: 5\n  provider: x\n", "models.yaml, line 2: models[0].id: expected `str`, got `int`; found 5"),
        ("logging: {level: LOUD}\n", "models.yaml, line 1: logging.level: Invalid enum value 'LOUD'; found 'LOUD'"),
        ("- a\n", "models.yaml, line 1: expected `object`, got `array`"),
        (
            "max_loaded_models: 1\n\nmax_loaded_models: 2\n",
            "models.yaml, line 3: max_loaded_models: the key is given twice, first in line 1",
        ),
        (
            "models:\n- {id: a, provider: x, config: {b: 1, c: {d: 1, d: 2}}}\n",
            "models.yaml, line 2: models[0].config.c.d: the key is given twice, first in line 2",
        ),
        (
            "models:\n- {id: a, provider: x}\n- {id: a, provider: x}\n",
            "models.yaml, line 3: models[1].id: the name 'a' is taken by models[0].id; every model needs its own",
        ),
        (
            "models:\n- {id: a, provider: x}\n- {id: b, provider: x, aliases: [c, a]}\n",
            "models.yaml, line 3: models[1].aliases[1]: the name 'a' is taken by models[0].id; "
            "every model needs its own",
        ),
        (
            "models:\n- {id: '', provider: x}\n",
            "models.yaml, line 2: models[0].id: a model needs a name that is not empty",
        ),
        ("a: &x [*x]\n", "models.yaml, line 1: a[0]: this refers to itself"),
    ],
)
def test_mistakes_are_named_with_file_line_and_path(text, expected):
    assert complaint(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("server: {port: 1\nmodels: []\n", "models.yaml, line 2: this is not valid YAML: "),
        ("a:\n\t- b\n", "models.yaml, line 2: this is not valid YAML: "),
        ("a: !!python/object:os.system {}\n", "models.yaml, line 1: this is not valid YAML: could not determine"),
        ("a: 1\n---\nb: 2\n", "models.yaml, line 2: this is not valid YAML: but found another document"),
        ("? [a, b]\n: 1\n", "models.yaml, line 1"),
    ],
)
def test_what_is_no_yaml_is_named_with_its_line(text, expected):
    assert complaint(text).startswith(expected)


WORDS = """models server port id provider config default_model : - , { } [ ] & * ! | > ' " # ? ~ 1 2.5 a true !!int <<
    2001-99-99"""


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(strategies.lists(strategies.sampled_from([*WORDS.split(), " ", "  ", "\n", "\n  ", "\n- ", ": "])).map("".join))
@example("a: 2001-99-99")
@example("[" * 2000)
@example("!!int x")
@example("a: {b: 1}: 2")
def test_any_text_is_settings_or_a_config_error(text):
    write(text)
    with contextlib.suppress(ConfigError):
        load_settings()


def test_a_file_that_is_no_text_is_an_error():
    Path("models.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"models\.yaml cannot be read: it is not UTF-8 text"):
        load_settings()


def test_merge_keys_and_anchors_work():
    write("""
models:
- &base {id: a, provider: mlx, tags: [x]}
- {<<: *base, id: b}
""")
    assert [(model.id, model.tags) for model in load_settings().settings.models] == [("a", ("x",)), ("b", ("x",))]


def test_the_queue_settings_of_the_predecessor_are_a_warning_that_names_what_replaces_them():
    write("max_loaded_models: 1\nqueue_config:\n  enabled: true\n")
    configuration = load_settings()
    assert configuration.settings.max_loaded_models == 1
    (warning,) = configuration.warnings
    assert warning.startswith("models.yaml, line 2: queue_config: this has no effect: ")
    assert "max_concurrency" in warning


def test_paths_are_expanded_in_the_config_of_models(tmp_path):
    write(
        """
models:
- id: a
  provider: mlx
  config: {model_path: ~/models/a, adapter_path: ./adapter, draft_model_path: org/name, chat_format: ~/x, n_path: 3}
""",
        "elsewhere/models.yaml",
    )
    (entry,) = load_settings(Path("elsewhere/models.yaml")).settings.models
    assert entry.config == {
        "model_path": str(tmp_path / "home/models/a"),
        "adapter_path": str(tmp_path / "elsewhere/adapter"),
        "draft_model_path": "org/name",
        "chat_format": "~/x",
        "n_path": 3,
    }


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("$STORE/a.gguf", "/store/a.gguf"),
        ("'${STORE}s/a.gguf'", "/stores/a.gguf"),
        ("~/$NAME.gguf", "{home}/qwen.gguf"),
        ("./$NAME", "{folder}/qwen"),
        ("/price/$$5", "/price/$5"),
    ],
)
def test_variables_are_filled_in_where_paths_stand(tmp_path, monkeypatch, written, read):
    monkeypatch.setenv("STORE", "/store")
    monkeypatch.setenv("NAME", "qwen")
    path = read.format(home=tmp_path / "home", folder=tmp_path)
    write(f"""
models_dir: {written}
logging: {{dir: {written}}}
prefix_tier: {{name: disk, config: {{folder: {written}}}}}
scan: [{{folder: {written}}}]
models: [{{id: $NAME, provider: gguf, config: {{model_path: {written}, stop: [$NAME], lora: [{{path: {written}}}]}}}}]
""")
    found = load_settings().settings
    (entry,) = found.models
    assert (found.models_dir, found.logging.dir, found.scan[0].folder) == (path, path, path)
    assert found.prefix_tier is not None
    assert found.prefix_tier.config == {"folder": path}
    assert entry.id == "$NAME"
    assert entry.config == {"model_path": path, "stop": ["$NAME"], "lora": [{"path": path}]}


def test_a_variable_that_is_not_set_is_an_error_with_its_line():
    message = complaint("scan:\n- folder: $HEYLOOK_NOWHERE/models\n")
    expected = "the variable $HEYLOOK_NOWHERE is not set; set it, or write the path out"
    assert message == f"models.yaml, line 2: scan[0].folder: {expected}"


def test_a_place_to_scan_is_a_folder_or_a_program():
    for text in ("{}", "{folder: a, program: ollama}"):
        assert "scan[0]: name either a `folder` or a `program`" in complaint(f"scan: [{text}]\n")
    assert "scan[0].program: Invalid enum value 'lmstudio'" in complaint("scan: [{program: lmstudio}]\n")


# ------------------------------------------------------------------ where it is looked for


def test_the_search_order_is_flag_variable_working_directory_home(monkeypatch, tmp_path):
    at_home = write("{}", "home/.config/heylook/models.yaml")
    assert find_file() == tmp_path / at_home
    here = write("{}")
    assert find_file() == here
    variable = write("{}", "variable.yaml")
    monkeypatch.setenv("HEYLOOK_CONFIG", str(variable))
    assert find_file() == variable
    flag = write("{}", "flag.yaml")
    assert find_file(flag) == flag


def test_a_file_that_was_asked_for_must_exist(monkeypatch):
    with pytest.raises(ConfigError, match=r"--config names gone\.yaml, which is not a file"):
        load_settings(Path("gone.yaml"))
    monkeypatch.setenv("HEYLOOK_CONFIG", "missing.yaml")
    with pytest.raises(ConfigError, match=r"HEYLOOK_CONFIG names missing\.yaml"):
        load_settings()


def test_api_keys_of_the_environment_are_added(monkeypatch):
    write("server: {api_keys: [one]}\n")
    monkeypatch.setenv("HEYLOOK_API_KEY", "two, three,,")
    assert load_settings().settings.server.api_keys == ("one", "two", "three")


@pytest.mark.parametrize(("value", "expected"), [("a, b", {"a", "b"}), ("", set()), (None, None)])
def test_the_environment_limits_the_hook_plugins(monkeypatch, value, expected):
    if value is not None:
        monkeypatch.setenv("HEYLOOK_PLUGINS", value)
    assert environment().plugins == expected


def test_flags_override_the_file_and_leave_the_rest():
    write("server: {port: 1, host: a}\nlogging: {level: ERROR}\n")
    settings = overlay(load_settings().settings, {"port": 2, "host": None, "file_log_level": "DEBUG", "model_id": "x"})
    assert (settings.server.port, settings.server.host) == (2, "a")
    assert (settings.logging.level, settings.logging.file_level) == ("ERROR", "DEBUG")


# ------------------------------------------------------------------ the part that belongs to the provider

PROVIDER = """
    from typing import Literal
    import msgspec
    from heylook_core.provider import Provider

    class Cache(msgspec.Struct, forbid_unknown_fields=True):
        kind: Literal["a", "b"] = "a"

    class Config(msgspec.Struct, forbid_unknown_fields=True):
        n_ctx: int = 0
        cache: Cache | None = None
        rows: list[Cache] = []

    class Tiny(Provider):
        Config = Config

        def load(self): ...
"""


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("n_ctxx: 1", "models.yaml, line 5: models[0].config.n_ctxx: there is no such key; did you mean `n_ctx`?"),
        ("n_ctx: big", "models.yaml, line 5: models[0].config.n_ctx: expected `int`, got `str`; found 'big'"),
        (
            "cache: {knd: a}",
            "models.yaml, line 5: models[0].config.cache.knd: there is no such key; did you mean `kind`?",
        ),
        (
            "rows: [{}, {colour: a}]",
            "models.yaml, line 5: models[0].config.rows[1].colour: there is no such key; known are kind",
        ),
    ],
)
def test_config_keys_are_checked_against_the_provider(site, config, expected):
    site.install("heylook-tiny", "[heylook.providers]\ntiny = tiny_provider:Tiny\n", tiny_provider=PROVIDER)
    write(f"models:\n- id: a\n  provider: tiny\n  config:\n    {config}\n")
    configuration = load_settings()
    (entry,) = configuration.settings.models
    with pytest.raises(ConfigError) as caught:
        check_entry(entry, Plugins(), configuration)
    assert caught.value.message == expected
    with pytest.raises(ConfigError, match=r"^model 'a': config\."):
        check_entry(entry, Plugins())


def test_a_right_config_and_a_missing_provider(site):
    site.install("heylook-tiny", "[heylook.providers]\ntiny = tiny_provider:Tiny\n", tiny_provider=PROVIDER)
    check_entry(ModelEntry(id="a", provider="tiny", config={"n_ctx": 5}), Plugins())
    with pytest.raises(PluginError, match="No provider is called 'huge'"):
        check_entry(ModelEntry(id="a", provider="huge"), Plugins())


# ------------------------------------------------------------------ what the docs say

ROOT = Path(__file__).resolve().parents[2]


def test_the_example_is_right():
    settings = load_settings(ROOT / "models.example.yaml").settings
    assert [entry.provider for entry in settings.models] == ["mlx", "gguf"]
    assert not any(entry.enabled for entry in settings.models)


def documented() -> dict[str, str]:
    """Key to default, from the tables of the reference."""
    lines = (ROOT / "docs/reference/config.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")]
    return {row[0].strip("`"): row[1] for row in rows if len(row) == 3}


def keys(struct: type[msgspec.Struct], prefix: str = "") -> Iterator[tuple[str, object]]:
    for field in msgspec.structs.fields(struct):
        yield prefix + field.encode_name, field.default
        if isinstance(field.default, msgspec.Struct):
            yield from keys(type(field.default), f"{prefix}{field.encode_name}.")


def test_the_reference_lists_every_key_and_no_other():
    assert set(documented()) == {key for key, _ in [*keys(Settings), *keys(ModelEntry)]}


@pytest.mark.parametrize("struct", [Settings, ModelEntry])
def test_the_reference_gives_the_right_defaults(struct):
    for key, default in keys(struct):
        if isinstance(default, bool):
            assert documented()[key] == f"`{str(default).lower()}`"
        elif isinstance(default, str | int | float):
            assert documented()[key] == f"`{default}`"
        elif default in (None, ()):
            assert documented()[key] in ("none", "the API's own", "the provider's own")
