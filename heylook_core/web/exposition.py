"""Prometheus' text format 0.0.4, written straight from our figures.

prometheus_client writes it too, at some ten microseconds a line: with 50 models a scrape would hold the event loop for
a tenth of a second. Its parser reads what is written here, in the tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from heylook_core.durations import BOUNDS, Durations

Labels = Mapping[str, str]
_BOUNDS = (*map(str, BOUNDS), "+Inf")


def counter(name: str, text: str, samples: Iterable[tuple[Labels, float]]) -> str:
    """`name` is without the `_total` that counters end in."""
    return _family(f"{name}_total", "counter", text, [f"{name}_total{_labels(at)} {value}" for at, value in samples])


def gauge(name: str, text: str, samples: Iterable[tuple[Labels, float]]) -> str:
    return _family(name, "gauge", text, [f"{name}{_labels(at)} {value}" for at, value in samples])


def histogram(name: str, text: str, samples: Iterable[tuple[Labels, Durations]]) -> str:
    lines: list[str] = []
    for at, seen in samples:
        lines += _histogram(name, _labels(at), seen)
    return _family(name, "histogram", text, lines)


def _histogram(name: str, labels: str, seen: Durations) -> list[str]:
    inside = f"{labels[1:-1]}," if labels else ""
    start, sum_, lines = f"{name}_bucket{{{inside}le=", 0, []
    for bound, count in zip(_BOUNDS, seen.counts, strict=True):
        sum_ += count
        lines.append(f'{start}"{bound}"}} {sum_}')
    return [*lines, f"{name}_count{labels} {seen.count}", f"{name}_sum{labels} {seen.total}"]


def _family(name: str, kind: str, text: str, lines: Sequence[str]) -> str:
    return "\n".join((f"# HELP {name} {text}", f"# TYPE {name} {kind}", *lines, ""))


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
