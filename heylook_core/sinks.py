"""The sinks that `plugins.sinks` names, from the start of the server to its end."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple, get_origin

import msgspec

from heylook_core.analytics import Sink
from heylook_core.errors import ConfigError, PluginError
from heylook_core.plugins import SINKS, Plugins
from heylook_core.settings import Settings, SinkSettings
from heylook_core.yamlfile import YamlFile

log = logging.getLogger(__name__)

ANALYTICS = "duckdb"
VARIABLE = "HEYLOOK_ANALYTICS_"
TRUE, FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")


class Wanted(NamedTuple):
    """A sink, its configuration as written, and where that stands in models.yaml."""

    name: str
    config: dict[str, Any]
    where: str = ""


def wanted(settings: Settings, variables: Mapping[str, str], plugins: Plugins) -> list[Wanted]:
    """The sinks to attach: those of the file, as the variables HEYLOOK_ANALYTICS_… (without that prefix) change them.

    The variables concern the sink `duckdb` alone; `ENABLED` adds it or takes it away. Without the plugin that is a
    warning. Raises ConfigError for a variable whose value is none.
    """
    found = [_named(sink, f"plugins.sinks[{at}]") for at, sink in enumerate(settings.plugins.sinks)]
    enabled = truth("ENABLED", variables["ENABLED"]) if "ENABLED" in variables else None
    if enabled is False:
        return [sink for sink in found if sink.name != ANALYTICS]
    if enabled and not any(sink.name == ANALYTICS for sink in found):
        if ANALYTICS not in plugins.names(SINKS):
            log.warning(
                "%sENABLED is set, but nothing is recorded: install heylook-duckdb with: pip install heylook-duckdb",
                VARIABLE,
            )
            return found
        found.append(Wanted(ANALYTICS, {}))
    return [_with_variables(sink, variables, plugins) if sink.name == ANALYTICS else sink for sink in found]


def _named(sink: str | SinkSettings, where: str) -> Wanted:
    return Wanted(sink, {}, where) if isinstance(sink, str) else Wanted(sink.name, sink.config, f"{where}.config")


def truth(variable: str, text: str) -> bool:
    """Raises ConfigError for a text that is neither true nor false."""
    if text.strip().lower() in TRUE:
        return True
    if text.strip().lower() in FALSE:
        return False
    raise ConfigError(f"{VARIABLE}{variable} is {text[:40]!r}; it must be true or false.")


def _with_variables(sink: Wanted, variables: Mapping[str, str], plugins: Plugins) -> Wanted:
    """A variable overrides the key of its name. What is wrong with it is told under the variable's own name."""
    config_type = plugins.load(SINKS, sink.name).Config
    types = {field.name: field.type for field in msgspec.structs.fields(config_type)}
    changed = dict(sink.config)
    for variable, text in variables.items():
        key = variable.lower()
        if key in types:
            changed[key] = _value(variable, text, types[key])
        elif variable == "LOG_IMAGES" and truth(variable, text):
            log.warning("%sLOG_IMAGES has no effect: images are never stored.", VARIABLE)
        elif variable not in ("ENABLED", "LOG_IMAGES"):
            raise ConfigError(f"{VARIABLE}{variable} is no variable of this server; see docs/reference/analytics.md.")
    return sink._replace(config=changed)


def _value(variable: str, text: str, type_: Any) -> Any:
    """The text as its key takes it; lists are separated by commas."""
    is_list = get_origin(type_) in (tuple, list)
    given: Any = [word.strip() for word in text.split(",") if word.strip()] if is_list else text.strip()
    try:
        return msgspec.to_builtins(msgspec.convert(given, type_, strict=False))
    except msgspec.ValidationError as error:
        complaint = str(error)
    raise ConfigError(f"{VARIABLE}{variable} is {text[:40]!r}: {complaint[:1].lower()}{complaint[1:]}.")


@contextmanager
def attached(sinks: Sequence[str | Wanted], plugins: Plugins, file: YamlFile | None = None) -> Iterator[None]:
    """Make each sink and register it for hooks; close all at the end.

    Raises PluginError if one cannot be had, ConfigError (with the line of `file`) for a wrong key or value.
    """
    with ExitStack() as stack:
        for sink in sinks:
            one = Wanted(sink, {}) if isinstance(sink, str) else sink
            stack.enter_context(_attached(one, plugins, file or YamlFile(None, None, {})))
        yield


@contextmanager
def _attached(wanted: Wanted, plugins: Plugins, file: YamlFile) -> Iterator[None]:
    key = f"{SINKS}:{wanted.name}"
    sink = _made(wanted, plugins, file)
    try:
        if not plugins.add(key, sink):
            raise PluginError(f"The sink '{wanted.name}' cannot be used; `heylookllm plugins --check` says why.")
        yield
    finally:
        plugins.remove(key)
        try:
            sink.close()
        except Exception:
            log.exception("The sink '%s' could not be closed", wanted.name)


def _made(wanted: Wanted, plugins: Plugins, file: YamlFile) -> Sink:
    cls = plugins.load(SINKS, wanted.name)
    where = wanted.where or f"the sink '{wanted.name}'"
    config = file.convert(wanted.config, cls.Config, where)
    try:
        sink: Sink = cls(config)
    except (PluginError, ConfigError):
        raise
    except Exception as error:
        raise PluginError(f"The sink '{wanted.name}' cannot start: {type(error).__name__}: {error}") from error
    return sink
