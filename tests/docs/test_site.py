"""The documentation as a site: it builds without a warning and without a network."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from heylook_core import hookspecs
from heylook_core.plugins import Plugins

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[2]
pytest.importorskip("sphinx")

# Every connection but to this machine fails at once.
NO_NETWORK = """
import socket
class Cut(socket.socket):
    def connect(self, address):
        raise OSError("the network is cut")
socket.socket = Cut
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    (folder / "sitecustomize.py").write_text(NO_NETWORK)
    environment = os.environ | {"PYTHONPATH": str(folder), "VIRTUAL_ENV": sys.prefix}
    command = [ROOT / "scripts" / "docs", folder / "html"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "html"


def text(page: Path) -> str:
    return re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8"))


def test_every_page_is_there(site: Path):
    sources = [page for page in (ROOT / "docs").rglob("*.md") if "examples" not in page.parts]
    assert len(sources) > 20
    for source in sources:
        assert (site / source.relative_to(ROOT / "docs")).with_suffix(".html").is_file()


def test_no_page_needs_anything_from_elsewhere(site: Path):
    """Links may lead elsewhere; scripts, styles, fonts and images may not."""
    for page in site.rglob("*.html"):
        loaded = re.findall(r"<(?:script|img|iframe|source)[^>]+src=\"([^\"]+)\"", page.read_text(encoding="utf-8"))
        loaded += re.findall(r"<link[^>]+rel=\"stylesheet\"[^>]+href=\"([^\"]+)\"", page.read_text(encoding="utf-8"))
        assert [address for address in loaded if "//" in address] == [], page
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//", style.read_text(encoding="utf-8")), style


def test_the_generated_pages_are_those_of_the_code(site: Path):
    folder = site / "reference" / "generated"
    hooks = text(folder / "hooks.html")
    for specs in hookspecs.SPECS:
        for name in vars(specs):
            assert name.startswith("_") or name in hooks
    commands = text(folder / "commands.html")
    for name in ("heylookllm serve", "heylookllm pull", "--file-log-level"):
        assert name in commands
    settings = text(folder / "settings.html")
    for name in ("prefix_cache_bytes", "server.max_queue", "model_path"):
        assert name in settings
    for name in Plugins().names("heylook.providers"):
        assert name in settings or name == "echo"
    endpoints = text(folder / "endpoints.html")
    for name in ("/v1/chat/completions", "/api/generate", "/v1/admin/models", "/openapi.json"):
        assert name in endpoints
    assert "heylook_requests_running" in text(folder / "metrics.html")
