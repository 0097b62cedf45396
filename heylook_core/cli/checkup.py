"""What `doctor` looks at: the machine, the plugins, the configuration."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from heylook_core.cli.dialects import dialect_classes
from heylook_core.cli.invocation import Invocation
from heylook_core.errors import HeylookError
from heylook_core.plugins import PROVIDERS, PluginRow, Plugins

State: TypeAlias = Literal["ok", "warning", "error"]

GIB = 1 << 30
LITTLE_DISK = 5 * GIB
LITTLE_MEMORY = 4 * GIB


class Finding(NamedTuple):
    """`text` is a sentence, with the remedy where there is something to mend."""

    subject: str
    state: State
    text: str


def examine(invocation: Invocation) -> list[Finding]:
    """Everything, in the order in which to mend it. Raises nothing: a configuration that is wrong is a finding."""
    findings = [*_python(), *_accelerators(), *_memory(), *_disk()]
    try:
        plugins = invocation.plugins
    except HeylookError as error:
        findings.append(Finding("config", "error", error.message))
        plugins = Plugins()
        plugins.load_hooks()
        return [*findings, *_backends(plugins), *_plugins(plugins), *_answers(plugins)]
    return [
        *findings,
        *_backends(plugins),
        *_plugins(plugins),
        *_answers(plugins),
        *_config(invocation),
        *_disabled(invocation),
        *_ports(invocation),
    ]


def _python() -> Iterator[Finding]:
    yield Finding("python", "ok", f"Python {platform.python_version()} in {sys.prefix}")
    if sys.platform == "darwin" and _output("sysctl", "-n", "sysctl.proc_translated") == "1":
        remedy = "install an arm64 Python and set heylook up with it, or Metal cannot be used."
        yield Finding("platform", "error", f"This Python runs translated on Apple silicon; {remedy}")
    else:
        yield Finding("platform", "ok", f"{platform.platform()}, {os.cpu_count()} processors")


def _accelerators() -> Iterator[Finding]:
    if sys.platform == "darwin" and platform.machine() == "arm64":
        chip = _output("sysctl", "-n", "machdep.cpu.brand_string") or "Apple silicon"
        yield Finding("accelerator", "ok", f"Metal on {chip}")
    elif shutil.which("nvidia-smi"):
        names = _output("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader").splitlines()
        if names:
            yield Finding("accelerator", "ok", f"CUDA on {'; '.join(names)}")
        else:
            remedy = "run it to see why, or install the NVIDIA driver."
            yield Finding("accelerator", "warning", f"nvidia-smi is installed but finds no GPU; {remedy}")
    else:
        yield Finding("accelerator", "ok", "None found: models run on the processor")


def _output(*command: str) -> str:
    """What a command prints, "" if it fails or takes longer than 10 s."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _memory() -> Iterator[Finding]:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if limit := _memory_limit():
        total = min(total, limit)
    text = f"{total / GIB:.1f} GiB"
    if total < LITTLE_MEMORY:
        yield Finding("memory", "warning", f"{text}: choose models of less than {total / GIB / 2:.1f} GB")
    else:
        yield Finding("memory", "ok", text)


def _memory_limit() -> int | None:
    """Bytes that a Linux container may use, if it is limited."""
    try:
        return int(Path("/sys/fs/cgroup/memory.max").read_text())
    except (OSError, ValueError):
        return None


def _disk() -> Iterator[Finding]:
    free = shutil.disk_usage(Path.home()).free
    text = f"{free / GIB:.1f} GiB free at {Path.home()}"
    if free < LITTLE_DISK:
        yield Finding("disk", "warning", f"{text}: too little for most models; delete some or keep them elsewhere")
    else:
        yield Finding("disk", "ok", text)


