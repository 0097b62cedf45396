"""docs/writing-a-plugin.md and its examples: the page shows the files, and the files work far from this checkout."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import yaml
from environments import ROOT, Distribution, Environment

from heylook_core.settings import Settings

DOCS = ROOT / "docs"
PAGE = DOCS / "writing-a-plugin.md"
EXAMPLES = DOCS / "examples"

PLUGINS = {
    "echo": ("heylook.providers", "heylook-echo"),
    "lines": ("heylook.dialects", "heylook-lines"),
    "csv": ("heylook.sinks", "heylook-csv"),
    "tally": ("heylook.plugins", "heylook-tally"),
}

BLOCK = re.compile(r"(?:<!-- file: (?P<file>\S+) -->\n)?```(?P<language>\w*)\n(?P<code>.*?)```", re.DOTALL)


def blocks() -> list[tuple[str | None, str, str]]:
    """File, language and code of every block of the page."""
    return [(found["file"], found["language"], found["code"]) for found in BLOCK.finditer(PAGE.read_text())]


@pytest.mark.unit
def test_code_of_the_page_is_the_code_of_the_files():
    shown = {file: code for file, _, code in blocks() if file}
    assert {file: (DOCS / file).read_text() for file in shown} == shown


@pytest.mark.unit
def test_every_example_is_shown_with_its_test():
    shown = {file for file, _, _ in blocks() if file}
    files = {str(path.relative_to(DOCS)) for path in EXAMPLES.glob("*/**/*.py") if path.name != "conftest.py"}
    assert {path.name for path in EXAMPLES.iterdir() if path.is_dir()} == PLUGINS.keys()
    assert files <= shown


@pytest.mark.unit
def test_no_python_of_the_page_is_without_a_file():
    assert [code for file, language, code in blocks() if language == "python" and not file] == []


@pytest.mark.unit
def test_fragments_of_the_page_are_those_of_the_projects():
    projects = [path.read_text() for path in EXAMPLES.glob("*/pyproject.toml")]
    fragments = [code for file, language, code in blocks() if language == "toml" and not file]
    assert len(fragments) == 3
    for fragment in fragments:
        assert any(fragment in project for project in projects), fragment


@pytest.mark.unit
def test_settings_of_the_page_are_valid():
    settings = [code for _, language, code in blocks() if language == "yaml"]
    assert len(settings) == 2
    for code in settings:
        msgspec.convert(yaml.safe_load(code), Settings)


@pytest.mark.unit
@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: str(page.relative_to(DOCS)))
def test_links_between_pages_lead_somewhere(page: Path):
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.fixture(scope="module")
def elsewhere(built: dict[str, Distribution], tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with heylook's wheel and pytest."""
    found = Environment.new(tmp_path_factory.mktemp("elsewhere") / "environment")
    found.install(built["heylook"].wheel, "pytest")
    return found


@pytest.fixture
def example(request: pytest.FixtureRequest, elsewhere: Environment, tmp_path: Path) -> Iterator[Path]:
    """The folder of an example, which is installed there until the test is over."""
    source = tmp_path / request.param
    shutil.copytree(EXAMPLES / source.name, source, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
    elsewhere.install(source)
    yield source
    elsewhere.uninstall(PLUGINS[source.name][1])


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("example", PLUGINS, indirect=True)
def test_an_example_works_alone_beside_heylook(example: Path, elsewhere: Environment):
    group, dist = PLUGINS[example.name]
    rows = elsewhere.plugins("--check")
    assert {row["dist"] for row in rows} == {"heylook", dist}
    (row,) = [row for row in rows if row["dist"] == dist]
    assert (row["group"], row["name"], row["state"], row["error"]) == (group, example.name, "loaded", "")

    told = elsewhere.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", cwd=example)
    assert re.search(r"\d+ passed", told)
    assert "skipped" not in told
