"""/metrics: in Prometheus' own format, with bounded labels, and every name documented."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from heylook_core.analytics import RequestRecord
from heylook_core.totals import MOST_MODELS, Totals
from heylook_core.web.metrics import Figures, written

pytestmark = pytest.mark.integration

DOCS = Path(__file__).resolve().parents[2] / "docs" / "reference" / "metrics.md"


def samples(text: str) -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def after(served):
    """Samples after three answers, a failure, a cancelled one and an unknown model."""
    with served() as seen:
        records = []
        for _ in range(3):
            records += seen.new(lambda: seen.chat("the same words again", max_tokens=9))
        records += seen.new(lambda: seen.chat("[toy:broken]"))
        records += seen.new(lambda: seen.chat(model="none"))
        yield samples(seen.http.get("/metrics").text), records


def test_counts_and_times_are_those_of_the_records(after):
    found, records = after
    good = [record for record in records if record.outcome == "ok"]
    mine = [record for record in records if record.model == "toy"]
    assert found["heylook_requests_total", "toy", "openai", "chat", "ok"] == 3
    assert found["heylook_requests_total", "toy", "openai", "chat", "failed"] == 1
    assert found["heylook_requests_total", "(none)", "openai", "chat", "failed"] == 1
    assert found["heylook_errors_total", "(none)", "model_not_found"] == 1
    assert found["heylook_generated_tokens_total", "toy"] == sum(record.completion_tokens for record in mine) == 27
    assert found["heylook_prompt_tokens_total", "toy"] == sum(record.prompt_tokens for record in mine)
    assert found["heylook_cached_tokens_total", "toy"] == sum(record.cached_tokens for record in mine) > 0
    seconds = {
        "request": "total_seconds",
        "queue": "queue_seconds",
        "prompt": "prefill_seconds",
        "first_token": "first_token_seconds",
        "generation": "decode_seconds",
        "inter_token": "gap_p50_seconds",
    }
    for name, field in seconds.items():
        assert found[f"heylook_{name}_seconds_count", "toy"] == 3
        assert found[f"heylook_{name}_seconds_sum", "toy"] == pytest.approx(sum(getattr(r, field) for r in good))
        assert found[f"heylook_{name}_seconds_bucket", "toy", "+Inf"] == 3


def test_names_of_llama_cpp_and_vllm_mean_the_same(after):
    found, _ = after
    computed = found["heylook_prompt_tokens_total", "toy"] - found["heylook_cached_tokens_total", "toy"]
    assert found[("llamacpp:prompt_tokens_total",)] == computed
    assert found[("llamacpp:tokens_predicted_total",)] == found["heylook_generated_tokens_total", "toy"]
    assert found[("llamacpp:prompt_seconds_total",)] == found["heylook_prompt_seconds_sum", "toy"]
    assert found[("llamacpp:tokens_predicted_seconds_total",)] == found["heylook_generation_seconds_sum", "toy"]
    assert found[("llamacpp:requests_processing",)] == found[("llamacpp:requests_deferred",)] == 0
    assert found["vllm:generation_tokens_total", "toy"] == found["heylook_generated_tokens_total", "toy"]
    assert found["vllm:request_success_total", "toy", "length"] == 3
    assert found["vllm:time_to_first_token_seconds_sum", "toy"] == found["heylook_first_token_seconds_sum", "toy"]
    assert found["vllm:e2e_request_latency_seconds_count", "toy"] == 3
    assert found["vllm:num_requests_running", "toy"] == found["vllm:num_requests_waiting", "toy"] == 0


def test_what_models_hold_is_told(after):
    found, _ = after
    assert found["heylook_model_state", "toy", "ready"] == 1
    assert found["heylook_model_bytes", "toy", "kept"] > 0
    assert found["heylook_model_load_seconds_count", "toy"] == 1
    assert found["heylook_residency_events_total", "toy", "loaded"] == 1
    assert found["heylook_prefix_lookups_total", "toy"] >= 3


def a_record(**fields) -> RequestRecord:
    known = {"request_id": "r", "at": 1.0, "dialect": "openai", "kind": "chat", "provider": "p", "streamed": False}
    return RequestRecord(**{**known, "model": "m", "outcome": "ok", **fields})


def test_labels_are_bounded_whatever_clients_ask_for():
    totals = Totals()
    for number in range(3000):
        totals.request_finished(a_record(model=f"guess-{number}", provider="", outcome="failed", error="x"), None)
    assert list(totals.models) == ["(none)"]
    for number in range(2 * MOST_MODELS):
        totals.request_finished(a_record(model=f"real-{number}"), None)
    assert len(totals.models) <= MOST_MODELS + 1
    assert totals.models["(other)"].count() >= MOST_MODELS - 1


def test_any_name_of_a_model_can_be_read_back():
    totals, name = Totals(), 'a "quoted" \\ name\nin two lines, \u00fc}{'
    totals.request_finished(a_record(model=name, prompt_tokens=5), None)
    assert samples(written(Figures(totals, [], [])).decode())["heylook_prompt_tokens_total", name] == 5


def test_every_metric_is_documented_and_nothing_else_is(after):
    listed = set(re.findall(r"^\| `([\w:]+)` \|", DOCS.read_text(), re.MULTILINE))
    written_names = set(re.findall(r"^# TYPE (\S+) ", written(Figures(Totals(), [], [])).decode(), re.MULTILINE))
    assert {name for name in written_names if not name.startswith("process_")} == listed
