"""/v1/performance and its profiles: sums over what succeeded, in bounded memory."""

from __future__ import annotations

import pytest

from heylook_core.analytics import RequestRecord
from heylook_core.durations import Durations, merged
from heylook_core.quantiles import Gaps, Quantiles
from heylook_core.timeline import SPANS, Timeline
from heylook_core.totals import Totals
from heylook_core.web.performance import performance, profile

pytestmark = pytest.mark.integration


def a_record(**fields) -> RequestRecord:
    known = {"request_id": "r", "at": 1.0, "dialect": "openai", "kind": "chat", "provider": "p", "streamed": False}
    return RequestRecord(**{**known, "model": "m", "outcome": "ok", **fields})


def test_failed_and_cancelled_requests_never_enter_averages():
    totals = Totals(lambda: 100.0)
    good = {"total_seconds": 2.0, "first_token_seconds": 0.5, "completion_tokens": 11, "decode_seconds": 1.0}
    totals.request_finished(a_record(**good), None)
    for outcome in ("failed", "cancelled"):
        awful = {name: value * 1000 for name, value in good.items()}
        totals.request_finished(a_record(outcome=outcome, error="engine", **awful), None)
    found = performance(totals, {}, 0, 0, 110.0)
    assert found.metrics.average_tokens_per_second == 10.0
    assert found.metrics.average_time_to_first_token == 0.5
    assert found.metrics.operations["request"].max_time == 2.0
    assert found.metrics.models["m"].peak_tokens_per_second == 10.0
    assert (found.summary.total_requests, found.summary.failed_requests, found.summary.cancelled_requests) == (3, 1, 1)
    assert found.summary.error_rate == pytest.approx(1 / 3)
    assert found.summary.uptime_seconds == 10.0
    [point] = profile("1h", totals.timelines["1h"], 110.0).trends
    assert (point.response_time_ms, point.tokens_per_second, point.requests, point.errors) == (2000.0, 10.0, 3, 1)


def test_a_server_that_has_done_nothing_answers(seen, served):
    with served() as fresh:
        found = fresh.http.get("/v1/performance").json()
        assert found["summary"]["total_requests"] == 0
        assert found["metrics"]["operations"] == {}
        assert fresh.http.get("/v1/performance/profile/7d").json()["trends"] == []


def test_real_requests_show_in_the_whole_and_in_every_range(served):
    with served() as seen:
        records = [seen.new(lambda: seen.chat("the same words", max_tokens=6))[0] for _ in range(3)]
        found = seen.http.get("/v1/performance").json()
        model = found["metrics"]["models"]["toy"]
        assert model["generated_tokens"] == found["metrics"]["total_tokens_generated"] == 18
        assert model["average_time_to_first_token"] == pytest.approx(sum(r.first_token_seconds for r in records) / 3)
        prompt, cached = (sum(getattr(r, f"{name}_tokens") for r in records) for name in ("prompt", "cached"))
        assert found["summary"]["cache_hit_rate"] == pytest.approx(cached / prompt)
        assert model["loads"] == 1
        assert model["average_load_time"] > 0
        assert model["memory_gb"] > 0
        for name in SPANS:
            shown = seen.http.get(f"/v1/performance/profile/{name}").json()
            assert sum(point["requests"] for point in shown["resource_timeline"]) == 3
            assert shown["bottlenecks"][0]["request_count"] == 3
            assert sum(part["percentage"] for part in shown["timing_breakdown"]) == pytest.approx(100)


def test_a_range_that_is_none_is_refused(seen):
    answer = seen.http.get("/v1/performance/profile/2h")
    assert (answer.status_code, answer.json()["error"]["kind"]) == (404, "not_found")


def test_slots_are_bounded_and_old_ones_leave():
    timeline = Timeline(60, 5)
    for minute in range(100):
        timeline.at(minute * 60.0).add("m", a_record(completion_tokens=1))
    assert [slot.start for slot in timeline.slots(99 * 60.0)] == [95 * 60.0, 96 * 60.0, 97 * 60.0, 98 * 60.0, 99 * 60.0]
    assert timeline.slots(300 * 60.0) == []
    for number in range(1000):
        timeline.at(99 * 60.0).add(f"m{number}", a_record())
    assert len(timeline.at(99 * 60.0).models) <= 65
    assert timeline.at(99 * 60.0).whole().ok == 1001


def test_a_trend_tells_the_change_from_the_slot_before():
    clock = [0.0]
    totals = Totals(lambda: clock[0])
    for minute, seconds in ((0, 1.0), (1, 3.0)):
        clock[0] = minute * 60.0
        totals.request_finished(a_record(total_seconds=seconds, completion_tokens=2, decode_seconds=1.0), None)
    first, second = profile("1h", totals.timelines["1h"], 60.0).trends
    assert (first.response_time_change, second.response_time_change, second.tps_change) == (None, 200.0, 0.0)


@pytest.mark.parametrize("seconds", [1e-6, 3e-5, 0.001, 0.02, 1.0, 7.5, 4000.0])
def test_a_quantile_is_within_a_few_percent_of_what_was_added(seconds):
    seen = Quantiles()
    for _ in range(10):
        seen.add(seconds)
    assert seen.at(0.5) == pytest.approx(seconds, rel=0.025)


def test_quantiles_split_what_they_were_given():
    seen = Quantiles()
    for number in range(1, 1001):
        seen.add(number / 1000)
    assert seen.at(0.5) == pytest.approx(0.5, rel=0.03)
    assert seen.at(0.95) == pytest.approx(0.95, rel=0.03)
    assert len(seen._buckets) < 200
    assert Quantiles().at(0.5) == 0.0


def test_gaps_are_between_tokens_and_not_before_the_first():
    gaps = Gaps()
    for now in (100.0, 100.1, 100.2, 101.2):
        gaps.token(now)
    assert gaps.at(0.5) == pytest.approx(0.1, rel=0.03)
    assert gaps.at(0.95) == pytest.approx(1.0, rel=0.03)


def test_durations_of_several_models_add_up():
    one, other = Durations(), Durations()
    for seconds in (0.3, 0.1):
        one.add(seconds)
    other.add(0.8)
    both = merged([one, Durations(), other])
    assert (both.count, both.least, both.most) == (3, 0.1, 0.8)
    assert both.mean == pytest.approx(0.4)
    assert sum(both.counts) == 3
