"""Entry points of installed distributions: found without importing anything, resolved one at a time."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import Distribution, EntryPoint, distributions
from typing import Any, NamedTuple

PROVIDERS = "heylook.providers"
DIALECTS = "heylook.dialects"
PREFIX_TIERS = "heylook.prefix_tiers"
SINKS = "heylook.sinks"
HOOKS = "heylook.plugins"

_BASES = {
    PROVIDERS: ("heylook_core.provider", "Provider"),
    DIALECTS: ("heylook_core.dialect", "Dialect"),
    SINKS: ("heylook_core.analytics", "Sink"),
}


class Found(NamedTuple):
    """An entry point, or the reason why those of a distribution cannot be read (then `entry_point` is None)."""

    group: str
    name: str
    dist: str
    version: str
    entry_point: EntryPoint | None = None
    error: str = ""

    @property
    def origin(self) -> str:
        return f"{self.dist} {self.version}".strip()


def discover() -> list[Found]:
    """Every entry point of a group that begins with `heylook.`, in the order of the import path.

    Of two copies of one distribution the first on the path counts, as for imports. Distributions that do not
    mention heylook are not even parsed, which keeps this fast and their mistakes out of it.
    """
    seen: set[str] = set()
    found: list[Found] = []
    for dist in distributions():
        if "[heylook." not in _text(dist):
            continue
        name = (dist.metadata["Name"] or "?").replace("_", "-")
        if name.lower() not in seen:
            seen.add(name.lower())
            found.extend(_entry_points(dist, name))
    return found


def _text(dist: Distribution) -> str:
    try:
        return dist.read_text("entry_points.txt") or ""
    except (OSError, UnicodeDecodeError):
        return ""


def _entry_points(dist: Distribution, name: str) -> list[Found]:
    version = dist.metadata["Version"] or ""
    try:
        points = [point for point in dist.entry_points if point.group.startswith("heylook.")]
    except Exception as error:  # a malformed entry_points.txt raises whatever its parser stumbles over
        why = f"its entry_points.txt cannot be read: {type(error).__name__}: {error}"
        return [Found(HOOKS, name, name, version, None, why)]
    return [Found(point.group, point.name, name, version, point) for point in points]


def resolve(found: Found) -> Any:
    """Import what the entry point names. Raises whatever the import raises, TypeError if it does not fit the group."""
    if found.entry_point is None:
        raise ImportError(found.error)
    if found.group == HOOKS:  # all of them are loaded, so there is nothing to choose, and `--help` needs no stevedore
        return found.entry_point.load()
    target = _driver(found.group, found.entry_point)
    _check_class(found.group, target)
    return target


def _driver(group: str, entry_point: EntryPoint) -> Any:
    from stevedore import DriverManager, ExtensionManager

    # stevedore's own list is up to two minutes old, does not know distributions, and stops at equal names
    ExtensionManager.ENTRY_POINT_CACHE[group] = [entry_point]
    return DriverManager(group, entry_point.name, on_load_failure_callback=_reraise).extensions[0].plugin


def _reraise(manager: object, entry_point: object, error: BaseException) -> None:
    raise error


def _check_class(group: str, target: Any) -> None:
    if not isinstance(target, type):
        raise TypeError(f"the entry point names {target!r}, which is not a class")
    if group in _BASES:
        module, name = _BASES[group]
        if not issubclass(target, getattr(import_module(module), name)):
            raise TypeError(f"{target.__qualname__} is not a subclass of {module}.{name}")
    if missing := getattr(target, "__abstractmethods__", None):
        raise TypeError(f"{target.__qualname__} does not define {', '.join(sorted(missing))}")
