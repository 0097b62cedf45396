"""Hooks of the ONNX speech plugin: recognising exports, and what doctor says about the library. Light."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from heylook_core.hookspecs import hookimpl
from heylook_onnx_stt.provider import NOT_INSTALLED

if TYPE_CHECKING:
    from pathlib import Path

    from heylook_core.catalog.recognition import Recognised, Unservable


@hookimpl
def recognise_model(path: Path, companions: tuple[Path, ...]) -> Recognised | Unservable | None:
    """The folder of an export of Parakeet TDT, or why it is none."""
    from heylook_onnx_stt.recognition import recognise

    return recognise(path)


@hookimpl
def diagnose() -> list[tuple[str, str, str]]:
    """The version of onnxruntime, and what it can compute on."""
    subject = "onnxruntime"
    if importlib.util.find_spec("onnxruntime") is None:
        return [(subject, "error", NOT_INSTALLED)]
    try:
        from heylook_onnx_stt.sessions import version

        return [(subject, "ok", version())]
    except ImportError as error:
        return [(subject, "error", f"onnxruntime cannot be imported ({error}); install it again.")]
