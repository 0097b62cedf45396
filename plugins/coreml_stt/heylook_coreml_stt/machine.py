"""Whether CoreML runs on this machine. Light: coremltools takes seconds to import."""

from __future__ import annotations

import importlib.util
import platform

NEEDS = "CoreML prediction needs macOS 14 or newer"
OLDEST = 14


def obstacle() -> str | None:
    """Why it does not, in a sentence; None if it does."""
    system = platform.system()
    if system != "Darwin":
        return f"{NEEDS}; this machine runs {system}, where heylook-onnx-stt serves the same models."
    release = platform.mac_ver()[0]
    if release and int(release.partition(".")[0]) < OLDEST:
        return f"{NEEDS}; this machine runs macOS {release}."
    if importlib.util.find_spec("coremltools") is None:
        return "coremltools is not installed: install it with: pip install coremltools (Python 3.11 to 3.13)."
    return None
