"""The pages in Chromium with the network cut: they render, and requests can be sent from them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from heylook_core.testkit.server import LiveServer

pytest.importorskip("playwright")

from playwright.sync_api import Browser, Page, sync_playwright

pytestmark = [pytest.mark.integration, pytest.mark.slow]

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
PATIENCE = 100_000.0  # milliseconds, for machines with much else to do
# No name but that of this machine has an address.
CUT = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"


def executable() -> str:
    found = next((path for path in map(shutil.which, NAMES) if path), None)
    if found is None and MAC.exists():
        found = str(MAC)
    if found is None:
        pytest.skip("Chromium is not installed")
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = executable()
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=[CUT, "--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def page(browser: Browser, server: LiveServer) -> Iterator[Page]:
    """A page of which every request is for the server, sent or held back, and in which nothing goes wrong."""
    made = browser.new_page()
    made.set_default_timeout(PATIENCE)
    asked: list[str] = []
    wrong: list[str] = []
    made.on("request", lambda request: asked.append(request.url))
    made.on("pageerror", lambda error: wrong.append(str(error)))
    yield made
    made.close()
    hosts = {urlsplit(url).netloc for url in asked if urlsplit(url).scheme.startswith("http")}
    assert hosts == {urlsplit(server.url).netloc}
    assert wrong == []


def test_a_page_of_elsewhere_cannot_be_had(browser: Browser):
    """The network is cut indeed."""
    page = browser.new_page()
    with pytest.raises(Exception, match="ERR_NAME_NOT_RESOLVED"):
        page.goto("http://example.org/")
    page.close()


def test_swagger_ui_renders_every_api(page: Page, server: LiveServer):
    page.goto(f"{server.url}/docs")
    page.locator("#operations-OpenAI_API-openai_chat").wait_for()
    assert page.locator(".info .title").inner_text().startswith("heylook")
    tags = page.locator(".opblock-tag").all_inner_texts()
    assert {"OpenAI API", "Ollama API", "Administration"} <= {tag.split("\n")[0] for tag in tags}


def answered(page: Page, operation: str) -> str:
    """The status line after "Execute" of an operation's "Try it out"."""
    block = page.locator(f"#operations-{operation}")
    block.locator(".opblock-summary-control").click()
    block.locator("button.execute").click()
    block.locator(".live-responses-table .response-col_status").nth(1).wait_for()
    return block.locator(".live-responses-table .response-col_status").nth(1).inner_text()


def test_a_get_can_be_tried_out(page: Page, server: LiveServer):
    page.goto(f"{server.url}/docs")
    assert answered(page, "OpenAI_API-openai_models").startswith("200")


def test_a_chat_can_be_tried_out(page: Page, server: LiveServer):
    page.goto(f"{server.url}/docs")
    with page.expect_response("**/v1/chat/completions") as asked:
        assert answered(page, "OpenAI_API-openai_chat").startswith("200")
    answer = json.loads(asked.value.body())
    assert answer["object"] == "chat.completion"
    assert answer["choices"][0]["message"]["content"]
    assert answer["model"] == "toy"


def test_redoc_renders_every_api(page: Page, server: LiveServer):
    page.goto(f"{server.url}/redoc")
    page.get_by_role("heading", name="Answer a conversation, or several in a batch").first.wait_for()
    text = page.locator("#redoc").inner_text()
    assert "heylook" in text
    for tag in ("OpenAI API", "Ollama API", "Administration"):
        assert tag in text
