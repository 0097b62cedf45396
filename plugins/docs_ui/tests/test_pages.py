"""The pages and their files, without a browser."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import httpx
import pytest

from heylook_core.testkit.server import LiveServer, live_server, toy_settings
from heylook_docs_ui.pages import DocsUiPages

FOLDER = Path(__file__).resolve().parents[1]
STATIC = FOLDER / "heylook_docs_ui" / "static"


@pytest.fixture(scope="module")
def fetch() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fetch", FOLDER / "fetch.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fetch"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.unit
def test_the_files_are_those_of_the_packages(fetch: ModuleType):
    for package in fetch.PACKAGES:
        for member in package.members:
            data = (STATIC / member.name).read_bytes()
            found = gzip.decompress(data) if member.name.endswith(".gz") else data
            if member.asks:
                assert found.count(fetch.NO_PICTURE) == 1
                found = found.replace(fetch.NO_PICTURE, member.asks.encode())
            assert hashlib.sha256(found).hexdigest() == member.sha256, member.name


@pytest.mark.unit
def test_a_file_with_another_hash_is_refused(fetch: ModuleType):
    with pytest.raises(SystemExit, match="is expected"):
        fetch.check("x.js", "0" * 64, "1" * 64)


@pytest.mark.integration
@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_a_page_asks_for_nothing_from_elsewhere(server: LiveServer, page: str):
    with httpx.Client(base_url=server.url, trust_env=False) as http:
        answer = http.get(page)
        assert answer.status_code == 200
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "http" not in policy
        sources = re.findall(r'(?:src|href)="([^"]+)"', answer.text)
        assert len(sources) >= 3
        for source in sources:
            if source != "data:,":
                assert source.startswith("/")
                assert http.get(source).status_code == 200, source


@pytest.mark.integration
def test_a_file_is_the_same_compressed_or_not(server: LiveServer):
    with httpx.Client(base_url=server.url, trust_env=False) as http:
        for _, operation in DocsUiPages.handlers():
            plain = http.get(operation.path, headers={"accept-encoding": "identity"})
            packed = http.get(operation.path, headers={"accept-encoding": "gzip"})
            assert "content-encoding" not in plain.headers
            assert plain.content == packed.content
            assert plain.headers["content-type"] == packed.headers["content-type"]


@pytest.mark.integration
def test_the_pages_need_no_key_and_keep_theirs_from_nobody():
    from heylook_core.plugins import Plugins

    plugins = Plugins(only=frozenset({"docs_ui"}))
    plugins.load_hooks()
    settings = toy_settings(server={"api_keys": ("secret",)})
    with live_server(settings, plugins) as server, httpx.Client(base_url=server.url, trust_env=False) as http:
        for _, operation in DocsUiPages.handlers():
            assert http.get(operation.path).status_code == 200
        assert http.get("/docs/other.js").status_code == 401
        assert http.get("/v1/models").status_code == 401


@pytest.mark.integration
def test_without_the_plugin_there_is_a_plain_page():
    from heylook_core.plugins import Plugins

    plugins = Plugins(only=frozenset())
    plugins.load_hooks()
    with live_server(toy_settings(), plugins) as server, httpx.Client(base_url=server.url, trust_env=False) as http:
        page = http.get("/docs")
        assert page.status_code == 200
        assert "/v1/chat/completions" in page.text
        assert "<script" not in page.text
        assert "heylook-docs-ui" in page.text
        assert http.get("/redoc").status_code == 404
