"""Every plugin: listed without being imported, loaded by name, told about events. Failures are data.

stevedore answers "which one?" (`load`), pluggy answers "who wants to know?" (`notify`, `ask`). Whatever a
plugin does wrong ends up in its row; the only exceptions from here are PluginError and KeyboardInterrupt.
"""

from __future__ import annotations

import difflib
import logging
import threading
from collections.abc import Collection, Iterator
from typing import Any, Literal, NamedTuple, TypeAlias

import pluggy

from heylook_core import hookspecs
from heylook_core.entrypoints import DIALECTS, HOOKS, PREFIX_TIERS, PROVIDERS, SINKS, Found, discover, resolve
from heylook_core.errors import PluginError

__all__ = ["DIALECTS", "GROUPS", "HOOKS", "PREFIX_TIERS", "PROVIDERS", "SINKS", "PluginRow", "Plugins"]

log = logging.getLogger(__name__)

State: TypeAlias = Literal["found", "loaded", "failed", "shadowed", "disabled"]

GROUPS = {
    PROVIDERS: "provider",
    DIALECTS: "dialect",
    PREFIX_TIERS: "prefix tier",
    SINKS: "sink",
    HOOKS: "plugin",
}

_DISTRIBUTIONS = {
    "coreml_stt": "heylook-coreml-stt",
    "disk": "heylook-disk-cache",
    "duckdb": "heylook-duckdb",
    "gguf": "heylook-gguf",
    "llama_cpp": "heylook-gguf",
    "mlx": "heylook-mlx",
    "onnx_stt": "heylook-onnx-stt",
}


class PluginRow(NamedTuple):
    """What is known of one plugin. A named tuple because importing msgspec would show in the time of `--help`.

    `error` is why it failed, what shadows it, or what is wrong with it although it works (a misspelt hook).
    """

    group: str
    name: str
    dist: str
    version: str
    state: State
    error: str


class _Plugin:
    """The changing side of a row; `target` is what its entry point names, once that is imported."""

    def __init__(self, found: Found) -> None:
        self.found = found
        self.state: State = "failed" if found.error else "found"
        self.error = found.error
        self.target: Any = None

    def row(self) -> PluginRow:
        found = self.found
        return PluginRow(found.group, found.name, found.dist, found.version, self.state, self.error)

    def fail(self, error: BaseException) -> None:
        self.state, self.error = "failed", _sentence(error)


