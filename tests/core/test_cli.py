from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from heylook_core import __version__
from heylook_core.catalog import Catalog
from heylook_core.cli import main
from heylook_core.cli.invocation import Invocation
from heylook_core.cli.root import commands
from heylook_core.cli.serve import ready_text, serve
from heylook_core.plugins import Plugins
from heylook_core.settings import LoggingSettings, ModelEntry, Settings

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[2]

PROVIDER = """
    import msgspec
    from heylook_core.provider import Provider

    class Config(msgspec.Struct, forbid_unknown_fields=True):
        n_ctx: int = 0
        model_path: str = ""

    class Tiny(Provider):
        Config = Config

        def load(self): ...
"""

DIALECT = """
    from heylook_core.dialect import Dialect, Reply, operation

    class Morse(Dialect):
        name = "morse"
        prefixes = ("/morse",)
        default_port = 1844

        @operation("POST", "/morse/key", summary="Press the key")
        async def press(self, call): ...

        def error(self, error):
            return Reply()
"""

HOOKS = """
    import click
    from heylook_core.hookspecs import hookimpl

    @hookimpl
    def add_commands(commands):
        @commands.command()
        def greet():
            "Say hello."
            click.echo("hello")

        @commands.command()
        def serve():
            "Take over."

    @hookimpl
    def diagnose():
        return [("greeter", "warning", "It has lost its voice; drink something.")]
"""


@pytest.fixture(autouse=True)
def own_machine(tmp_path, monkeypatch):
    """No configuration, and no hook plugin but those that a test installs and names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("HEYLOOK_CONFIG", "HEYLOOK_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HEYLOOK_PLUGINS", "greeter")


@pytest.fixture
def tiny(site):
    entry_points = "[heylook.providers]\ntiny = tiny_cli:Tiny\n[heylook.dialects]\nmorse = morse_cli:Morse\n"
    site.install("heylook-tiny", entry_points, tiny_cli=PROVIDER, morse_cli=DIALECT)


@pytest.fixture
def greeter(site):
    site.install("heylook-greeter", "[heylook.plugins]\ngreeter = greeter_cli\n", greeter_cli=HOOKS)


@pytest.fixture
def run(capsys) -> Callable[..., tuple[int, str, str]]:
    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        return code, *capsys.readouterr()

    return run


def write_models(text: str) -> None:
    Path("models.yaml").write_text(textwrap.dedent(text))


@pytest.mark.parametrize("command", [commands, serve], ids=lambda command: command.name)
def test_every_log_flag_reaches_the_settings(command: click.Command) -> None:
    words = "--log-level WARNING --file-log-level DEBUG --log-dir there --log-rotate-mb 200 --log-rotate-count 5"
    context = command.make_context("heylookllm", [*words.split(), "--log-format", "json"])
    expected = LoggingSettings(
        level="WARNING", file_level="DEBUG", dir="there", rotate_mb=200, rotate_count=5, format="json"
    )
    assert Invocation(context).settings.logging == expected


# ------------------------------------------------------------------ start


def test_help_imports_nothing_heavy():
    heavy = "falcon uvicorn rich numpy msgspec yaml stevedore mlx mlx_lm llama_cpp transformers heylook_core.web"
    code = f"""
        import sys
        from heylook_core.cli import main
        assert main(["--help"]) == 0
        print(sorted(set({heavy.split()!r}) & set(sys.modules)))
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HEYLOOK_PLUGINS": ""}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)], capture_output=True, text=True, env=environment
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr
    assert done.stderr == ""


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_names_every_command_and_flag(run, option):
    code, out, err = run(option)
    assert (code, err) == (0, "")
    commands = "serve models plugins routes doctor --api --host --port --model-id --config --log-level --file-log-level"
    for word in f"{commands} --log-dir --log-rotate-mb --log-rotate-count --version".split():
        assert word in out


def test_version(run):
    assert run("--version") == (0, f"heylook {__version__}\n", "")


