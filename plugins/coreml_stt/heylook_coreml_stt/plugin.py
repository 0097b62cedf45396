"""Hooks of the CoreML plugin: recognising model sets, and whether they run on this machine. Light."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heylook_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from pathlib import Path

    from heylook_core.catalog.recognition import Recognised, Unservable


@hookimpl
def recognise_model(path: Path, companions: tuple[Path, ...]) -> Recognised | Unservable | None:
    """A folder with the files of a set."""
    if not path.is_dir():
        return None
    from heylook_coreml_stt.recognition import recognise

    return recognise(path)


@hookimpl
def unusable() -> str | None:
    """Anywhere but on a recent macOS."""
    from heylook_coreml_stt.machine import obstacle

    return obstacle()


@hookimpl
def diagnose() -> list[tuple[str, str, str]]:
    """Whether CoreML models run here."""
    from heylook_coreml_stt.machine import obstacle

    why = obstacle()
    return [("CoreML", "warning", why) if why else ("CoreML", "ok", "CoreML speech models run on this machine.")]
