"""OpenSLO files: what is accepted, and what it means."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from models.errors import Misconfigured
from models.names import Severity
from models.records import SampleColumns
from models.series import EntityRule, SeriesIdentity
from models.sli.binding import LabelMatcher, MatchOp, Role, SloBinding, ThresholdOp
from models.slo.definition import BurnCondition, GapPolicy, RatioIndicator, Slices, Slo, TimeWindow, WindowUnit
from models.slo.openslo.read import parse_files, parse_openslo, read_definitions
from models.slo.simulate.recorder import SloRecorder
from tests.unit.slo.openslo.texts import (
    AVAILABILITY,
    BURN,
    CONDITION,
    LATENCY,
    POLICY,
    SERVICE,
    SOURCE,
    TARGET,
    WAKING,
    edited,
)

SAMPLES = Path(__file__).parents[4] / "slos"
DOCUMENTATION = Path(__file__).parents[4] / "docs" / "slo.md"


def test_a_threshold_slo_becomes_one_binding() -> None:
    (slo,) = parse_openslo(LATENCY, "a.yaml")
    assert (slo.name, slo.service, slo.target_ratio) == ("checkout-latency", "checkout", 0.99)
    assert slo.window == TimeWindow(30, WindowUnit.DAY)
    matchers = (LabelMatcher("service", MatchOp.EQUAL, "checkout"),)
    assert slo.bindings(7) == [SloBinding(7, "latency_ms", matchers, Role.THRESHOLD, ThresholdOp.LTE, 400.0)]


def test_a_bad_over_total_slo_counts_total_as_good_and_takes_the_bad_away() -> None:
    gold, silver = parse_openslo(AVAILABILITY, "a.yaml")
    assert (gold.name, gold.target_ratio) == ("web-availability-gold", 0.999)
    assert (silver.name, silver.target_ratio) == ("web-availability-silver", 0.99)
    assert gold.window == TimeWindow(1, WindowUnit.MONTH, "2026-01-01T00:00:00", "Europe/Berlin")
    assert isinstance(gold.indicator, RatioIndicator)
    assert [(b.role, b.counter, len(b.matchers)) for b in gold.bindings(1)] == [
        (Role.TOTAL, True, 1),
        (Role.GOOD, True, 1),
        (Role.BAD, True, 3),
    ]


def test_an_sli_may_be_in_another_file_and_after_its_slo() -> None:
    sli, slo = AVAILABILITY.split("---\n")
    assert parse_files([("slo.yaml", slo), ("sli.yaml", sli)]) == parse_openslo(AVAILABILITY, "a.yaml")


@pytest.mark.parametrize("text", [LATENCY, AVAILABILITY, *(path.read_text() for path in SAMPLES.glob("*.yaml"))])
def test_the_stored_document_parses_to_the_same_slo(text: str) -> None:
    slos = parse_openslo(text, "a.yaml")
    assert slos == [slo for each in slos for slo in parse_openslo(json.dumps(each.document()), "database")]


def test_the_shipped_files_load_together() -> None:
    slos = parse_files([(path.name, path.read_text()) for path in sorted(SAMPLES.glob("*.yaml"))])
    assert {slo.service for slo in slos} == {"checkout", "payments", "search", "host"}


def test_the_example_of_the_documentation_loads() -> None:
    (example,) = re.findall(r"```yaml\n(apiVersion: openslo.*?)```", DOCUMENTATION.read_text(), re.DOTALL)
    bearable, pleasant = parse_openslo(example, "docs/slo.md")
    assert (bearable.name, pleasant.name) == ("shop-fast-bearable", "shop-fast-pleasant")
    assert [(p.severity, p.name, p.factor, p.after_s) for p in bearable.pairs] == [(Severity.PAGE, "6h", 4.0, 900)]


@pytest.mark.parametrize(
    ("labels", "matching"),
    [
        ({"service": "web", "code": "500"}, True),
        ({"service": "web", "code": "503"}, False),
        ({"service": "web", "code": "200"}, False),
        ({"service": "web"}, False),
        ({"job": "web", "code": "500"}, True),
        ({"service": "shop", "code": "500"}, False),
    ],
)
def test_matchers_follow_prometheus_and_service_means_the_derived_one(labels: dict[str, str], matching: bool) -> None:
    bad = parse_openslo(AVAILABILITY, "a.yaml")[0].bindings(1)[2]
    service = labels.get("service") or labels["job"]
    identity = SeriesIdentity(service, service, "requests_total", "requests_total", labels)
    assert bad.matches(identity) is matching


def test_a_list_of_label_values_matches_each_of_them_literally() -> None:
    text = edited("service: checkout\n  timeWindow", "service: [check.out, pay]\n  timeWindow")
    (binding,) = parse_openslo(text, "a.yaml")[0].bindings(1)

    def matches(service: str) -> bool:
        return binding.matches(SeriesIdentity(service, service, "latency_ms", "latency_ms", {"service": service}))

    assert [matches("check.out"), matches("pay"), matches("checkXout")] == [True, True, False]


def test_annotations_set_the_runbook_and_the_fewest_events() -> None:
    annotations = "  annotations: {tidewatch/min-events: '20', tidewatch/runbook-url: 'https://wiki/latency'}\n"
    text = edited("  name: checkout-latency\n", f"  name: checkout-latency\n{annotations}")
    (slo,) = parse_openslo(text, "a.yaml")
    assert (slo.min_events, slo.runbook_url) == (20.0, "https://wiki/latency")
    assert isinstance(slo, Slo)


def test_documents_of_all_kinds_refer_to_each_other_across_files_in_any_order() -> None:
    slo = WAKING.replace("type: tidewatch\n", "metricSourceRef: stream\n")
    files = [("slo.yaml", slo), ("alerts.yaml", POLICY + CONDITION), ("rest.yaml", SERVICE + SOURCE + TARGET)]
    (found,) = parse_files(files)
    assert [found] == parse_files(files[::-1])
    assert found.conditions == (BurnCondition("fast", Severity.PAGE, 2.0, 3600, 300),)
    assert [(p.name, p.short_s, p.factor, p.after_s) for p in found.pairs] == [("1h", 3600, 2.0, 300)]
    assert found.bindings(1) == parse_openslo(LATENCY, "a.yaml")[0].bindings(1)
    assert parse_openslo(json.dumps(found.document()), "database") == [found]


def test_policies_and_conditions_may_stand_where_they_are_used() -> None:
    inline = f"{{kind: AlertCondition, metadata: {{name: fast}}, spec: {BURN}}}"
    policy = f"{{kind: AlertPolicy, metadata: {{name: wake}}, spec: {{conditions: [{inline}]}}}}"
    (slo,) = parse_openslo(f"{LATENCY}  alertPolicies: [{policy}]\n", "a.yaml")
    assert slo.conditions == (BurnCondition("fast", Severity.PAGE, 2.0, 3600, 300),)


@pytest.mark.parametrize("lookback", ["1m", "90m", "99999m", "1667h", "90d", "12w"])
@pytest.mark.parametrize("after", ["0m", "7m", "2d"])
def test_a_condition_of_any_length_is_read_back_from_where_it_is_stored(lookback: str, after: str) -> None:
    condition = CONDITION.replace("1h", lookback).replace("5m", after)
    text = WAKING.replace("30d", "90d") + POLICY + TARGET + condition
    (slo,) = parse_openslo(text, "a.yaml")
    assert parse_openslo(json.dumps(slo.document()), "database") == [slo]


def test_what_a_policy_says_without_effect_is_remarked_once_with_its_place() -> None:
    told = POLICY.replace("Breaching: true", "Breaching: true, alertWhenNoData: true, alertWhenResolved: false")
    found = read_definitions([("a.yaml", WAKING + TARGET + CONDITION + told)])
    assert found.slos == parse_openslo(WAKING + TARGET + CONDITION + POLICY, "a.yaml")
    assert [remark.partition(" has no effect")[0] for remark in found.remarks] == [
        "a.yaml:40: document 4: spec.alertWhenNoData:",
        "a.yaml:40: document 4: spec.alertWhenResolved:",
    ]
    assert read_definitions([("a.yaml", WAKING + TARGET + CONDITION + POLICY)]).remarks == []


@pytest.mark.parametrize(
    ("method", "objective", "expected"),
    [
        ("Timeslices", "timeSliceWindow: 5m\n      timeSliceTarget: 0.95", Slices(300, 0.95)),
        ("Timeslices", "timeSliceWindow: 10\n      timeSliceTarget: 1.0", Slices(600, 1.0)),
        ("RatioTimeslices", "timeSliceWindow: 1h", Slices(3600, None)),
    ],
)
def test_time_slices_are_budgeted_with_windows_of_whole_slices(method: str, objective: str, expected: Slices) -> None:
    text = LATENCY.replace("Occurrences", method).replace("value: 400", f"value: 400\n      {objective}")
    (slo,) = parse_openslo(text, "a.yaml")
    assert slo.slices == expected
    assert all(length % expected.length_s == 0 for length in slo.shown_lengths)
    assert parse_openslo(json.dumps(slo.document()), "database") == [slo]


def histogram(value: str) -> str:
    return LATENCY.replace("metric: latency_ms", "histogram: request_seconds").replace("value: 400", f"value: {value}")


@pytest.mark.parametrize(
    ("value", "le", "counted"),
    [
        ("0.4", "0.4", True),
        ("0.4", "0.40000000000000002", False),
        ("1", "1", True),
        ("1", "1.0", True),
        ("1", "10", False),
        ("1000000", "1e+06", True),
        ("0.4", "+Inf", False),
    ],
)
def test_a_histogram_counts_the_bucket_at_the_threshold(value: str, le: str, counted: bool) -> None:
    (slo,) = parse_openslo(histogram(value), "a.yaml")
    total, good = slo.bindings(1)
    assert (total.metric, total.role, total.counter) == ("request_seconds_count", Role.TOTAL, True)
    labels = {"service": "checkout", "le": le}
    assert good.matches(SeriesIdentity("checkout", "checkout", "", "request_seconds_bucket", labels)) is counted
    assert parse_openslo(json.dumps(slo.document()), "database") == [slo]


def test_a_histogram_has_buckets_of_at_most_only() -> None:
    with pytest.raises(Misconfigured, match="must be lte for a histogram"):
        parse_openslo(histogram("0.4").replace("op: lte", "op: lt"), "a.yaml")


RAW = """\
apiVersion: openslo/v1
kind: SLO
metadata: {name: web}
spec:
  service: web
  indicator:
    spec:
      ratioMetric:
        rawType: %s
        raw: {metricSource: {type: tidewatch, spec: {metric: ratio}}}
  timeWindow: [{duration: 4w, isRolling: true}]
  objectives: [{target: 0.99}]
