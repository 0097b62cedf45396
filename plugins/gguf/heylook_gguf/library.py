"""llama.cpp, reached through the ctypes declarations of llama-cpp-python and nothing else of that package."""

from __future__ import annotations

import atexit
import ctypes
import functools
import importlib.metadata
import importlib.util
import logging
import os
import sys
from collections import deque
from collections.abc import Callable
from types import ModuleType
from typing import Any

from heylook_core.errors import PluginError

log = logging.getLogger(__name__)

_WARNING, _ERROR = 3, 4  # ggml.h; llama-cpp-python's own table of these is of an older release


class Library:
    """The loaded library. `c` is the module of declarations; `version` that of llama-cpp-python.

    Loading replaces the log callback at once: the library's own writes to stderr, also from its threads.
    """

    def __init__(self) -> None:
        # A failed assertion in ggml would start a debugger for its backtrace and hold the dying process up.
        os.environ.setdefault("GGML_NO_BACKTRACE", "1")
        # GNU OpenMP reads this when it is loaded. By default threads that wait for each other at a barrier spin for
        # milliseconds; if one of the cores is taken by something else, a token then takes 2 to 30 times as long.
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
        self.c = _declarations()
        self.version = importlib.metadata.version("llama-cpp-python")
        self._errors: deque[str] = deque(maxlen=20)
        self._callback = self.c.llama_log_callback(self._logged)
        self.c.llama_log_set(self._callback, None)
        atexit.register(self._silence)
        self.c.llama_backend_init()

    def forget_errors(self) -> None:
        self._errors.clear()

    def listen_to(self, set_callback: Callable[[Any, None], None]) -> None:
        """Have another library of llama.cpp write its log where this one does."""
        set_callback(self._callback, None)

    def last_error(self) -> str:
        """What llama.cpp said last about what went wrong, without the name of its function; "" if nothing."""
        return "; ".join(dict.fromkeys(self._errors))

    def system_info(self) -> str:
        """How the library was built and what of the processor it uses, in llama.cpp's words."""
        return str(self.c.llama_print_system_info().decode())

    def _logged(self, level: int, text: bytes | None, _: Any) -> None:
        if level == _ERROR and text:
            message = text.decode(errors="replace").strip()
            self._errors.append(message.split(": ", 1)[-1].rstrip("."))
            log.debug("llama.cpp: %s", message)
        elif level == _WARNING and text:
            log.debug("llama.cpp: %s", text.decode(errors="replace").strip())

    def _silence(self) -> None:
        """Libraries may log while the process ends, when Python code can no longer run: give them C's abs()."""
        self.c.llama_log_set(ctypes.cast(libc().abs, self.c.llama_log_callback), None)


@functools.cache
def library() -> Library:
    """The one library of this process, loaded at the first call. Raises `PluginError` where it cannot be."""
    return Library()


@functools.cache
def libc() -> ctypes.CDLL:
    return ctypes.CDLL("msvcrt") if sys.platform == "win32" else ctypes.CDLL(None)


def _declarations() -> Any:
    try:
        return declarations("llama_cpp")
    except (ImportError, OSError, RuntimeError) as error:
        raise PluginError(
            f"llama-cpp-python cannot be used ({error}): install it with: pip install --force-reinstall "
            "llama-cpp-python"
        ) from error


def declarations(name: str) -> ModuleType:
    """The module `llama_cpp.NAME` without the rest of its package, which takes four times as long to import.

    Whoever imports `llama_cpp` itself afterwards gets the whole of it, with this module in it. Raises ImportError,
    OSError or RuntimeError.
    """
    package = "llama_cpp"
    if package in sys.modules:
        return importlib.import_module(f"{package}.{name}")
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise ImportError(f"there is no module {package}")
    sys.modules[package] = importlib.util.module_from_spec(spec)
    try:
        return importlib.import_module(f"{package}.{name}")
    finally:
        del sys.modules[package]
