"""Where settings come from: models.yaml, the environment (read here and nowhere else), the command line.

Each step overrides the one before. Heavy imports happen inside the functions, because every start of the
command line imports this module.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from heylook_core.errors import ConfigError

if TYPE_CHECKING:
    from heylook_core.plugins import Plugins
    from heylook_core.settings import ModelEntry, Settings
    from heylook_core.yamlfile import YamlFile

FLAGS = {
    "api": ("server", "api"),
    "host": ("server", "host"),
    "port": ("server", "port"),
    "log_format": ("logging", "format"),
    "log_level": ("logging", "level"),
    "file_log_level": ("logging", "file_level"),
    "log_dir": ("logging", "dir"),
    "log_rotate_mb": ("logging", "rotate_mb"),
    "log_rotate_count": ("logging", "rotate_count"),
}

ANALYTICS = "HEYLOOK_ANALYTICS_"

_REPLACED = {
    "queue_config": "requests of a model run together by themselves; see `server.max_queue`, and `max_concurrency` "
    "in the model's `config`",
}


class Environment(NamedTuple):
    """`plugins` are the hook plugins to load, None for all; keys, tokens and origins are added to those of the file.

    `hub` is the address that models are pulled from, None for the usual one. `hf_cache` and `ollama_models` are where
    those programs were told to keep their models, None for their usual places. `analytics` is what the variables
    HEYLOOK_ANALYTICS_… say, by the rest of their names (see `sinks.wanted`).
    """

    config: Path | None
    api_keys: tuple[str, ...]
    plugins: frozenset[str] | None
    origins: tuple[str, ...] = ()
    admin_tokens: tuple[str, ...] = ()
    hub: str | None = None
    hf_cache: Path | None = None
    ollama_models: Path | None = None
    analytics: Mapping[str, str] = {}


class Configuration(NamedTuple):
    """The settings, the file they were read from (its `path` is None if there is none), and what to tell the user."""

    settings: Settings
    file: YamlFile
    warnings: tuple[str, ...]


def environment() -> Environment:
    """HEYLOOK_CONFIG, HF_ENDPOINT, and the comma-separated HEYLOOK_{API_KEY,ADMIN_TOKEN,PLUGINS} and OLLAMA_ORIGINS.

    The last one is Ollama's own, so that what lets a web page in there lets it in here; HF_ENDPOINT is the hub's. Also
    OLLAMA_MODELS, the hub's HF_HUB_CACHE and HF_HOME, and every HEYLOOK_ANALYTICS_….
    """
    config = os.environ.get("HEYLOOK_CONFIG")
    plugins = os.environ.get("HEYLOOK_PLUGINS")
    return Environment(
        config=Path(config).expanduser() if config else None,
        api_keys=_words(os.environ.get("HEYLOOK_API_KEY", "")),
        plugins=None if plugins is None else frozenset(_words(plugins)),
        origins=_words(os.environ.get("OLLAMA_ORIGINS", "")),
        admin_tokens=_words(os.environ.get("HEYLOOK_ADMIN_TOKEN", "")),
        hub=os.environ.get("HF_ENDPOINT", "").rstrip("/") or None,
        hf_cache=_folder("HF_HUB_CACHE") or _folder("HUGGINGFACE_HUB_CACHE") or _folder("HF_HOME", "hub"),
        ollama_models=_folder("OLLAMA_MODELS"),
        analytics={name[len(ANALYTICS) :]: value for name, value in os.environ.items() if name.startswith(ANALYTICS)},
    )


def variables() -> Mapping[str, str]:
    """All of them, for paths that name some."""
    return os.environ


def _folder(variable: str, *below: str) -> Path | None:
    named = os.environ.get(variable)
    return Path(named).expanduser().joinpath(*below) if named else None


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def find_file(named: Path | None = None) -> Path | None:
    """The models.yaml to read, or None. Raises ConfigError if the one that was asked for does not exist."""
    variable = environment().config
    asked = ((named, "--config"), (variable, "HEYLOOK_CONFIG"))
    for path, source in asked:
        if path is not None:
            if not path.is_file():
                raise ConfigError(f"{source} names {path}, which is not a file; create it or name another.")
            return path
    places = (Path("models.yaml"), Path.home() / ".config" / "heylook" / "models.yaml")
    return next((path for path in places if path.is_file()), None)


def load_settings(named: Path | None = None) -> Configuration:
    """Read `named`, else the first models.yaml of the search order, else the defaults. Raises ConfigError."""
    import msgspec

    from heylook_core import yamlfile
    from heylook_core.settings import Settings

    path = find_file(named)
    file = yamlfile.read(path) if path else yamlfile.YamlFile(None, None, {})
    data = {} if file.data is None else file.data
    warnings: tuple[str, ...] = ()
    if isinstance(data, dict):
        warnings = tuple(
            str(file.error(key, f"this has no effect: {why}")) for key, why in _REPLACED.items() if key in data
        )
        data = {key: value for key, value in data.items() if key not in _REPLACED}
    settings = file.convert(_expanded(data, file), Settings)
    _check_names(settings, file)
    _check_quantities(settings, file)
    keys = (*settings.server.api_keys, *environment().api_keys)
    origins = (*settings.server.cors_origins, *environment().origins)
    tokens = (*settings.server.admin_tokens, *environment().admin_tokens)
    server = msgspec.structs.replace(settings.server, api_keys=keys, cors_origins=origins, admin_tokens=tokens)
    return Configuration(msgspec.structs.replace(settings, server=server), file, warnings)


def _check_names(settings: Settings, file: YamlFile) -> None:
    """Ids and aliases are one set of names. Raises ConfigError for one that is used twice or empty."""
    used: dict[str, str] = {}
    for index, entry in enumerate(settings.models):
        at = f"models[{index}]"
        places = [(entry.id, f"{at}.id"), *((alias, f"{at}.aliases[{n}]") for n, alias in enumerate(entry.aliases))]
        for name, where in places:
            if not name.strip():
                raise file.error(where, "a model needs a name that is not empty")
            if name in used:
                raise file.error(where, f"the name '{name}' is taken by {used[name]}; every model needs its own")
            used[name] = where


def _check_quantities(settings: Settings, file: YamlFile) -> None:
    """Sizes and durations that are given as text. Raises ConfigError."""
    from heylook_core.quantities import bytes_of, seconds_of

    durations = [("keep_alive", settings.keep_alive)]
    durations += [(f"models[{index}].keep_alive", entry.keep_alive) for index, entry in enumerate(settings.models)]
    checks: list[tuple[str, Any, Callable[[Any], object]]] = [(where, given, seconds_of) for where, given in durations]
    checks.append(("memory_budget", None if settings.memory_budget == "auto" else settings.memory_budget, bytes_of))
    for where, given, reading in checks:
        try:
            if given is not None:
                reading(given)
        except ValueError as error:
            raise file.error(where, str(error)) from None


def _expanded(data: Any, file: YamlFile) -> Any:
    """What the file says, with every path written out; `./` and `../` begin at its folder. Raises ConfigError."""
    from heylook_core.paths import UnknownVariable, expanded, expanded_in

    base = file.path.parent if file.path else Path()

    def expand(text: str, where: str) -> str:
        try:
            return expanded(text, base, os.environ)
        except UnknownVariable as error:
            raise file.error(where, str(error)) from None

    return expanded_in(data, expand)


def models_folder(configuration: Configuration) -> Path:
    """Where models are pulled to."""
    return Path(configuration.settings.models_dir).expanduser()


def check_entry(entry: ModelEntry, plugins: Plugins, configuration: Configuration | None = None) -> Any:
    """`entry.config` as its provider's own Config, which imports the provider's (light) module.

    With `configuration` the error names file and line. Raises ConfigError for a wrong key or value, PluginError
    if the provider cannot be loaded.
    """
    from heylook_core.plugins import PROVIDERS
    from heylook_core.yamlfile import YamlFile

    provider = plugins.load(PROVIDERS, entry.provider)
    file, where = YamlFile(None, None, {}), f"model '{entry.id}': config"
    if configuration is not None:
        ids = [model.id for model in configuration.settings.models]
        if entry.id in ids:
            file, where = configuration.file, f"models[{ids.index(entry.id)}].config"
    return file.convert(entry.config, provider.Config, where)


def overlay(settings: Settings, flags: Mapping[str, Any]) -> Settings:
    """The settings with those command-line flags (names as in FLAGS) that are not None."""
    import msgspec

    changes: dict[str, dict[str, Any]] = {}
    for flag, (part, field) in FLAGS.items():
        if (value := flags.get(flag)) is not None:
            changes.setdefault(part, {})[field] = value
    parts = {part: msgspec.structs.replace(getattr(settings, part), **fields) for part, fields in changes.items()}
    return msgspec.structs.replace(settings, **parts)
