"""Sinks by models.yaml and by HEYLOOK_ANALYTICS_…, rotation of JSON lines, and texts that are asked for."""

from __future__ import annotations

import errno
import json
import logging

import httpx
import msgspec
import pytest

from heylook_core.analytics import JsonLinesConfig, JsonLinesSink, Sink
from heylook_core.config import environment, load_settings
from heylook_core.errors import ConfigError, PluginError
from heylook_core.messages import AudioPart, ChatRequest, ImagePart, Message, Text, TextPart, ToolArgs, ToolOpen
from heylook_core.overheard import AUDIO, IMAGE, Overheard
from heylook_core.plugins import Plugins
from heylook_core.settings import PluginSettings, Settings, SinkSettings
from heylook_core.sinks import Wanted, attached, wanted
from heylook_core.testkit.server import live_server, toy_settings
from heylook_core.testkit.sink_contract import PLAIN

pytestmark = pytest.mark.integration


@pytest.fixture
def plugins() -> Plugins:
    return Plugins(only=())


def settings(*sinks: str | SinkSettings) -> Settings:
    return Settings(plugins=PluginSettings(sinks=sinks))


def test_without_variables_the_sinks_of_the_file_are_taken(plugins):
    found = wanted(settings("jsonl", SinkSettings(name="duckdb", config={"retention_days": 3})), {}, plugins)
    assert [(sink.name, sink.config) for sink in found] == [("jsonl", {}), ("duckdb", {"retention_days": 3})]


@pytest.mark.parametrize("yes", ["true", "1", "YES", " on "])
def test_enabled_adds_the_sink_once(plugins, yes):
    assert [sink.name for sink in wanted(settings("jsonl"), {"ENABLED": yes}, plugins)] == ["jsonl", "duckdb"]
    assert [sink.name for sink in wanted(settings("duckdb"), {"ENABLED": yes}, plugins)] == ["duckdb"]


def test_not_enabled_takes_the_sink_away_and_leaves_others(plugins):
    assert [sink.name for sink in wanted(settings("duckdb", "jsonl"), {"ENABLED": "false"}, plugins)] == ["jsonl"]


def test_a_variable_overrides_the_key_of_its_name(plugins):
    variables = {
        "ENABLED": "true",
        "STORAGE_LEVEL": "full",
        "DB_PATH": "x.db",
        "RETENTION_DAYS": "7",
        "MAX_DB_SIZE_MB": "50",
        "ANONYMIZE_CONTENT": "true",
        "EXPORT_FORMATS": "csv, parquet",
        "LOG_IMAGES": "false",
    }
    file = settings(SinkSettings(name="duckdb", config={"retention_days": 3, "storage_level": "basic"}))
    [sink] = wanted(file, variables, plugins)
    assert sink.config == {
        "storage_level": "full",
        "db_path": "x.db",
        "retention_days": 7,
        "max_db_size_mb": 50,
        "anonymize_content": True,
        "export_formats": ("csv", "parquet"),
    }


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("ENABLED", "perhaps"),
        ("STORAGE_LEVEL", "everything"),
        ("RETENTION_DAYS", "0"),
        ("RETENTION_DAYS", "many"),
        ("EXPORT_FORMATS", "csv,word"),
        ("LOG_IMAGES", "some"),
        ("RETENTION", "7"),
    ],
)
def test_a_variable_that_says_nothing_is_named(plugins, variable, text):
    with pytest.raises(ConfigError, match=f"HEYLOOK_ANALYTICS_{variable} is "):
        wanted(settings("duckdb"), {variable: text}, plugins)


def test_enabled_without_the_plugin_is_one_warning_and_no_failure(caplog):
    with caplog.at_level(logging.WARNING):
        assert wanted(settings("jsonl"), {"ENABLED": "true"}, Plugins(["duckdb"], only=()))[1:] == []
    [line] = caplog.records
    assert line.message.startswith("HEYLOOK_ANALYTICS_ENABLED is set, but nothing is recorded: ")
    assert line.message.endswith("install heylook-duckdb with: pip install heylook-duckdb")


def test_images_are_never_stored_and_the_variable_says_so(plugins, caplog):
    with caplog.at_level(logging.WARNING):
        wanted(settings("duckdb"), {"LOG_IMAGES": "true"}, plugins)
    assert "images are never stored" in caplog.text


def test_the_variables_are_read_from_the_environment(monkeypatch):
    monkeypatch.setenv("HEYLOOK_ANALYTICS_DB_PATH", "elsewhere.db")
    assert environment().analytics == {"DB_PATH": "elsewhere.db"}


def test_a_wrong_key_of_a_sink_is_an_error_with_its_line(plugins, tmp_path):
    file = tmp_path / "models.yaml"
    file.write_text("plugins:\n  sinks:\n    - name: jsonl\n      config:\n        rotate_mbs: 3\n")
    found = load_settings(file)
    sinks = wanted(found.settings, {}, plugins)
    with (
        pytest.raises(ConfigError, match=r"line 5: plugins\.sinks\[0\]\.config\.rotate_mbs.*did you mean `rotate_mb`"),
        attached(sinks, plugins, found.file),
    ):
        pass


