"""docs/reference/ollama.md is held to the code."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from heylook_api_ollama.config import OllamaConfig
from heylook_api_ollama.dialect import OllamaDialect
from heylook_api_ollama.options import LOAD_OPTIONS, OPTIONS
from heylook_api_ollama.schema import (
    OllamaChatRequest,
    OllamaEmbeddingsRequest,
    OllamaEmbedRequest,
    OllamaGenerateRequest,
    OllamaMessage,
)
from heylook_core.config import load_settings

pytestmark = pytest.mark.unit

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "ollama.md").read_text(encoding="utf-8")


def named(rows: str) -> set[str]:
    """What stands between backquotes in the first cells of the tables."""
    cells = [line.split("|")[1] for line in rows.splitlines() if line.startswith("|")]
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def section(title: str) -> str:
    return PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_every_route_is_listed_and_no_other():
    routes = {f"{operation.method} {operation.path}" for _, operation in OllamaDialect.handlers()}
    assert named(PAGE.partition("\n## ")[0]) == routes


def test_every_field_is_listed_and_no_other():
    structs = (OllamaChatRequest, OllamaGenerateRequest, OllamaMessage)
    fields = {field.encode_name for struct in structs for field in msgspec.structs.fields(struct)} - {"role"}
    assert named(section("Fields of `POST /api/chat` and `POST /api/generate`")) == fields
    structs_ = (OllamaEmbedRequest, OllamaEmbeddingsRequest)
    fields = {field.encode_name for struct in structs_ for field in msgspec.structs.fields(struct)} - {"model"}
    assert named(section("Fields of `POST /api/embed` and `POST /api/embeddings`")) == fields


def test_every_option_is_listed_and_no_other():
    assert named(section("`options`")) == {*OPTIONS, *LOAD_OPTIONS}


def test_settings_of_the_page_are_read_and_are_the_defaults(tmp_path: Path):
    text = PAGE.partition("```yaml\n")[2].partition("```")[0]
    (tmp_path / "models.yaml").write_text(text)
    settings = load_settings(tmp_path / "models.yaml").settings
    assert settings.keep_alive == 300
    assert msgspec.convert(settings.dialects["ollama"], OllamaConfig) == OllamaConfig()
