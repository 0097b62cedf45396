"""The pages against the code: commands and options, keys of plugins, metrics, routes, and the code that they show."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import httpx
import msgspec
import pytest
import yaml
from commands import every_command

from heylook_core.config import load_settings
from heylook_core.entrypoints import PREFIX_TIERS, PROVIDERS, SINKS
from heylook_core.plugins import Plugins
from heylook_core.testkit.server import LiveServer, live_server

DOCS = Path(__file__).resolve().parents[2] / "docs"
TEST_PROVIDERS = {"toy", "scripted"}


def read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def everything() -> str:
    pages = [page for page in DOCS.rglob("*.md") if "generated" not in page.parts]
    return "\n".join(page.read_text(encoding="utf-8") for page in pages)


def blocks(name: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", read(name), re.DOTALL)


@pytest.mark.unit
def test_every_page_is_named_on_the_first_one():
    linked = set(re.findall(r"\]\(([\w/.-]+\.md)\)", read("index.md")))
    pages = {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md") if "generated" not in page.parts}
    assert pages - linked == {"index.md"}


# ------------------------------------------------------------------ commands


def _mention(context: click.Context) -> str:
    """`heylookllm models list`, or `heylookllm models [list | check]`."""
    above = context.parent.command_path if context.parent is not None else ""
    return rf"{above} ({context.info_name}\b|\[[^\]]*\b{context.info_name}\b)"


@pytest.mark.unit
def test_every_command_and_option_is_documented():
    page = everything()
    missing = []
    for context in every_command():
        if context.parent is not None and not re.search(_mention(context), page):
            missing.append(context.command_path)
        for option in context.command.params:
            if isinstance(option, click.Option) and not option.hidden:
                name = max(option.opts, key=len)
                if f"`{name}" not in page and f" {name}" not in page:
                    missing.append(f"{context.command_path} {name}")
    assert sorted(missing) == []


# ------------------------------------------------------------------ settings and metrics


@pytest.mark.unit
@pytest.mark.parametrize("group", [PROVIDERS, SINKS, PREFIX_TIERS])
def test_every_key_of_a_plugin_is_documented(group: str):
    page, plugins = everything(), Plugins()
    missing = []
    for name in plugins.names(group):
        config = getattr(plugins.load(group, name), "Config", None)
        if config is not None and name not in TEST_PROVIDERS:
            fields = msgspec.structs.fields(config)
            missing += [f"{name}: {one.encode_name}" for one in fields if f"`{one.encode_name}`" not in page]
    assert missing == []


@pytest.mark.integration
def test_every_metric_is_documented():
    with live_server() as server:
        told = httpx.get(f"{server.url}/metrics", trust_env=False).text
    names = re.findall(r"^# TYPE (\S+)", told, re.MULTILINE)
    assert len(names) > 10
    page = read("reference/metrics.md")
    assert [name for name in names if name not in page and not name.startswith("process_")] == []


@pytest.mark.unit
def test_settings_on_the_quick_reference_are_valid(tmp_path: Path):
    (code,) = blocks("reference/quick.md", "yaml")
    (tmp_path / "models.yaml").write_text(code)
    assert len(load_settings(tmp_path / "models.yaml").settings.models) == len(yaml.safe_load(code)["models"])


# ------------------------------------------------------------------ routes


@pytest.mark.integration
def test_routes_of_the_quick_reference_exist(routes: set[str]):
    named = re.findall(r"`((?:GET|POST|DELETE) /[^`]+)`", read("reference/quick.md"))
    assert len(named) > 10
    assert [route for route in named if route not in routes] == []


# ------------------------------------------------------------------ code


PYTHON = [
    (name, at) for name in ("tutorial/first-steps.md", "how-to/clients.md") for at in range(len(blocks(name, "python")))
]


@pytest.mark.integration
@pytest.mark.parametrize(("name", "at"), PYTHON)
def test_python_of_a_page_runs(server: LiveServer, name: str, at: int):
    code = blocks(name, "python")[at].replace("http://127.0.0.1:8080", server.url)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.integration
@pytest.mark.parametrize("at", range(len(blocks("tutorial/first-steps.md", "sh"))))
def test_commands_of_the_tutorial_run(server: LiveServer, at: int):
    code = blocks("tutorial/first-steps.md", "sh")[at].replace("http://127.0.0.1:8080", server.url)
    done = subprocess.run(["bash", "-euc", code.replace("curl ", "curl --fail ")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