# ------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("frob",), "Error: No such command 'frob'."),
        (("--port", "high"), "Error: Invalid value for '--port': 'high' is not a valid integer range."),
        (("--port", "70000"), "Error: Invalid value for '--port': 70000 is not in the range 0<=x<=65535."),
        (("--port", "9", "models"), "Error: --port is for serving and has no effect on 'models'."),
        (("--config", "gone.yaml"), "Error: --config names gone.yaml, which is not a file; create it or name another."),
        (("--model-id", "gone"), "Error: Model 'gone' does not exist. No model is configured."),
        (("routes", "--api", "gopher"), "Error: No dialect is called 'gopher'"),
    ],
)
def test_errors_are_one_sentence_and_exit_code_2(run, arguments, sentence):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert sentence in err
    assert "Traceback" not in err


def test_debug_shows_the_traceback_of_an_error(run):
    for arguments in (
        ("--log-level", "DEBUG", "--config", "gone.yaml"),
        ("serve", "--log-level=debug", "--config=gone"),
    ):
        code, _, err = run(*arguments)
        assert code == 2
        assert "Traceback (most recent call last)" in err
        assert err.splitlines()[-1].startswith("Error: --config names gone")


def test_a_mistake_in_models_yaml_stops_the_start(run, tiny):
    write_models("models:\n- {id: a, provider: tiny, config: {n_ctxx: 1}}\n")
    code, _, err = run()
    assert code == 2
    expected = "models.yaml, line 1: models[0].config.n_ctxx: there is no such key; did you mean `n_ctx`?"
    assert err.splitlines()[-1] == f"Error: {expected}".replace("line 1", "line 2")


def test_a_default_model_that_does_not_exist_names_its_line(run):
    write_models("max_loaded_models: 1\ndefault_model: a\n")
    code, _, err = run("models")
    assert code == 2
    assert err.startswith("Error: models.yaml, line 2: default_model: The default model 'a' does not exist.")


# ------------------------------------------------------------------ commands of plugins


def test_commands_of_plugins_are_listed_and_run(run, greeter):
    assert re.search(r"greet +Say hello\.", run("--help")[1])
    assert run("greet") == (0, "hello\n", "")


def test_a_plugin_cannot_take_the_place_of_a_command(run, greeter):
    assert "Take over" not in run("--help")[1]


def test_a_disabled_plugin_adds_no_command(run, greeter):
    write_models("plugins: {disabled: [greeter]}\n")
    assert "greet" not in run("--help")[1]
    assert "greeter_cli" not in sys.modules


def test_a_broken_plugin_or_configuration_does_not_harm_help(run, site):
    site.install("heylook-greeter", "[heylook.plugins]\ngreeter = broken_cli\n", broken_cli="raise SystemExit(9)")
    write_models("plugins: {disabled: 7\n")
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    assert "doctor" in out


# ------------------------------------------------------------------ plugins


def test_plugins_are_listed_as_a_table_and_as_json(run, tiny):
    code, out, _ = run("plugins")
    assert code == 0
    assert out.splitlines()[0].split() == ["GROUP", "NAME", "FROM", "STATE", "NOTE"]
    assert ["providers", "tiny", "heylook-tiny", "1.0", "found"] in [line.split() for line in out.splitlines()]
    rows = json.loads(run("plugins", "--json")[1])
    assert {
        "group": "heylook.providers",
        "name": "tiny",
        "dist": "heylook-tiny",
        "version": "1.0",
        "state": "found",
        "error": "",
        "unusable": "",
    } in rows


def test_a_plugin_that_can_do_nothing_on_this_machine_says_so_in_the_list(run, site, monkeypatch):
    monkeypatch.setenv("HEYLOOK_PLUGINS", "elsewhere")
    site.install("heylook-elsewhere", "[heylook.plugins]\nelsewhere = elsewhere_cli\n", elsewhere_cli=UNUSABLE)
    line = next(line for line in run("plugins")[1].splitlines() if "elsewhere" in line)
    assert line.endswith("It needs a typewriter.")
    row = next(row for row in json.loads(run("plugins", "--json")[1]) if row["name"] == "elsewhere")
    assert (row["error"], row["unusable"]) == ("", "It needs a typewriter.")


