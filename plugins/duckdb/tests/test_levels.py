"""What is stored at which level, and that nothing else is."""

from __future__ import annotations

import json
import time

import pytest

from heylook_core.analytics import Exchanged
from heylook_core.errors import ConfigError, PluginError
from heylook_core.residency_events import ResidencyEvent
from heylook_duckdb.schema import BASIC

pytestmark = pytest.mark.integration

SECRET = "my secret question"
CONTENT = Exchanged(
    messages=({"role": "system", "content": "be kind"}, {"role": "user", "content": SECRET}),
    answers=("a secret answer",),
)


def test_at_the_level_none_there_is_not_even_a_file(store):
    store.keep(store.record(), storage_level="none")
    assert not store.path.exists()


def test_at_the_level_basic_the_other_columns_are_empty(store):
    store.keep(store.record(), storage_level="basic")
    [row] = store.rows()
    assert {name for name, value in row.items() if value is not None} == set(BASIC)
    assert (row["model"], row["prompt_tokens"], row["completion_tokens"]) == ("toy", 11, 7)


def test_requests_is_the_level_without_any_setting_and_stores_everything_but_texts(store):
    with store.sink() as plugins:
        assert plugins.ask("content_wanted") == [False]
        plugins.notify("request_finished", record=store.record(), content=CONTENT)
    [row] = store.rows()
    assert (row["dialect"], row["cached_tokens"], row["gap_p95_seconds"]) == ("openai", 3, 0.0625)
    assert (row["messages"], row["response_text"], row["error_message"]) == (None, None, None)
    assert SECRET.encode() not in store.path.read_bytes()


def test_at_the_level_full_texts_are_stored_too(store):
    with store.sink(storage_level="full") as plugins:
        assert plugins.ask("content_wanted") == [True]
        plugins.notify("request_finished", record=store.record(), content=CONTENT)
    [row] = store.rows()
    assert json.loads(row["messages"]) == list(CONTENT.messages)
    assert row["response_text"] == "a secret answer"


def test_anonymized_texts_are_lengths_and_hashes_that_tell_equal_ones(store):
    other = Exchanged(messages=({"role": "user", "content": SECRET},), answers=("x",), error="what secret?")
    with store.sink(storage_level="full", anonymize_content=True) as plugins:
        plugins.notify("request_finished", record=store.record(request_id="a"), content=CONTENT)
        plugins.notify("request_finished", record=store.record(request_id="b"), content=other)
    first, second = (json.loads(row["messages"]) for row in store.rows())
    assert [set(message) for message in first] == [{"role", "length", "hash"}] * 2
    assert first[1]["length"] == len(SECRET)
    assert first[1]["hash"] == second[0]["hash"] != first[0]["hash"]
    assert b"secret" not in store.path.read_bytes()


def test_decisions_about_models_have_a_table_of_their_own(store):
    event = ResidencyEvent(at=time.time(), decision="evicted", model="m", reason="room for n", bytes=7, seconds=2.5)
    with store.sink() as plugins:
        plugins.notify("residency_event", event=event)
    [row] = store.rows("SELECT * FROM model_switches")
    assert (row["model"], row["decision"], row["reason"], row["bytes"], row["seconds"]) == (
        "m",
        "evicted",
        "room for n",
        7,
        2.5,
    )


def test_a_wrong_setting_is_named(store):
    with pytest.raises(ConfigError, match="storage_level: Invalid enum value 'everything'"):
        store.keep(storage_level="everything")
    with pytest.raises(ConfigError, match="did you mean `retention_days`"):
        store.keep(retention_day=1)


def test_a_file_of_another_kind_is_never_touched(store):
    store.path.parent.mkdir()
    store.path.write_text("these are my notes")
    with pytest.raises(ConfigError, match="is not a DuckDB database"):
        store.keep(store.record())
    assert store.path.read_text() == "these are my notes"


def test_a_folder_that_cannot_be_made_is_a_clear_error(store, tmp_path):
    (tmp_path / "logs").write_text("")
    with pytest.raises(PluginError, match="cannot be made: "):
        store.keep(store.record())


def test_an_older_file_gets_the_columns_that_it_lacks(store):
    import duckdb

    store.path.parent.mkdir()
    with duckdb.connect(str(store.path)) as connection:
        connection.execute("CREATE TABLE request_logs (timestamp TIMESTAMP, request_id VARCHAR, gpu_utilization FLOAT)")
        connection.execute("INSERT INTO request_logs VALUES (TIMESTAMP '2020-01-01', 'old', 0.5)")
    store.keep(store.record(request_id="new", at=time.time()), retention_days=100_000)
    assert [(row["request_id"], row["prompt_tokens"]) for row in store.rows()] == [("old", None), ("new", 11)]
