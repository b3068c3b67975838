"""What is wrong with OpenSLO files: a complaint names file, line, document and field, and what to do."""

from __future__ import annotations

import pytest

from models.errors import Misconfigured
from models.slo.openslo.read import parse_openslo
from tests.unit.slo.openslo.texts import (
    AVAILABILITY,
    CONDITION,
    LATENCY,
    POLICY,
    SERVICE,
    SOURCE,
    TARGET,
    WAKING,
    edited,
)


def sliced(length: str, target: str) -> str:
    fields = f"value: 400\n      timeSliceWindow: {length}\n      timeSliceTarget: {target}"
    return edited("value: 400", fields, edited("Occurrences", "Timeslices"))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param(
            edited("target: 0.99", "target: 1"),
            "a.yaml:24: document 1: spec.objectives[0].target: must lie between 0 and 1, both excluded",
            id="a target without a budget",
        ),
        pytest.param(
            edited("target: 0.99", "target: 0.9999999999"),
            "spec.objectives[0].target: leaves next to no error budget: 0.999999999 is the tightest target",
            id="a budget that rounding would take",
        ),
        pytest.param(
            edited("displayName: Gold", "displayName: " + "gold " * 12, AVAILABILITY),
            "a.yaml:22: document 2: spec.objectives[0].displayName: 'web-availability-gold-gold-gold",
            id="an objective's name that makes the SLO's too long",
        ),
        pytest.param(
            edited("  name: checkout-latency\n", "  name: a\n  annotations: {tidewatch/min-event: '5'}\n"),
            "annotations.tidewatch/min-event: unknown annotation; did you mean 'tidewatch/min-events'?",
            id="a misspelt annotation",
        ),
        pytest.param(
            edited("service: checkout\n  indicator", 'service: "check\\0out"\n  indicator'),
            "a.yaml:6: document 1: spec.service: must not contain the character NUL",
            id="what PostgreSQL cannot store",
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
        pytest.param(
            edited("Occurrences", "Timeslices"),
            "a.yaml:22: document 1: spec.objectives[0]: `timeSliceWindow` is missing",
            id="time slices without their length",
        ),
        pytest.param(
            edited("value: 400", "value: 400\n      timeSliceWindow: 5m"), "has no meaning", id="slices of events"
        ),
        pytest.param(
            sliced("7m", "0.9"),
            "timeSliceWindow: must be a number of minutes that divides an hour",
            id="slices that do not fit into an hour",
        ),
        pytest.param(
            sliced("5", "1.1"),
            "timeSliceTarget: must lie between 0, excluded, and 1",
            id="more than all of a slice",
        ),
        pytest.param(
            edited("kind: SLO", "kind: SLA"),
            "kind: 'SLA' is not one of Service, DataSource, SLI, SLO",
            id="an unknown kind",
        ),
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
            "a.yaml:29: document 2: metadata.name: SLO 'checkout-latency' is defined already at a.yaml:4",
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
            edited("2026-01-01 00:00:00", "0001-01-01", AVAILABILITY),
            "calendar.startTime: must lie between 1970 and 2199",
            id="a year that clocks cannot tell",
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
    ("text", "complaint"),
    [
        pytest.param(
            WAKING,
            "a.yaml:25: document 1: spec.alertPolicies[0].alertPolicyRef: no AlertPolicy named 'wake'",
            id="a policy that is nowhere",
        ),
        pytest.param(LATENCY + POLICY + TARGET, "no AlertCondition named 'fast'", id="a condition that is nowhere"),
        pytest.param(
            LATENCY + POLICY.replace("on-call", "oncall") + CONDITION + TARGET,
            "targetRef: no AlertNotificationTarget named 'oncall' in the files given; did you mean 'on-call'?",
            id="a target that is nowhere",
        ),
        pytest.param(
            LATENCY + SERVICE.replace("name: checkout", "name: checkouts"),
            "a.yaml:6: document 1: spec.service: no Service named 'checkout' in the files given; did you mean",
            id="a service that the files do not define",
        ),
        pytest.param(
            LATENCY.replace("type: tidewatch", "metricSourceRef: steam") + SOURCE,
            "metricSourceRef: no DataSource named 'steam' in the files given; did you mean 'stream'?",
            id="a source that is nowhere",
        ),
        pytest.param(
            LATENCY.replace("type: tidewatch", "metricSourceRef: stream") + SOURCE.replace("tidewatch", "Datadog"),
            "refers to a DataSource of type Datadog, at a.yaml:29; it must be tidewatch",
            id="a source of another kind",
        ),
        pytest.param(CONDITION.replace("burnrate", "budget"), "must be burnrate", id="another kind of condition"),
        pytest.param(CONDITION.replace("severity: page", "severity: sev1"), "'sev1' is not one of", id="a severity"),
        pytest.param(CONDITION.replace("kind: burnrate", "op: lt"), "op: must be gt or gte", id="a slow burn"),
        pytest.param(CONDITION.replace("threshold: 2", "threshold: 0"), "above 0", id="no burn at all"),
        pytest.param(CONDITION.replace("1h", "1M"), "lookbackWindow: must be a number and one of", id="a month"),
        pytest.param(
            WAKING + POLICY + TARGET + CONDITION.replace("1h", "31d"),
            "document 2: spec.conditions[0]: lookbackWindow must lie between 1m and the period, 30d",
            id="a window beyond the period",
        ),
        pytest.param(
            WAKING.replace("[{alertPolicyRef: wake}]", "[{alertPolicyRef: wake}, {alertPolicyRef: wake}]")
            + POLICY
            + TARGET
            + CONDITION,
            "page with a lookbackWindow of 1h is what 'fast' says too",
            id="one alert twice",
        ),
        pytest.param(
            CONDITION + TARGET + POLICY.replace("Breaching: true", "Breaching: false"),
            "alertWhenBreaching: a policy alerts when its condition is breached",
            id="a policy that never alerts",
        ),
        pytest.param(
            CONDITION + TARGET + POLICY.replace("[{conditionRef: fast}]", "[{conditionRef: fast}, {conditionRef: a}]"),
            "conditions: needs exactly one condition",
            id="two conditions",
        ),
        pytest.param(SOURCE + SOURCE, "DataSource 'stream' is defined already at a.yaml:4", id="a document twice"),
        pytest.param(TARGET.replace("{target: slack}", "{}"), "`target` is missing", id="a target without one"),
    ],
)
def test_a_wrong_reference_or_condition_is_named(text: str, complaint: str) -> None:
    with pytest.raises(Misconfigured) as error:
        parse_openslo(text, "a.yaml")
    assert complaint in str(error.value)