UNUSABLE = """
from heylook_core.hookspecs import hookimpl

@hookimpl
def unusable():
    return "It needs a typewriter."
"""


def test_checking_plugins_imports_them_and_fails_if_one_fails(run, site, monkeypatch):
    monkeypatch.setattr(
        sys, "path", [path for path in sys.path if not list(Path(path or ".").glob("heylook*.dist-info"))]
    )
    site.install("heylook-good", "[heylook.providers]\ngood = good_cli:Tiny\n", good_cli=PROVIDER)
    code, out, _ = run("plugins", "--check")
    assert (code, "loaded" in out) == (0, True)
    site.install("heylook-bad", "[heylook.sinks]\nbad = nowhere:Sink\n")
    assert run("plugins")[0] == 0
    code, out, err = run("plugins", "--check")
    assert (code, err) == (1, "")
    assert "ModuleNotFoundError: No module named 'nowhere'" in out


# ------------------------------------------------------------------ models


def test_models_are_listed(run, tiny):
    write_models("""
        default_model: b
        models:
        - {id: a, provider: tiny, aliases: [x, y], description: The first}
        - {id: b, provider: tiny}
        - {id: c, provider: tiny, enabled: false}
    """)
    code, out, _ = run("models")
    assert code == 0
    assert out.splitlines() == [
        "ID           PROVIDER  ALIASES  FROM         DESCRIPTION",
        "a            tiny      x, y     models.yaml  The first",
        "b (default)  tiny               models.yaml",
    ]
    assert [row["id"] for row in json.loads(run("models", "list", "--json")[1])] == ["a", "b"]
    assert run("models", "--json") == run("models", "list", "--json")


def test_checking_models_names_every_fault(run, tiny):
    write_models("""
        models:
        - {id: a, provider: tiny, config: {n_ctxx: 1}}
        - {id: b, provider: huge}
        - {id: c, provider: tiny, config: {model_path: /no/such/place}}
        - {id: d, provider: tiny, config: {model_path: org/name}}
    """)
    code, out, _ = run("models", "check")
    assert code == 1
    lines = out.splitlines()
    assert [line.split()[0] for line in lines[:5]] == ["ID", "a", "b", "c", "d"]
    assert "huge (not installed)" in lines[2]
    assert lines[3].split()[:2] == ["c", "missing"]
    assert lines[5].endswith("models[0].config.n_ctxx: there is no such key; did you mean `n_ctx`?")
    assert lines[6].startswith("b: No provider is called 'huge'")
    assert lines[7] == "c: Model 'c': model_path is /no/such/place, where there is nothing."
    assert lines[8] == "4 models of models.yaml and plugins: 3 with a fault"
    rows = json.loads(run("models", "check", "--json")[1])["models"]
    assert [(row["found"], row["installed"], bool(row["fault"])) for row in rows] == [
        (True, True, True),
        (True, False, True),
        (False, True, True),
        (True, True, False),
    ]


def test_checking_right_models_exits_with_0(run, tiny):
    write_models("models: [{id: a, provider: tiny}]\n")
    code, out, err = run("models", "check")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "ID  FILES  PROVIDER  MEMORY   CAPABILITIES",
        "a   -      tiny      unknown  known once loaded",
        "1 model of models.yaml and plugins: no fault found",
    ]


def test_checking_names_places_of_a_scan_where_nothing_is(run, tiny):
    write_models("scan:\n- folder: /no/such/place\n")
    code, out, _ = run("models", "check")
    assert code == 1
    assert out.splitlines()[0] == "models.yaml, line 2: scan[0].folder: /no/such/place: There is no such folder."


# ------------------------------------------------------------------ routes


