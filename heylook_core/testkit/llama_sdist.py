"""Files out of the source distribution of llama-cpp-python: the real chat templates and vocabularies of many models.

`HEYLOOK_LLAMA_SDIST` may name the unpacked distribution; otherwise pip's or uv's ordinary client fetches it once,
into a folder that the caller keeps.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
from pathlib import Path

PACKAGE = "llama-cpp-python"
RELEASE = f"{PACKAGE}==0.3.36"
TEMPLATES = "vendor/llama.cpp/models/templates"


def chat_templates(folder: Path, unpacked: str | None = None) -> dict[str, str]:
    """The Jinja templates by file name; empty where the distribution cannot be had.

    `folder` keeps what is fetched; `unpacked` is the value of `HEYLOOK_LLAMA_SDIST`.
    """
    if unpacked:
        return _read(Path(unpacked) / TEMPLATES)
    kept = folder / RELEASE / "templates"
    if not kept.is_dir():
        archive = _fetched(folder)
        if archive is None:
            return {}
        _unpack(archive, re.compile(rf".*/{TEMPLATES}/[^/]+\.jinja"), kept)
        archive.unlink()
    return _read(kept)


def _read(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.jinja"))}


def _fetched(folder: Path) -> Path | None:
    """The archive, downloaded without building anything."""
    options = ["download", "--quiet", "--no-deps", "--no-binary", PACKAGE, "--dest", str(folder), RELEASE]
    for client in ([sys.executable, "-m", "pip"], ["python3", "-m", "pip"]):
        done = subprocess.run([*client, *options], capture_output=True, check=False, timeout=100)
        archive = next(folder.glob("llama_cpp_python-*.tar.gz"), None)
        if done.returncode == 0 and archive is not None:
            return archive
    return None


def _unpack(archive: Path, wanted: re.Pattern[str], target: Path) -> None:
    target.mkdir(parents=True)
    with tarfile.open(archive) as tar:
        for member in tar:
            source = tar.extractfile(member) if wanted.fullmatch(member.name) else None
            if source is not None:
                (target / Path(member.name).name).write_bytes(source.read())
