"""OpenSLO files: what is accepted, and that a complaint names file, line and field."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from models.errors import Misconfigured
from models.series import SeriesIdentity
from models.slo.binding import LabelMatcher, MatchOp, Role, SloBinding, ThresholdOp
from models.slo.definition import RatioIndicator, Slo, TimeWindow, WindowUnit
from models.slo.openslo import parse_files, parse_openslo

SAMPLES = Path(__file__).parents[2] / "slos"

LATENCY = """\
apiVersion: openslo/v1
kind: SLO
metadata:
  name: checkout-latency
spec:
  service: checkout
  indicator:
    metadata: {name: fast}
    spec:
      thresholdMetric:
        metricSource:
          type: tidewatch
          spec:
            metric: latency_ms
            labels:
              service: checkout
  timeWindow:
    - duration: 30d
      isRolling: true
  budgetingMethod: Occurrences
  objectives:
    - op: lte
      value: 400
      target: 0.99
"""
AVAILABILITY = """\
apiVersion: openslo/v1
kind: SLI
metadata: {name: availability}
spec:
  ratioMetric:
    counter: true
    bad:
      metricSource:
        type: tidewatch
        spec: {metric: requests_total, labels: {service: web, code: {"=~": "5..", "!=": 503}}}
    total:
      metricSource: {type: tidewatch, spec: {metric: requests_total, labels: {service: web}}}
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: web-availability}
spec:
  service: web
  indicatorRef: availability
  timeWindow: [{duration: 1M, isRolling: false, calendar: {startTime: 2026-01-01 00:00:00, timeZone: Europe/Berlin}}]
  objectives:
    - {displayName: Gold, targetPercent: 99.9}
    - {displayName: Silver, target: 0.99}
"""


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


def test_other_openslo_kinds_are_let_pass() -> None:
    service = "apiVersion: openslo/v1\nkind: Service\nmetadata: {name: checkout}\nspec: {description: the shop}\n"
    assert [slo.name for slo in parse_openslo(f"{service}---\n{LATENCY}---\n", "a.yaml")] == ["checkout-latency"]


def test_the_shipped_files_load_together() -> None:
    slos = parse_files([(path.name, path.read_text()) for path in sorted(SAMPLES.glob("*.yaml"))])
    assert {slo.service for slo in slos} == {"checkout", "payments", "search", "host"}


def edited(before: str, after: str, text: str = LATENCY) -> str:
    assert before in text
    return text.replace(before, after, 1)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param(
            edited("target: 0.99", "target: 1"),
            "a.yaml:24: document 1: spec.objectives[0].target: must lie between 0 and 1, both excluded",
            id="a target without a budget",
        ),
        pytest.param(
            edited("target: 0.99", "targetPercent: 100"),
            "a.yaml:24: document 1: spec.objectives[0].targetPercent: must lie between 0 and 100",
            id="a percentage without a budget",
        ),
        pytest.param(
            edited("target: 0.99", "taget: 0.99"),
            "a.yaml:24: document 1: spec.objectives[0].taget: unknown field; did you mean `target`?",
            id="a misspelt field",
        ),
        pytest.param(
            edited("value: 400", "value: fast"), "spec.objectives[0].value: must be a number", id="a word for a number"
        ),
        pytest.param(
            edited("value: 400", "value: nan"), "spec.objectives[0].value: must be a finite number", id="not a number"
        ),
        pytest.param(edited("value: 400", "value: '400'"), "value: must be a number", id="a quoted number"),
        pytest.param(edited("op: lte", "op: le"), "'le' is not one of lt, lte, gt, gte", id="an unknown op"),
        pytest.param(
            edited("    - op: lte\n      value", "    - value"), "`op` is missing", id="a threshold without op"
        ),
        pytest.param(edited("30d", "30"), "spec.timeWindow[0].duration: must be a number and one of", id="no unit"),
        pytest.param(edited("30d", "5m"), "duration: must lie between 1h and 1Y", id="a period below the resolution"),
        pytest.param(edited("isRolling: true", "isRolling: false"), "`calendar` is missing", id="no calendar"),
        pytest.param(
            edited("type: tidewatch", "type: prometheus"), "metricSource.type: must be tidewatch", id="a source"
        ),
        pytest.param(edited("latency_ms", "9 lives"), "'9 lives' is not a metric name", id="a bad metric name"),
        pytest.param(edited("Occurrences", "Timeslices"), "Timeslices is not supported yet", id="time slices"),
        pytest.param(edited("kind: SLO", "kind: SLA"), "kind: 'SLA' is not one of SLO, SLI", id="an unknown kind"),
        pytest.param(edited("openslo/v1", "openslo/v2"), "apiVersion: must be openslo/v1", id="another version"),
        pytest.param(
            edited("  service: checkout\n", "", LATENCY),
            "a.yaml:6: document 1: spec: `service` is missing",
            id="no service",
        ),
        pytest.param(edited("name: checkout-latency", "name: checkout latency"), "must be 1 to 63", id="a name"),
        pytest.param(
            edited("target: 0.99", "target: 0.99\n      target: 0.9"), "target: given twice", id="a key twice"
        ),
        pytest.param(
            LATENCY + "---\n" + LATENCY,
            "a.yaml:29: document 2: metadata: SLO 'checkout-latency' is defined already at a.yaml:4",
            id="an SLO twice",
        ),
        pytest.param("a: [1", "a.yaml:1: not YAML", id="not YAML"),
        pytest.param("just text", "a.yaml:1: document 1: must be a mapping", id="no mapping"),
        pytest.param(
            edited("{name: availability}", "{name: other}", AVAILABILITY),
            "no SLI named 'availability'",
            id="a dangling reference",
        ),
        pytest.param(edited('"5.."', '"5.("', AVAILABILITY), "code.=~: not a regular expression", id="a bad pattern"),
        pytest.param(
            edited("Europe/Berlin", "Europe/Bern", AVAILABILITY), "'Europe/Bern' is not a time zone", id="a zone"
        ),
        pytest.param(
            edited("displayName: Gold, ", "", AVAILABILITY), "`displayName` is missing", id="objectives alike"
        ),
        pytest.param(edited("    total:", "    whole:", AVAILABILITY), "unknown field", id="no total"),
    ],
)
def test_a_complaint_names_the_place_and_the_field(text: str, complaint: str) -> None:
    with pytest.raises(Misconfigured) as error:
        parse_openslo(text, "a.yaml")
    assert complaint in str(error.value)


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