def test_routes_are_listed_with_their_dialect(run, tiny):
    code, out, _ = run("routes", "--api", "morse")
    assert code == 0
    rows = [line.split(maxsplit=3) for line in out.splitlines()[1:]]
    assert ["GET", "/health", "health", "Whether the server can answer"] in rows
    assert ["GET", "/openapi.json", "description", "This description"] in rows
    assert [row for row in rows if row[2] == "morse"] == [["POST", "/morse/key", "morse", "Press the key"]]
    listed = json.loads(run("routes", "--json", "--api", "morse")[1])
    assert [(row["path"], row["method"]) for row in listed] == [(row[1], row[0]) for row in rows]


# ------------------------------------------------------------------ doctor


def findings(run: Callable[..., tuple[int, str, str]], *arguments: str) -> tuple[int, dict[str, dict[str, str]]]:
    code, out, err = run("doctor", "--json", "--api", "morse", *arguments)
    assert err == ""
    return code, {row["subject"]: row for row in json.loads(out)}


def test_doctor_finds_a_healthy_installation_healthy(run, tiny, greeter):
    write_models("server: {port: 0}\nmodels: [{id: a, provider: tiny}]\n")
    code, found = findings(run)
    assert code in (0, 1)  # other providers of this environment may be broken
    assert found["config"]["text"] == "models.yaml; 1 model"
    assert found["port"]["state"] == "ok"
    assert found["greeter"] == {
        "subject": "greeter",
        "state": "warning",
        "text": "It has lost its voice; drink something.",
    }
    assert {"python", "platform", "accelerator", "memory", "disk", "backends"} <= found.keys()


def test_doctor_says_what_to_install_where_there_is_no_backend(run, monkeypatch, site, tmp_path):
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    code, out, _ = run("doctor", "--json")
    (backends,) = [row for row in json.loads(out) if row["subject"] == "backends"]
    assert code == 1
    assert "pip install heylook-" in backends["text"]


def test_doctor_finds_broken_plugins_and_a_taken_port(run, tiny, site):
    site.install("heylook-bad", "[heylook.providers]\nbad = nowhere:Bad\n[heylook.sinks]\nsad = nowhere:Sad\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        write_models(f"server: {{port: {port}}}\nplugins: {{disabled: [ghost]}}\n")
        code, out, _ = run("doctor", "--json", "--api", "morse")
    text = "\n".join(f"{row['state']} {row['text']}" for row in json.loads(out))
    assert code == 1
    assert f"error Port {port} on 127.0.0.1 is already in use" in text
    assert "error The provider 'bad' of heylook-bad 1.0 cannot be used: ModuleNotFoundError" in text
    assert "error heylook.sinks:sad of heylook-bad 1.0 cannot be used" in text
    assert "warning plugins.disabled names 'ghost', which is not installed" in text


@pytest.mark.parametrize("text", ["server: [\n", "sever: 1\n", "default_model: x\n"])
def test_doctor_survives_a_broken_configuration(run, tiny, text):
    write_models(text)
    code, found = findings(run)
    assert code == 1
    assert found["config"]["state"] == "error"
    assert found["config"]["text"].startswith("models.yaml, line")
    assert "backends" in found


def test_doctor_prints_lines_for_people(run, tiny):
    out = run("doctor")[1]
    assert any(line.split()[:3] == ["ok", "python", "Python"] for line in out.splitlines())


# ------------------------------------------------------------------ the ready line


def test_the_ready_line_has_addresses_models_and_commands_to_paste(site):
    models = (ModelEntry(id="a", provider="p"), ModelEntry(id="b", provider="p"))
    catalog = Catalog(Settings(models=models, default_model="b"), Plugins(only=()))
    assert ready_text(("http://127.0.0.1:8080",), ("curl x",), catalog).splitlines() == [
        f"heylook {__version__} is ready: http://127.0.0.1:8080",
        "Models: a, b (default)",
        "Try:",
        "  curl x",
        "Ctrl-C stops the server.",
    ]


def test_the_ready_line_without_models_says_how_to_get_some():
    text = ready_text(("http://x",), ("curl x",), Catalog(Settings(), Plugins(only=())))
    assert "Models: none; `heylookllm doctor` says what is missing" in text
    assert "curl" not in text
