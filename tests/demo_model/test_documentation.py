"""What the demo model says about heylook is true of the product that is here."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from heylook_api_ollama.dialect import OllamaDialect
from heylook_api_openai.dialect import OpenAIDialect
from heylook_api_openai.errors import wording
from heylook_core import errors
from heylook_core.cli.root import commands as root
from tools.demo_model.documentation import ABOUT_HEYLOOK, TOPICS
from tools.demo_model.shape import SHAPE

pytestmark = pytest.mark.unit

HERE = Path(__file__).resolve().parents[2]
ANSWERS = [topic.answer for topic in ABOUT_HEYLOOK]
# Their commands and routes are there only where they are installed.
OF_PLUGINS = {"analytics": "plugins/duckdb", "/docs": "plugins/docs_ui", "/playground": "plugins/playground"}


def found(pattern: str) -> set[Any]:
    return {match for answer in ANSWERS for match in re.findall(pattern, answer)}


def pages(*names: str) -> str:
    return "\n".join((HERE / "docs" / name).read_text(encoding="utf-8") for name in names)


def reference() -> str:
    named = sorted((HERE / "docs").rglob("*.md"))
    return "\n".join(page.read_text(encoding="utf-8") for page in named if "generated" not in page.parts)


def answer_to(question: str) -> str:
    (topic,) = [topic for topic in TOPICS if question in topic.questions()]
    return topic.answer


def every_command(group: click.Group, name: str = "heylookllm") -> dict[str, click.Command]:
    known = {name: group}
    for below, command in group.commands.items():
        whole = f"{name} {below}"
        known |= every_command(command, whole) if isinstance(command, click.Group) else {whole: command}
    return known


def test_every_command_exists():
    known = every_command(root)
    said = found(r"(heylookllm(?: [a-z]+)+)")
    assert len(said) > 8
    for words in said:
        whole = words.split(" in ")[0].split(" and ")[0].split(" says")[0]
        first = whole.split()[1] if " " in whole else ""
        if first in OF_PLUGINS:
            assert f"`{whole}`" in pages("reference/quick.md")
            assert (HERE / OF_PLUGINS[first]).is_dir()
        else:
            assert whole in known


def test_every_option_exists_where_it_is_said_to_be():
    known = every_command(root)
    said = {(command, option) for answer in ANSWERS for command, option in _options(answer)}
    assert len(said) > 10
    for command, option in said:
        assert option in {name for parameter in known[command].params for name in parameter.opts}, (command, option)


def _options(answer: str) -> list[tuple[str, str]]:
    """Options and the command before them; without one, and where the server is started, it is the server's."""
    if answer.startswith("Run ./"):
        return []
    words = re.match(r"Run (heylookllm(?: [a-z]+)?) --", answer)
    parts = answer.partition(", then start with ")
    commands = (words[1] if words else "heylookllm", "", "heylookllm")
    return [
        (command, option)
        for command, part in zip(commands, parts, strict=True)
        for option in re.findall(r"--[a-z-]+", part)
    ]


def test_every_route_is_served():
    listed = CliRunner().invoke(root, ["routes", "--json"], catch_exceptions=False).stdout
    served = [(row["method"], re.sub(r"{[^}]*}", ".+", row["path"])) for row in json.loads(listed)]
    said = found(r"(?:(GET|POST|DELETE) )?(?<![\w.:/~])(/[a-z][\w/]*)")
    assert len(said) > 12
    for method, path in said:
        if path in OF_PLUGINS:
            assert (HERE / OF_PLUGINS[path]).is_dir()
        elif path != "/v1":
            assert any(re.fullmatch(known, path) and method in ("", verb) for verb, known in served), path


def test_every_variable_is_documented():
    said = found(r"\b[A-Z]{3,}_[A-Z_]+\b")
    assert {"HEYLOOK_API_KEY", "HEYLOOK_ADMIN_TOKEN", "CMAKE_ARGS"} <= said
    assert [name for name in sorted(said) if name not in reference()] == []


def test_every_key_and_field_is_in_the_reference():
    said = found(r"\b[a-z]+_[a-z_]+\b|\b(?:plugins|server|images)\.[a-z_]+\b") | {"pin", "enabled", "aliases", "stop"}
    assert {"max_loaded_models", "memory_budget", "plugins.disabled", "server.cors_origins"} <= said
    known = reference()
    assert [name for name in sorted(said - {"base_url"}) if not re.search(rf"[`. ]{re.escape(name)}\b", known)] == []


def test_ports_are_those_of_the_dialects():
    assert answer_to("What is the default port?") == f"The default port is {OpenAIDialect.default_port}."
    assert answer_to("What is the Ollama port?") == f"The Ollama port is {OllamaDialect.default_port}."
    assert found(r"127\.0\.0\.1:(\d+)") == {str(OpenAIDialect.default_port), str(OllamaDialect.default_port)}


def test_versions_and_license_are_those_of_the_package():
    project = tomllib.loads((HERE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert answer_to("Which Python do I need?") == f"You need Python {project['requires-python'][2:]} or newer."
    assert answer_to("What is the license?") == f"heylook has the {project['license']} license."


@pytest.mark.parametrize(
    ("kind", "status", "reason"),
    [
        (errors.ModelNotFound, 404, "The model id is not in the list of models."),
        (errors.AuthenticationFailed, 401, "The request needs an API key."),
        (errors.Busy, 429, "Too many requests wait. Try again later."),
        (errors.Unavailable, 503, "There is no room for the model, or it cannot be loaded."),
        (errors.LoadFailed, 503, "There is no room for the model, or it cannot be loaded."),
    ],
)
def test_errors_have_the_status_that_it_explains(kind: type[errors.HeylookError], status: int, reason: str):
    assert wording(kind("x")).status == status
    assert answer_to(f"Error {status}") == reason


def test_libraries_that_it_explains_are_needed():
    project = tomllib.loads((HERE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {re.split(r"\W", entry)[0].lower() for entry in project["dependencies"]}
    explained = {
        words[1].lower() for answer in ANSWERS if (words := re.match(r"(Falcon|pluggy|msgspec|uvicorn) ", answer))
    }
    assert explained == {"falcon", "pluggy", "msgspec", "uvicorn"}
    assert explained <= needed


def test_folders_are_those_of_the_documentation():
    assert found(r"~/[\w./]*\w") == {"~/.config/heylook", "~/.cache/heylook/models"}
    assert "`~/.cache/heylook/models`" in pages("reference/config.md")
    assert "`~/.config/heylook/models.yaml`" in pages("reference/config.md")
    assert (HERE / "docs").is_dir()


def test_commands_of_setup_exist():
    script = (HERE / "setup.sh").read_text(encoding="utf-8")
    for words in found(r"\./setup\.sh ([a-z]+(?: [a-z]+)?)"):
        command, _, plugin = words.partition(" ")
        assert f"./setup.sh {command} " in script
        assert plugin in ("", "in") or (HERE / "plugins" / plugin).is_dir()


def test_backends_are_the_plugins_that_are_here():
    assert answer_to("List the backends.") == "There are backends for MLX, for GGUF and for speech."
    assert {"mlx", "gguf", "onnx_stt", "coreml_stt"} <= {path.name for path in (HERE / "plugins").iterdir()}


def test_the_size_that_it_tells_is_its_own():
    names = {3: "three", 4: "four", 5: "five", 6: "six"}
    said = names[round(SHAPE.parameters() / 1e6)]
    assert answer_to("How big are you?") == f"I have about {said} million parameters."