def _backends(plugins: Plugins) -> Iterator[Finding]:
    """Providers besides those of the core itself, which exist for tests."""
    rows = [row for row in plugins.rows() if row.group == PROVIDERS and row.dist != "heylook"]
    usable = [row for row in rows if row.state in ("found", "loaded", "failed")]
    for row in usable:
        yield _backend(row, plugins)
    if not usable:
        mlx = sys.platform == "darwin" and platform.machine() == "arm64"
        first, second = ("heylook-mlx", "heylook-gguf") if mlx else ("heylook-gguf", "heylook-mlx")
        remedy = f"install one with: pip install {first} (or {second}); in a checkout: ./setup.sh install"
        yield Finding("backends", "error", f"None is installed, so no model can be loaded; {remedy}")


def _backend(row: PluginRow, plugins: Plugins) -> Finding:
    try:
        plugins.load(PROVIDERS, row.name)
    except HeylookError as error:
        return Finding(
            "backends", "error", f"{error.message}; reinstall it with: pip install --force-reinstall {row.dist}"
        )
    return Finding("backends", "ok", f"{row.name} ({row.dist} {row.version})")


def _plugins(plugins: Plugins) -> Iterator[Finding]:
    """Faults of the others; those of providers are told as backends."""
    plugins.load_all()
    for row in plugins.rows():
        name = f"{row.group}:{row.name} of {row.dist} {row.version}"
        if row.state == "shadowed":
            yield Finding(
                "plugins", "warning", f"{name} is not used: it is shadowed {row.error}; uninstall one of the two"
            )
        elif row.error and row.group != PROVIDERS:
            state: State = "error" if row.state == "failed" else "warning"
            verb = "cannot be used" if row.state == "failed" else "has a fault"
            yield Finding("plugins", state, f"{name} {verb}: {row.error}; update it, or disable it in plugins.disabled")


def _answers(plugins: Plugins) -> Iterator[Finding]:
    """What plugins themselves have to say."""
    for answer in plugins.ask("diagnose"):
        yield from _read(answer)


def _read(answer: Any) -> list[Finding]:
    try:
        rows = [Finding(str(subject), state, str(text)) for subject, state, text in answer]
    except (TypeError, ValueError):
        return [Finding("plugins", "warning", f"A plugin's diagnose gave {answer!r}, which is no list of findings")]
    return [row if row.state in ("ok", "warning", "error") else row._replace(state="warning") for row in rows]


def _config(invocation: Invocation) -> Iterator[Finding]:
    configuration = invocation.configuration
    for warning in configuration.warnings:
        yield Finding("config", "warning", warning)
    try:
        entries = invocation.catalog.entries()
    except HeylookError as error:
        yield Finding("config", "error", error.message)
        return
    faults = [*map(invocation.entry_fault, entries), invocation.tier_fault()]
    for fault in filter(None, faults):
        yield Finding("config", "error", fault.message)
    if not any(faults):
        where = str(configuration.file.path) if configuration.file.path else "No models.yaml, so the defaults hold"
        yield Finding("config", "ok", f"{where}; {len(entries)} model{'' if len(entries) == 1 else 's'}")


def _disabled(invocation: Invocation) -> Iterator[Finding]:
    names = {name for row in invocation.plugins.rows() for name in (row.name, f"{row.group}:{row.name}")}
    for name in sorted(set(invocation.settings.plugins.disabled) - names):
        yield Finding("config", "warning", f"plugins.disabled names '{name}', which is not installed; remove it")


def _ports(invocation: Invocation) -> Iterator[Finding]:
    from heylook_core.web.listen import close, listen

    server = invocation.settings.server
    try:
        port = server.port if server.port is not None else _default_port(server.api, invocation.plugins)
        close(listen(server.host, port))
    except HeylookError as error:
        yield Finding("port", "error", error.message)
    else:
        yield Finding("port", "ok", f"{port} on {server.host} is free")


def _default_port(api: str, plugins: Plugins) -> int:
    from heylook_core.dialect import Dialect

    dialects = dialect_classes(api, plugins)
    return int(dialects[0].default_port) if len(dialects) == 1 else Dialect.default_port
