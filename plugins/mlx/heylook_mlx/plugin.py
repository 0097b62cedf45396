"""What the `mlx` plugin tells the rest of heylook. Loaded at start, so everything is imported where it is used."""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING

from heylook_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from pathlib import Path

    from heylook_core.catalog.recognition import Recognised, Unservable

_ASK_DEVICE = "import mlx.core as mx; print('metal' if mx.metal.is_available() else 'cpu', end='')"
_REMEDY = 'install it with: pip install heylook-mlx (macOS with Apple silicon, or Linux through "mlx-lm[cpu]")'


@hookimpl
def recognise_model(path: Path) -> Recognised | Unservable | None:
    """A folder with config.json and safetensors by its headers: a model that mlx-lm can load, or why it cannot."""
    from heylook_mlx.recognition import recognise

    return recognise(path)


@hookimpl
def memory_limit() -> int | None:
    """Metal's recommended working set, where there is Metal."""
    from heylook_mlx.estimate import recommended_working_set

    return recommended_working_set()


@hookimpl
def diagnose() -> list[tuple[str, str, str]]:
    """Whether MLX is installed, which version, and what it computes on."""
    missing = [name for name in ("mlx", "mlx_lm") if importlib.util.find_spec(name) is None]
    if missing:
        return [("MLX", "error", f"{' and '.join(missing)} cannot be found; {_REMEDY}.")]
    from importlib import metadata

    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("mlx", "mlx-lm"))
    device, trouble = _device()
    if device is None:
        return [("MLX", "error", f"{versions} is installed but cannot be imported ({trouble}); {_REMEDY}.")]
    rows = [("MLX", "ok", f"{versions}, computes on {'the GPU through Metal' if device == 'metal' else 'the CPU'}.")]
    if device == "cpu" and sys.platform == "darwin":
        rows.append(("MLX", "warning", "Metal is not available, so models run slowly; it needs Apple silicon."))
    if importlib.util.find_spec("llguidance") is None:
        remedy = "install it with: pip install llguidance"
        rows.append(("MLX", "warning", f"llguidance is missing, so answers cannot be constrained to JSON; {remedy}."))
    return rows


def _device() -> tuple[str | None, str]:
    """`metal` or `cpu`, asked of a child process: a broken MLX may crash. None with what went wrong."""
    import subprocess

    try:
        done = subprocess.run([sys.executable, "-c", _ASK_DEVICE], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, str(error)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        return None, lines[-1] if lines else f"exit code {done.returncode}"
    return done.stdout, ""