"""


@pytest.mark.parametrize(("kind", "good"), [("success", 0.75), ("failure", 0.25)])
def test_a_raw_ratio_counts_each_sample_as_one_event_good_for_its_share(kind: str, good: float) -> None:
    (slo,) = parse_openslo(RAW % kind, "a.yaml")
    assert parse_openslo(json.dumps(slo.document()), "database") == [slo]
    samples = SampleColumns(
        ['ratio{service="web"}'], np.zeros(2, np.int32), np.array([0, 60]) * 10**9, np.array([0.5, 1.0])
    )
    recorder = SloRecorder([slo], EntityRule(("service",), (), "host"), lateness_s=60, every_s=60)
    recorder.record(samples)
    found = recorder.recorded(0)
    assert (found.good.sum() / 2, found.total.sum()) == (good, 2.0)


def test_annotations_say_what_missing_telemetry_counts_as() -> None:
    annotations = "  annotations: {tidewatch/telemetry-gaps: bad, tidewatch/telemetry-interval: 5m}\n"
    (slo,) = parse_openslo(edited("  name: checkout-latency\n", f"  name: checkout-latency\n{annotations}"), "a.yaml")
    assert (slo.gaps, slo.telemetry_interval_s) == (GapPolicy.BAD, 300)
    assert parse_openslo(json.dumps(slo.document()), "database") == [slo]
