"""Counts and times agree wherever they are told, on both engines: record, `usage`, Ollama, /metrics, DuckDB."""

from __future__ import annotations

import json
from datetime import UTC
from importlib.util import find_spec

import httpx
import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from heylook_core.plugins import Plugins
from heylook_core.settings import ServerSettings, Settings
from heylook_core.sinks import Wanted, attached
from heylook_core.testkit.server import live_server

pytestmark = pytest.mark.integration

QUESTION = [{"role": "user", "content": "What is heylook? Tell me in two sentences."}]
ENGINES = {"heylook-demo": "heylook_mlx", "heylook-demo-gguf": "heylook_gguf"}


def openai_whole(http, model):
    body = {"model": model, "messages": QUESTION, "max_tokens": 16, "temperature": 0, "include_performance": True}
    answer = http.post("/v1/chat/completions", json=body).json()
    return answer["usage"], answer["performance"]


def openai_stream(http, model):
    body = {
        "model": model,
        "messages": QUESTION,
        "max_tokens": 16,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    lines = http.post("/v1/chat/completions", json=body).text.splitlines()
    events = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    return next(event["usage"] for event in events if event.get("usage")), None


def ollama(http, model, stream):
    body = {"model": model, "messages": QUESTION, "options": {"num_predict": 16}, "stream": stream}
    return json.loads(http.post("/api/chat", json=body).text.strip().splitlines()[-1])


@pytest.fixture(scope="module", params=ENGINES)
def told(request, tmp_path_factory):
    """Everything that was told about the same four requests."""
    if find_spec(ENGINES[request.param]) is None or find_spec("heylook_demo_model") is None:
        pytest.skip(f"{ENGINES[request.param]} or the demo model is not installed")
    pytest.importorskip("heylook_duckdb")
    from heylook_duckdb.database import snapshot

    model, path = request.param, tmp_path_factory.mktemp("db") / "analytics.db"
    plugins = Plugins()
    plugins.load_hooks()
    sink = Wanted("duckdb", {"db_path": str(path)})
    settings = Settings(server=ServerSettings(port=0))
    with (
        attached([sink], plugins),
        live_server(settings, plugins) as server,
        httpx.Client(base_url=server.url, timeout=120, trust_env=False) as http,
    ):
        usages = [openai_whole(http, model), openai_stream(http, model)]
        lines = [ollama(http, model, stream) for stream in (False, True)]
        records = server.finishes.get(4)
        metrics = http.get("/metrics").text
        performance = http.get("/v1/performance").json()
    with snapshot(path) as connection:
        cursor = connection.execute("SELECT * FROM request_logs ORDER BY timestamp")
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return model, records, usages, lines, metrics, performance, rows


def test_usage_and_the_record_agree(told):
    _, records, usages, *_ = told
    for record, (usage, _) in zip(records, usages, strict=False):
        assert record.prompt_tokens == usage["prompt_tokens"] > 0
        assert record.completion_tokens == usage["completion_tokens"] > 1
        assert record.cached_tokens == usage["prompt_tokens_details"]["cached_tokens"]
        assert record.reasoning_tokens == usage["completion_tokens_details"]["reasoning_tokens"]


def test_the_times_of_include_performance_and_the_record_agree(told):
    _, records, usages, *_ = told
    performance = usages[0][1]
    for name in ("queue_seconds", "prefill_seconds", "decode_seconds", "first_token_seconds"):
        assert performance[name] == getattr(records[0], name)
    assert performance["generation_tps"] == pytest.approx(records[0].completion_tokens / records[0].decode_seconds)


def test_the_last_line_of_ollama_and_the_record_agree(told):
    _, records, _, lines, *_ = told
    for record, line in zip(records[2:], lines, strict=True):
        assert line["prompt_eval_count"] == record.prompt_tokens
        assert line["eval_count"] == record.completion_tokens
        assert line["prompt_eval_duration"] == round(record.prefill_seconds * 1e9)
        assert line["eval_duration"] == round(record.decode_seconds * 1e9)
        assert line["load_duration"] == round((record.load_seconds + record.queue_seconds) * 1e9)
        assert line["total_duration"] / 1e9 == pytest.approx(record.total_seconds, abs=0.05)


def test_metrics_and_the_records_agree(told):
    model, records, _, _, metrics, performance, _ = told
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
    }
    for name, field in {
        "prompt_tokens_total": "prompt_tokens",
        "cached_tokens_total": "cached_tokens",
        "generated_tokens_total": "completion_tokens",
        "prompt_seconds_sum": "prefill_seconds",
        "generation_seconds_sum": "decode_seconds",
        "queue_seconds_sum": "queue_seconds",
        "request_seconds_sum": "total_seconds",
        "first_token_seconds_sum": "first_token_seconds",
    }.items():
        assert found[f"heylook_{name}", model] == pytest.approx(sum(getattr(record, field) for record in records))
    mine = performance["metrics"]["models"][model]
    assert mine["generated_tokens"] == sum(record.completion_tokens for record in records)
    assert mine["operations"]["generation"]["total_time"] == found["heylook_generation_seconds_sum", model]


def test_rows_of_the_database_and_the_records_agree(told):
    _, records, *_, rows = told
    assert len(rows) == 4
    for record, row in zip(records, rows, strict=True):
        known = msgspec.structs.asdict(record)
        del known["at"]
        assert {name: row[name] for name in known} == known
        assert row["timestamp"].replace(tzinfo=UTC).timestamp() == pytest.approx(record.at, abs=1e-5)
        assert row["tokens_per_second"] == record.tokens_per_second


def test_times_add_up(told):
    _, records, *_ = told
    for record in records:
        parts = record.load_seconds + record.queue_seconds + record.prefill_seconds + record.decode_seconds
        assert parts <= record.total_seconds + 1e-6
        assert record.first_token_seconds == pytest.approx(record.queue_seconds + record.prefill_seconds, abs=1e-6)
        assert 0 < record.gap_p50_seconds <= record.gap_p95_seconds <= record.decode_seconds * 1.05
