"""Where other programs keep their models, as found on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from heylook_core.config import Environment
from heylook_core.errors import ConfigError


def hf_caches(environment: Environment) -> tuple[Path, ...]:
    """The caches of huggingface_hub: where the environment puts it, else the usual places. Raises ConfigError."""
    home = Path.home()
    usual = (
        home / ".cache" / "huggingface" / "hub",
        home / "Library" / "Caches" / "huggingface" / "hub",
        home / ".huggingface" / "hub",
    )
    asked = environment.hf_cache
    return _existing("cache of Hugging Face", usual if asked is None else (asked,), "--folder")


def lm_studio_folders(environment: Environment) -> tuple[Path, ...]:
    """The folder that LM Studio's settings name, else its usual ones. Raises ConfigError."""
    home = Path.home()
    own = _lm_studio_home(home)
    asked = _downloads_folder(own / "settings.json")
    usual = (own / "models", home / ".cache" / "lm-studio" / "models")
    return _existing("folder of LM Studio's models", (asked, *usual) if asked is not None else usual, "--folder")[:1]


def ollama_folders(environment: Environment) -> tuple[Path, ...]:
    """Ollama's store, with `manifests` and `blobs`: that of OLLAMA_MODELS, else the usual ones. Raises ConfigError."""
    usual = (
        Path.home() / ".ollama" / "models",
        Path("/usr/share/ollama/.ollama/models"),
        Path("/var/lib/ollama/.ollama/models"),
    )
    asked = environment.ollama_models
    return _existing("store of Ollama", usual if asked is None else (asked,), "OLLAMA_MODELS")


def _lm_studio_home(home: Path) -> Path:
    """LM Studio writes where it lives into a file of the home folder."""
    try:
        found = Path((home / ".lmstudio-home-pointer").read_text(encoding="utf-8").strip())
    except (OSError, ValueError):
        return home / ".lmstudio"
    return found if found.is_dir() else home / ".lmstudio"


def _downloads_folder(settings: Path) -> Path | None:
    try:
        found = json.loads(settings.read_bytes()).get("downloadsFolder")
    except (OSError, ValueError, AttributeError):
        return None
    return Path(found) if isinstance(found, str) and found else None


def _existing(what: str, places: Iterable[Path], remedy: str) -> tuple[Path, ...]:
    places = tuple(places)
    found = tuple(dict.fromkeys(place.resolve() for place in places if place.is_dir()))
    if not found:
        looked = ", ".join(map(str, places))
        raise ConfigError(f"No {what} was found (looked at {looked}); name it with {remedy}.")
    return found
