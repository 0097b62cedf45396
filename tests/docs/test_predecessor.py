"""The page for those who come from heylookitsanllm: what it names in place of something is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from commands import every_command

from heylook_core.entrypoints import SINKS
from heylook_core.plugins import Plugins

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "explanation" / "coming-from-heylookitsanllm.md"
NONE = "none"


def rows(heading: str) -> list[list[str]]:
    """The table under a heading, without its first two lines, and its code without marks."""
    part = PAGE.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.mark.integration
def test_what_replaces_the_predecessors_routes_exists(routes: set[str]):
    replaced = [row[1] for row in rows("Endpoints")]
    assert len(replaced) > 40
    assert [one for one in replaced if one.startswith(("GET", "POST", "DELETE", "HEAD")) and one not in routes] == []
    others = {one for one in replaced if not one.startswith(("GET", "POST", "DELETE", "HEAD"))}
    assert others == {"none", "heylookllm analytics query"}


@pytest.mark.unit
def test_what_replaces_the_predecessors_commands_exists():
    known = {one.command_path.removeprefix("heylookllm").strip(): one.command for one in every_command()}
    for _, here, *_ in rows("Commands"):
        name, _, option = here.removeprefix("heylookllm").strip().partition("--")
        if name.strip() == "setup.sh":
            continue
        command = known[name.strip()]
        assert not option or any(f"--{option}" in one.opts for one in command.params), here


@pytest.mark.unit
def test_scripts_and_packages_that_are_named_exist():
    for there, here, _ in rows("Scripts and packages"):
        assert here == NONE or (ROOT / here).exists(), there


@pytest.mark.unit
def test_settings_of_analytics_that_are_named_exist():
    plugins = Plugins()
    if "duckdb" not in plugins.names(SINKS):
        pytest.skip("heylook-duckdb is not installed")
    keys = {field.encode_name for field in msgspec.structs.fields(plugins.load(SINKS, "duckdb").Config)}
    found = rows("Settings of analytics")
    assert {variable for _, variable, *_ in found} == {f"HEYLOOK_ANALYTICS_{there.upper()}" for there, *_ in found}
    assert keys == {here for _, _, here, _ in found} - {"plugins.sinks", NONE}


@pytest.mark.unit
def test_tables_and_columns_that_are_named_exist():
    schema = pytest.importorskip("heylook_duckdb.schema")
    known = {*schema.TABLES, *(f"{table}.{name}" for table, columns in schema.TABLES.items() for name in columns)}
    found = rows("Tables of analytics")
    assert len(found) > 25
    assert {here for _, here, _ in found} - {NONE} <= known


@pytest.mark.integration
def test_fields_of_requests_are_taken_as_json_and_in_forms(document: dict[str, Any]):
    chat = document["components"]["schemas"]["OpenAIChatRequest"]["properties"]
    form = document["paths"]["/v1/chat/completions/multipart"]["post"]["requestBody"]["content"]
    fields = {here for _, here, _ in rows("Fields of requests")}
    assert len(fields) > 15
    assert fields <= chat.keys()
    assert fields - {"include_performance"} <= form["multipart/form-data"]["schema"]["properties"].keys()
