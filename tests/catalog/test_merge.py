"""`import --merge`: what people have written stays, comments included."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings, strategies

from .conftest import Run
from .tree import LLAMA, write_gguf

pytestmark = pytest.mark.unit

MINE = """\
# My models.
default_model: one   # the one I like

models:
  # the first
  - id: one
    provider: "gguf"     # quoted
    config:
      model_path: ~/models/a.gguf   # by hand
      temperature: 0.1
  # the last

# How it listens.
server:
  port: 9123   # mine
# the end
"""
ADDED = """\
  - id: b
    provider: gguf
    description: llama, 64.1k parameters, Q4_K_M, 257 kB
    tags: [gguf, llama]
    config:
      model_path: HOME/models/b.gguf
      n_ctx: 4096
"""


@pytest.fixture(autouse=True)
def models(home: Path) -> Path:
    for name in ("a", "b"):
        write_gguf(home / "models" / f"{name}.gguf", {**LLAMA, "general.name": name})
    return home / "models"


def merge(run: Run, *arguments: str, into: str = "models.yaml") -> tuple[str, str, str]:
    """Output, errors, and the file afterwards."""
    code, out, err = run("import", "--folder", "models", "--merge", "--output", into, *arguments)
    assert code == 0, err
    return out, err, Path(into).read_text()


def test_what_is_new_is_added_and_the_rest_stays_byte_for_byte(run: Run, home: Path) -> None:
    Path("models.yaml").write_text(MINE)
    out, _, after = merge(run)
    added = ADDED.replace("HOME", str(home))
    before, last, rest = MINE.partition("  # the last\n")
    assert after == before + added + last + rest
    assert out.endswith("1 model added in models.yaml\n")


def test_the_diff_is_shown(run: Run, home: Path) -> None:
    Path("models.yaml").write_text(MINE)
    out, _, _ = merge(run)
    lines = out.splitlines()
    assert lines[:2] == ["--- models.yaml", "+++ models.yaml"]
    assert [line[1:] for line in lines if line.startswith("+")][1:] == ADDED.replace("HOME", str(home)).splitlines()
    assert not [line for line in lines[2:] if line.startswith("-")]


def test_merging_twice_changes_nothing(run: Run) -> None:
    Path("models.yaml").write_text(MINE)
    _, _, once = merge(run, "--profile", "fast")
    out, _, twice = merge(run, "--profile", "fast")
    assert once == twice
    assert out == "models.yaml has all of them already; nothing is written.\n"


def test_hand_edits_survive_and_a_profile_fills_in_what_is_missing(run: Run) -> None:
    Path("models.yaml").write_text(MINE)
    _, err, after = merge(run, "--profile", "fast")
    (one, _) = yaml.safe_load(after)["models"]
    assert one["config"] == {
        "model_path": "~/models/a.gguf",
        "temperature": 0.1,
        "top_k": 10,
        "min_p": 0.1,
        "max_tokens": 256,
        "repetition_penalty": 1.0,
        "type_k": "f16",
        "type_v": "f16",
    }
    assert "note: one keeps temperature: 0.1, as the file says." in err
    for line in MINE.splitlines():
        assert line in after.splitlines()


def test_a_key_that_was_taken_out_by_hand_does_not_come_back(run: Run) -> None:
    Path("models.yaml").write_text("models: []\n")
    _, _, after = merge(run)
    edited = after.replace("      n_ctx: 4096\n", "").replace("id: b", "id: mine # renamed")
    Path("models.yaml").write_text(edited)
    assert merge(run)[2] == edited


def test_a_disabled_model_stays_disabled(run: Run) -> None:
    text = "models:\n- {id: x, provider: gguf, enabled: false, config: {model_path: ./models/b.gguf}}\n"
    Path("models.yaml").write_text(text)
    _, _, after = merge(run)
    assert after.startswith(text)
    assert [entry["id"] for entry in yaml.safe_load(after)["models"]] == ["x", "a"]


def test_another_model_of_the_same_name_gets_a_name_of_its_own(run: Run, home: Path) -> None:
    write_gguf(home / "elsewhere" / "b.gguf", LLAMA)
    text = f"models:\n  - id: b\n    provider: gguf\n    config: {{model_path: {home}/elsewhere/b.gguf}}\n"
    Path("models.yaml").write_text(text)
    _, _, after = merge(run)
    assert [entry["id"] for entry in yaml.safe_load(after)["models"]] == ["b", "a", "models/b"]
    assert merge(run)[2] == after


def test_a_model_that_is_gone_is_kept_and_told(run: Run) -> None:
    Path("models.yaml").write_text(MINE.replace("models/a.gguf", "models/gone.gguf"))
    _, err, after = merge(run)
    assert "note: one: " in err
    assert "gone.gguf is not there any more" in err
    assert [entry["id"] for entry in yaml.safe_load(after)["models"]] == ["one", "a", "b"]


def test_keys_that_the_provider_would_refuse_together_are_not_added(run: Run) -> None:
    Path("models.yaml").write_text(MINE.replace("temperature: 0.1", "repeat_penalty: 1.2"))
    _, err, after = merge(run, "--profile", "fast")
    assert "note: one stays as it is: " in err
    assert "keep one of them" in err
    assert yaml.safe_load(after)["models"][0]["config"] == {"model_path": "~/models/a.gguf", "repeat_penalty": 1.2}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only a comment\n",
        "models: []  # none yet\n",
        "models: []\nserver: {port: 1}\n",
        "server:\n    port: 1 # four spaces\nmodels:\n- id: x\n  provider: toy\n# the end\n",
        "models:\n- id: x\n  provider: toy\n  tags: [a,   b] # odd\n  config: {}\n\n\nlogging: {level: INFO}\n",
        "models:\n    -   id: x\n        provider: toy\n",
        "models:\n  - id: x\n    provider: toy\n    description: >\n      folded\n      text\n\n# tail\n",
        "models:\n  - &a {id: x, provider: toy}\n  - {<<: *a, id: y}\n",
        "models:\n  - id: 'on'\n    provider: toy\n    description: \"1.5\"\nserver: {port: 0x1F}\n",
        "models: [{id: x, provider: toy}]\n",
        "models:\n  - id: x\n    provider: toy",
    ],
)
def test_any_layout_keeps_its_meaning_and_its_comments(run: Run, text: str) -> None:
    Path("models.yaml").write_text(text)
    before = yaml.safe_load(text) or {}
    _, _, after = merge(run)
    data = yaml.safe_load(after)
    models = data.pop("models")
    assert models[:-2] == (before.pop("models", None) or [])
    assert [entry["id"] for entry in models[-2:]] == ["a", "b"]
    assert data == before
    for line in text.splitlines():
        assert line.partition("#")[2] in after
    assert merge(run)[2] == after


@pytest.mark.parametrize(
    "text",
    [
        "---\n# doc\nmodels:\n- id: x\n  provider: toy\n",
        "server: &unused   # named for later\n  port: 9\nmodels:\n- id: x\n  provider: toy\n",
        "models:\n  - id:   x # spaces\n    provider: toy\n    tags: [a,   b]\n# tail\n",
        "models:\r\n- id: x # c\r\n  provider: toy\r\n",
        "\ufeffmodels:\n- id: x\n  provider: toy\n",
        "%YAML 1.1\n---\nmodels:\n- id: x\n  provider: toy\n...\n",
    ],
)
def test_lines_that_do_not_change_stay_byte_for_byte(run: Run, text: str) -> None:
    Path("models.yaml").write_bytes(text.encode())
    merge(run)
    after = Path("models.yaml").read_bytes().decode()
    written = iter(after.split("\n"))
    assert all(line in written for line in text.split("\n"))
    assert [entry["id"] for entry in yaml.safe_load(after)["models"]] == ["x", "a", "b"]
    assert ("\r\n" in text) == ("\r\n" in after)
    assert not re.search("[^\r]\n", after) or "\r\n" not in text


LINES = MINE.splitlines()


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    strategies.lists(strategies.tuples(strategies.integers(0, len(LINES)), strategies.integers(0, 8)), max_size=6),
    strategies.sampled_from([(), ("--profile", "memory"), ("--override", "seed=3")]),
)
def test_comments_anywhere_stay_where_they_are(
    run: Run, comments: list[tuple[int, int]], arguments: tuple[str, ...]
) -> None:
    lines = list(LINES)
    for number, (place, indent) in enumerate(comments):
        lines.insert(place, f"{' ' * indent}# comment {number}")
    Path("models.yaml").write_text("\n".join(lines) + "\n")
    _, _, after = merge(run, *arguments)
    written = iter(after.splitlines())
    assert all(line in written for line in lines)
    assert merge(run, *arguments)[2] == after


def test_names_that_yaml_takes_for_something_else_are_quoted(run: Run, models: Path) -> None:
    for name in ("on", "1.5", "null"):
        write_gguf(models / f"{name}.gguf", {**LLAMA, "general.name": name})
    Path("models.yaml").write_text(MINE)
    _, _, after = merge(run)
    assert [entry["id"] for entry in yaml.safe_load(after)["models"]] == ["one", "1.5", "b", "null", "on"]
    assert run("models", "list")[0] == 0


def test_without_output_the_models_yaml_in_use_is_merged_into(run: Run, home: Path) -> None:
    place = home / ".config" / "heylook" / "models.yaml"
    place.parent.mkdir(parents=True)
    place.write_text(MINE)
    code, out, _ = run("import", "--folder", "models", "--merge")
    assert (code, out.endswith(f"1 model added in {place}\n")) == (0, True)


def test_without_any_file_merging_makes_one(run: Run) -> None:
    assert run("import", "--folder", "models", "--merge")[0] == 0
    assert [entry["id"] for entry in yaml.safe_load(Path("models.yaml").read_text())["models"]] == ["a", "b"]


def test_a_dry_run_writes_nothing(run: Run) -> None:
    Path("models.yaml").write_text(MINE)
    out, _, after = merge(run, "--dry-run")
    assert after == MINE
    assert "+  - id: b" in out
    assert out.endswith("Nothing is written.\n")


@pytest.mark.parametrize("text", ["models: [\n", "modls: []\n", "models:\n- {id: a}\n"])
def test_a_file_with_a_mistake_is_left_alone(run: Run, text: str) -> None:
    Path("models.yaml").write_text(text)
    code, _, err = run("import", "--folder", "models", "--merge")
    assert (code, "models.yaml, line" in err) == (2, True)
    assert Path("models.yaml").read_text() == text


def test_a_link_is_followed_and_permissions_are_kept(run: Run) -> None:
    real = Path("real.yaml")
    real.write_text(MINE)
    real.chmod(0o600)
    Path("models.yaml").symlink_to(real)
    merge(run)
    assert Path("models.yaml").is_symlink()
    assert real.stat().st_mode & 0o777 == 0o600
    assert "id: b" in real.read_text()


def test_without_the_library_the_error_names_the_extra(home: Path) -> None:
    Path("models.yaml").write_text(MINE)
    code = (
        "import sys\nsys.modules['ruamel'] = sys.modules['ruamel.yaml'] = None\n"
        "from heylook_core.cli import main\nsys.exit(main(['import', '--folder', 'models', '--merge']))"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={"HOME": str(home), "PYTHONPATH": str(root)}
    )
    assert done.returncode == 2
    assert "pip install 'heylook[import]'" in done.stderr
    assert Path("models.yaml").read_text() == MINE