# ------------------------------------------------------------------ JSON lines


def test_json_lines_are_rotated_and_old_files_leave(tmp_path):
    sink = JsonLinesSink(JsonLinesConfig(path=str(tmp_path / "r.jsonl"), rotate_mb=1, rotate_count=2))
    for number in range(4500):
        sink.record(msgspec.structs.replace(PLAIN, request_id=f"r-{number:05}", reuse="x" * 400))
    sink.close()
    files = sorted(tmp_path.iterdir())
    assert [path.name for path in files] == ["r.jsonl", "r.jsonl.1", "r.jsonl.2"]
    assert all(path.stat().st_size <= 1 << 20 for path in files)
    numbers = [json.loads(line)["request_id"] for path in reversed(files) for line in path.read_text().splitlines()]
    assert numbers == [f"r-{number:05}" for number in range(4500 - len(numbers), 4500)]


def test_without_room_for_old_ones_the_file_begins_anew(tmp_path):
    sink = JsonLinesSink(JsonLinesConfig(path=str(tmp_path / "r.jsonl"), rotate_mb=1, rotate_count=0))
    for _ in range(3000):
        sink.record(msgspec.structs.replace(PLAIN, reuse="x" * 400))
    sink.close()
    assert [path.name for path in tmp_path.iterdir()] == ["r.jsonl"]
    assert (tmp_path / "r.jsonl").stat().st_size <= 1 << 20


def test_a_full_disk_costs_lines_but_leaves_whole_ones(tmp_path, caplog):
    sink = JsonLinesSink(JsonLinesConfig(path=str(tmp_path / "r.jsonl")))
    sink.record(PLAIN)
    real = sink._file

    class Full:
        """Takes half of a line, as a disk does whose last bytes it gets."""

        def write(self, line):
            return real.write(line[: len(line) // 2])

        def truncate(self, size):
            return real.truncate(size)

    with caplog.at_level(logging.WARNING):
        sink._file = Full()
        for _ in range(5):
            sink.record(PLAIN)
        sink._file = real
        sink.record(msgspec.structs.replace(PLAIN, request_id="after"))
    sink.close()
    ids = [json.loads(line)["request_id"] for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert ids == [PLAIN.request_id, "after"]
    assert [line.message.rpartition(";")[2] for line in caplog.records][1:] == [" 5 records were dropped."]
    assert errno.ENOSPC == 28


# ------------------------------------------------------------------ texts


class Curious(Sink):
    wants_content = True

    def __init__(self) -> None:
        self.found = []

    def record(self, record):
        self.found.append((record, None))

    def record_content(self, record, content):
        self.found.append((record, content))


def told(*sinks: Curious, **fields) -> None:
    plugins = Plugins(only=())
    for number, sink in enumerate(sinks):
        plugins.add(f"test:{number}", sink)
    with live_server(toy_settings(), plugins) as server:
        body = {"model": "toy", "max_tokens": 8, "messages": [{"role": "user", "content": "a secret"}]} | fields
        httpx.post(f"{server.url}/v1/chat/completions", json=body, timeout=60, trust_env=False)
        server.finishes.get(1)


def test_texts_go_to_those_that_ask_and_to_nobody_else():
    curious, other = Curious(), Curious()
    other.wants_content = False
    told(curious, other)
    [(record, content)] = curious.found
    assert content.messages == ({"role": "user", "content": "a secret"},)
    assert len(content.answers) == 1
    assert record.completion_tokens == 8
    assert other.found == [(record, None)]


def test_nothing_is_gathered_where_nobody_asks():
    other = Curious()
    other.wants_content = False
    told(other)
    assert [content for _, content in other.found] == [None]


def test_the_sentence_of_an_error_is_a_text():
    curious = Curious()
    told(curious, model="none")
    assert "does not exist" in curious.found[0][1].error


def test_images_and_audio_are_never_part_of_the_texts():
    image = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg=="
    request = ChatRequest(
        model="m",
        messages=(
            Message("user", (TextPart(f"see {image} there"), ImagePart(url=image), AudioPart("UklGRg==", "wav"))),
            Message("user", (ImagePart(file=b"\x89PNG"),)),
        ),
    )
    content = Overheard(request).exchanged(None)
    assert [message["content"] for message in content.messages] == [f"see {IMAGE} there{IMAGE}{AUDIO}", IMAGE]


def test_answers_are_gathered_by_choice_with_their_calls():
    heard = Overheard(ChatRequest(model="m"))
    heard.hear([Text(1, "b"), Text(0, "a"), ToolOpen(0, 0, "id", "look"), ToolArgs(0, 0, '{"n": 1}')])
    assert heard.exchanged(None).answers == ('a\n[call look] {"n": 1}', "b")


def test_a_list_of_token_ids_is_no_text():
    assert Overheard([(1, 2, 3), "words"]).exchanged(None).prompt == "[3 token ids]\nwords"


def test_a_sink_that_cannot_be_had_is_an_error_where_the_file_names_it():
    with pytest.raises(PluginError, match="No sink is called 'nothing'"), attached([Wanted("nothing", {})], Plugins()):
        pass