class Plugins:
    """The installed plugins, and the objects that implement hooks. Any thread may call the methods.

    `disabled` names plugins (`gguf`) or group and name (`heylook.sinks:duckdb`) that are never imported.
    `only` limits which plugins of the group `heylook.plugins` are loaded; None means all of them.
    """

    def __init__(self, disabled: Collection[str] = (), only: Collection[str] | None = None) -> None:
        self._pluggy = pluggy.PluginManager("heylook")
        for spec in hookspecs.SPECS:
            self._pluggy.add_hookspecs(spec)
        self._lock = threading.RLock()
        self._plugins: dict[tuple[str, str], _Plugin] = {}
        self._shadowed: list[_Plugin] = []
        self._complained: set[tuple[str, str]] = set()
        self._only = only
        for found in discover():
            self._take(found, disabled)

    def _take(self, found: Found, disabled: Collection[str]) -> None:
        plugin = _Plugin(found)
        first = self._plugins.setdefault((found.group, found.name), plugin)
        if first is not plugin:
            plugin.state, plugin.error = "shadowed", f"by {first.found.origin}, which has the same name"
            self._shadowed.append(plugin)
        elif not {found.name, f"{found.group}:{found.name}"}.isdisjoint(disabled):
            plugin.state = "disabled"

    def rows(self) -> list[PluginRow]:
        """All plugins, by group and name."""
        with self._lock:
            return sorted(plugin.row() for plugin in [*self._plugins.values(), *self._shadowed])

    def names(self, group: str) -> list[str]:
        """The names that `load` takes: installed and not disabled, sorted. Nothing is imported."""
        usable = ("found", "loaded", "failed")
        return sorted(row.name for row in self.rows() if row.group == group and row.state in usable)

    def load(self, group: str, name: str) -> type[Any]:
        """The class that an entry point names, imported at the first call. Raises PluginError."""
        with self._lock:
            plugin = self._plugins.get((group, name))
            if plugin is None:
                raise PluginError(self._missing(group, name))
            noun = GROUPS.get(group, group)
            if plugin.state == "disabled":
                raise PluginError(f"The {noun} '{name}' is disabled; take it out of plugins.disabled to use it.")
            if not self._import(plugin):
                raise PluginError(f"The {noun} '{name}' of {plugin.found.origin} cannot be used: {plugin.error}")
            loaded: type[Any] = plugin.target
            return loaded

    def load_hooks(self) -> None:
        """Import the group `heylook.plugins` and register what is there. Failures are logged and kept."""
        # pluggy asks the one that registered last first: backwards, so that answers come in the order of names
        for name in reversed(self.names(HOOKS)):
            if self._only is None or name in self._only:
                self._load_hook(self._plugins[HOOKS, name])

    def load_all(self) -> None:
        """Import every plugin that is not disabled, to find out which ones fail. Slow; meant for checks."""
        self.load_hooks()
        for group, name in list(self._plugins):
            if group != HOOKS and name in self.names(group):
                with self._lock:
                    self._import(self._plugins[group, name])

    def add(self, name: str, plugin: object) -> bool:
        """Register an object that may implement hooks; one of the same name is replaced.

        `name` is `group:name` for what came from an entry point, so that a failure shows in its row. False
        means that the object was refused.
        """
        with self._lock:
            group, _, short = name.rpartition(":")
            row = self._plugins.get((group, short)) or _Plugin(Found(group, short, "", ""))
            self._register(name, plugin, row)
            if row.state == "failed":
                self._plugins[group, short] = row
            return row.state != "failed"

    def remove(self, name: str) -> None:
        """Forget an object that was added; a name that is not known is ignored."""
        with self._lock:
            self._pluggy.unregister(name=name)

    def notify(self, hook: str, **arguments: Any) -> None:
        """Tell every plugin that implements `hook`. What one of them raises is logged, and the next is told."""
        for _ in self._answers(hook, arguments):
            pass

    def ask(self, hook: str, **arguments: Any) -> list[Any]:
        """What the implementations of `hook` answer, without None and without those that raise."""
        return [answer for answer in self._answers(hook, arguments) if answer is not None]

    def unusable(self) -> dict[str, str]:
        """Why plugins can do nothing on this machine, by the names of their distributions."""
        found = {}
        for name, why in self._named_answers("unusable", {}):
            group, _, short = name.rpartition(":")
            if why and (plugin := self._plugins.get((group, short))):
                found[plugin.found.dist] = str(why)
        return found

    def _answers(self, hook: str, arguments: dict[str, Any]) -> Iterator[Any]:
        for _, answer in self._named_answers(hook, arguments):
            yield answer

    def _named_answers(self, hook: str, arguments: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        for impl in reversed(getattr(self._pluggy.hook, hook).get_hookimpls()):
            values = [arguments[name] for name in impl.argnames]
            try:
                yield impl.plugin_name, impl.function(*values)
            except (Exception, SystemExit) as error:
                self._complain(impl.plugin_name, hook, error)

    def _complain(self, name: str, hook: str, error: BaseException) -> None:
        """Log what a hook raised, with its traceback the first time, and note it in the plugin's row."""
        why = f"{hook} raised {_sentence(error)}"
        with self._lock:
            known = (name, hook) in self._complained
            self._complained.add((name, hook))
            group, _, short = name.rpartition(":")
            if plugin := self._plugins.get((group, short)):
                plugin.error = why
        log.error("plugin %s: %s", name, why, exc_info=None if known else error)

    def _import(self, plugin: _Plugin) -> bool:
        """Import what was only found so far. False if the plugin cannot be used."""
        if plugin.state == "found":
            try:
                plugin.target = resolve(plugin.found)
                plugin.state = "loaded"
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # a plugin may call sys.exit() while it is imported
                log.debug("import of %s failed", plugin.found.entry_point, exc_info=True)
                plugin.fail(error)
        return plugin.state == "loaded"

    def _load_hook(self, plugin: _Plugin) -> None:
        with self._lock:
            if plugin.state != "found":
                return
            if self._import(plugin):
                self._register(f"{HOOKS}:{plugin.found.name}", plugin.target, plugin)
            else:
                _warn(plugin)

    def _register(self, name: str, target: Any, plugin: _Plugin) -> None:
        self._pluggy.unregister(name=name)
        try:
            target = target() if isinstance(target, type) else target
            self._pluggy.register(target, name=name)
            faults = self._faults(target)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            log.debug("registration of %s failed", name, exc_info=True)
            self._pluggy.unregister(name=name)
            plugin.fail(error)
        else:
            plugin.error = "; ".join(faults)
        if plugin.error:
            _warn(plugin)

    def _faults(self, target: Any) -> list[str]:
        """Hooks that do not exist, which would never be called. Raises TypeError for a hook wrapper."""
        faults = []
        for caller in self._pluggy.get_hookcallers(target) or ():
            mine = [impl for impl in caller.get_hookimpls() if impl.plugin is target]
            if any(impl.wrapper or impl.hookwrapper for impl in mine):
                raise TypeError(f"{caller.name} is a hook wrapper; heylook calls each implementation by itself")
            if not caller.has_spec() and not all(impl.optionalhook for impl in mine):
                faults.append(_no_such_hook(caller.name))
        return faults

    def _missing(self, group: str, name: str) -> str:
        installed = ", ".join(self.names(group)) or "none"
        dist = _DISTRIBUTIONS.get(name)
        remedy = f"install it with: pip install {dist}" if dist else "correct the name or install what provides it"
        return f"No {GROUPS.get(group, group)} is called '{name}' (installed: {installed}); {remedy}"


def _no_such_hook(name: str) -> str:
    known = [hook for spec in hookspecs.SPECS for hook in vars(spec) if not hook.startswith("_")]
    close = difflib.get_close_matches(name, known, 1)
    return f"there is no hook '{name}'" + (f"; did you mean {close[0]}?" if close else "")


def _sentence(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _warn(plugin: _Plugin) -> None:
    found = plugin.found
    what = "cannot be used" if plugin.state == "failed" else "has a fault"
    log.warning("The plugin %s:%s %s: %s", found.group, found.name, what, plugin.error)
