"""What is served below /playground, with files of the test's own."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from heylook_core.hookspecs import hookimpl
from heylook_core.plugins import Plugins
from heylook_core.serving import Serving
from heylook_core.testkit.server import LiveServer, live_server, toy_settings
from heylook_playground.files import Files
from heylook_playground.pages import PlaygroundPages

pytestmark = pytest.mark.integration

PAGE = b"<!doctype html><title>app</title>" + b" " * 500
SCRIPT = b"export const words = 'some words';" * 50
FONT = bytes(range(256))


def serving_from(folder: Path) -> Plugins:
    """Plugins of which one brings the app of that folder."""

    class Pages(PlaygroundPages):
        def __init__(self, serving: Serving) -> None:
            super().__init__(serving, Files(folder))

    class Plugin:
        @hookimpl
        def add_pages(self) -> list[type[PlaygroundPages]]:
            return [Pages]

    plugins = Plugins(only=frozenset())
    plugins.load_hooks()
    plugins.add("playground-of-the-test", Plugin())
    return plugins


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    above = tmp_path_factory.mktemp("package")
    (above / "secret.txt").write_text("not to be served")
    static = above / "static"
    (static / "assets").mkdir(parents=True)
    (static / "index.html").write_bytes(PAGE)
    (static / "assets/index-a1b2c3d4.js").write_bytes(SCRIPT)
    (static / "assets/font-a1b2c3d4.woff2").write_bytes(FONT)
    (static / "notes.other").write_text("of a kind that the app does not have")
    return static


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[LiveServer]:
    with live_server(toy_settings(server={"api_keys": ("secret",)}), serving_from(folder)) as running:
        yield running


@pytest.fixture
def http(server: LiveServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        yield client


def test_the_app_needs_no_key_and_is_asked_for_anew(http: httpx.Client):
    answer = http.get("/playground/")
    assert (answer.status_code, answer.content) == (200, PAGE)
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


def test_the_address_without_a_slash_leads_to_the_one_with_it(http: httpx.Client):
    answer = http.get("/playground")
    assert answer.status_code == 308
    assert str(http.get("/playground", follow_redirects=True).url).endswith("/playground/")


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("assets/index-a1b2c3d4.js", SCRIPT, "text/javascript; charset=utf-8"),
        ("assets/font-a1b2c3d4.woff2", FONT, "font/woff2"),
    ],
)
def test_files_with_a_hash_in_their_names_are_kept(http: httpx.Client, name: str, content: bytes, kind: str):
    answer = http.get(f"/playground/{name}")
    assert answer.content == content
    assert answer.headers["content-type"] == kind
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


def test_nothing_from_elsewhere_and_nothing_in_the_page_runs(http: httpx.Client):
    for name in ("", "assets/index-a1b2c3d4.js"):
        policy = http.get(f"/playground/{name}").headers["content-security-policy"]
        rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
        assert rules["default-src"] == "'none'"
        assert rules["script-src"] == rules["style-src"] == rules["font-src"] == "'self'"
        assert rules["img-src"] == "'self' data: blob:"
        assert rules["frame-ancestors"] == "'none'"
        assert "unsafe" not in policy


def test_texts_are_compressed_where_the_client_takes_that(http: httpx.Client):
    packed = http.get("/playground/assets/index-a1b2c3d4.js", headers={"accept-encoding": "gzip"})
    plain = http.get("/playground/assets/index-a1b2c3d4.js", headers={"accept-encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) == len(gzip.compress(SCRIPT))
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content == SCRIPT


def test_who_has_the_page_is_told_so(http: httpx.Client):
    tag = http.get("/playground/").headers["etag"]
    again = http.get("/playground/", headers={"if-none-match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert http.get("/playground/", headers={"if-none-match": '"another"'}).status_code == 200


@pytest.mark.parametrize(
    "name",
    [
        "nothing.js",
        "models",
        "assets",
        "notes.other",
        "%2e%2e/secret.txt",
        "..%2fsecret.txt",
        "assets/../../secret.txt",
    ],
)
def test_what_is_no_part_of_the_app_is_not_there(http: httpx.Client, name: str):
    answer = http.get(f"/playground/{name}")
    assert answer.status_code in (401, 404)
    assert b"not to be served" not in answer.content


def test_paths_of_the_api_stay_the_servers(http: httpx.Client):
    answer = http.get("/v1/nothing-here", headers={"authorization": "Bearer secret"})
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("application/json")
    assert http.get("/v1/models").status_code == 401


def test_a_file_that_was_built_anew_is_served_anew(folder: Path, tmp_path: Path):
    static = tmp_path / "static"
    static.mkdir()
    with (
        live_server(toy_settings(), serving_from(static)) as server,
        httpx.Client(base_url=server.url, trust_env=False) as http,
    ):
        answer = http.get("/playground/")
        assert answer.status_code == 503
        assert "npm run build" in answer.text
        (static / "index.html").write_text("first")
        assert http.get("/playground/").text == "first"
        (static / "index.html").write_text("second")
        assert http.get("/playground/").text == "second"


def test_the_plugin_brings_the_app():
    plugins = Plugins(only=frozenset({"playground"}))
    plugins.load_hooks()
    with live_server(toy_settings(), plugins) as server, httpx.Client(base_url=server.url, trust_env=False) as http:
        answer = http.get("/playground/")
        assert answer.status_code == (200 if Files().built else 503)
        assert "heylook" in answer.text
