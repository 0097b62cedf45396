"""docs/writing-a-plugin.md and its examples: the page shows the files, and the files work far from this checkout."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from heylook_core.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGE = DOCS / "writing-a-plugin.md"
EXAMPLES = DOCS / "examples"
UV = shutil.which("uv")

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


def run(*command: str | Path, cwd: Path) -> str:
    hidden = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}
    environment = {key: value for key, value in os.environ.items() if key not in hidden and "HEYLOOK_" not in key}
    done = subprocess.run([str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of heylook itself, built from this checkout."""
    out = tmp_path_factory.mktemp("dist")
    if UV:
        run(UV, "build", "--quiet", "--wheel", "--out-dir", out, ROOT, cwd=out)
    else:
        run(sys.executable, "-m", "build", "--wheel", "--outdir", out, ROOT, cwd=out)
    return next(out.glob("heylook-*.whl"))


def fresh(folder: Path, *requirements: str | Path) -> Path:
    """The bin folder of a new environment with these distributions."""
    if UV:
        run(UV, "venv", "--quiet", "--python", sys.executable, folder, cwd=folder.parent)
        install: list[str | Path] = [UV, "pip", "install", "--quiet", "--python", folder / "bin/python"]
    else:
        run(sys.executable, "-m", "venv", folder, cwd=folder.parent)
        install = [folder / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run(*install, "-c", ROOT / "constraints.txt", *requirements, cwd=folder.parent)
    return folder / "bin"


def rows(binaries: Path, cwd: Path, *options: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run(binaries / "heylookllm", "plugins", "--json", *options, cwd=cwd))
    return found


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", PLUGINS)
def test_an_example_works_in_an_environment_of_its_own(name: str, wheel: Path, tmp_path: Path):
    source = tmp_path / "elsewhere" / name
    shutil.copytree(EXAMPLES / name, source, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
    binaries = fresh(tmp_path / "environment", wheel, "pytest", source)

    group, dist = PLUGINS[name]
    (row,) = [row for row in rows(binaries, tmp_path, "--check") if row["dist"] == dist]
    assert (row["group"], row["name"], row["state"], row["error"]) == (group, name, "loaded", "")

    told = run(binaries / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", cwd=source)
    assert re.search(r"\d+ passed", told)
    assert "skipped" not in told
