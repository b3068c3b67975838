"""Burn-rate conditions of one's own, in place of the workbook's."""

from __future__ import annotations

import pytest

from models.errors import Misconfigured
from models.names import Severity
from models.slo.definition import BurnCondition
from models.slo.openslo.alert_policies import check_alerting, conditions, length_s
from models.slo.openslo.catalogue import Catalogue, DocumentKind, read_document
from models.slo.openslo.yaml_fields import YamlField, documents

DAY_S = 86_400
CONDITION = (
    "kind: AlertCondition, metadata: {name: %s}, spec: {severity: %s, condition: {threshold: %s, lookbackWindow: %s}}"
)


def parsed(text: str) -> YamlField:
    (root,) = documents(text, "f.yaml")
    return root


def policies(*stated: str) -> YamlField:
    """`alertPolicies` whose policies have these conditions, each in a policy of its own."""
    each = ", ".join(
        f"{{kind: AlertPolicy, metadata: {{name: p{k}}}, spec: {{conditions: [{{{one}}}]}}}}"
        for k, one in enumerate(stated)
    )
    return parsed(f"a: [{each}]").entries()["a"]


def found(*stated: str) -> tuple[BurnCondition, ...]:
    return conditions(policies(*stated), Catalogue(), period_s=30 * DAY_S, unit_s=60)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5m", 300),
        ("2h", 7200),
        ("1d", DAY_S),
        ("1w", 7 * DAY_S),
        ("5s", None),
        ("5", None),
        ("h", None),
        ("-5m", None),
    ],
)
def test_a_length_of_time_is_whole_minutes(text: str, expected: int | None) -> None:
    field = parsed(f"a: '{text}'").entries()["a"]
    if expected is not None:
        assert length_s(field) == expected
    else:
        with pytest.raises(Misconfigured, match="must be a number and one of m, h, d, w"):
            length_s(field)


def test_conditions_are_read_in_their_order() -> None:
    assert found(CONDITION % ("fast", "page", 4, "6h"), CONDITION % ("slow", "ticket", 1.5, "3d")) == (
        BurnCondition("fast", Severity.PAGE, 4.0, 6 * 3600, 0),
        BurnCondition("slow", Severity.TICKET, 1.5, 3 * DAY_S, 0),
    )


@pytest.mark.parametrize(
    ("stated", "problem"),
    [
        pytest.param([CONDITION % ("a", "page", 0, "1h")], "must be a burn rate above 0", id="no burn"),
        pytest.param([CONDITION % ("a", "wake", 1, "1h")], "'wake' is not one of", id="a severity that nobody routes"),
        pytest.param(
            [CONDITION % ("a", "page", 1, "31d")], "must lie between 1m and the period, 30d", id="beyond the period"
        ),
        pytest.param(
            [CONDITION % ("a", "page", 1, "1h"), CONDITION % ("b", "page", 2, "1h")],
            "page with a lookbackWindow of 1h is what 'a' says too",
            id="two that Alertmanager could not tell apart",
        ),
        pytest.param(
            [CONDITION.replace("threshold:", "kind: spend, threshold:") % ("a", "page", 1, "1h")],
            "must be burnrate",
            id="another kind of condition",
        ),
        pytest.param(
            [CONDITION.replace("threshold:", "op: lt, threshold:") % ("a", "page", 1, "1h")],
            "must be gt or gte",
            id="a budget in danger because it burns slowly",
        ),
    ],
)
def test_what_is_wrong_with_a_condition(stated: list[str], problem: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        found(*stated)
    assert problem in str(caught.value)


def catalogued(kind: DocumentKind, text: str) -> Catalogue:
    root = parsed(text)
    catalogue = Catalogue()
    catalogue.add(read_document(root, kind, root.entries()))
    return catalogue


STATED = "{" + CONDITION % ("a", "page", 2, "1h") + "}"


@pytest.mark.parametrize(
    ("flags", "problem", "remark"),
    [
        pytest.param("alertWhenBreaching: false", "or not at all", None, id="a policy that alerts at nothing"),
        pytest.param("alertWhenNoData: true", None, "TelemetryMissing", id="a flag that another alert stands for"),
        pytest.param("alertWhenResolved: false", None, "send_resolved", id="a flag that Alertmanager stands for"),
        pytest.param("alertWhenNoData: false", None, None, id="a flag as it is anyway"),
    ],
)
def test_flags_without_effect_are_remarked(flags: str, problem: str | None, remark: str | None) -> None:
    text = f"metadata: {{name: p}}\nspec: {{conditions: [{STATED}], {flags}}}\n"
    catalogue = catalogued(DocumentKind.ALERT_POLICY, text)
    if problem is not None:
        with pytest.raises(Misconfigured, match=problem):
            check_alerting(catalogue)
        return
    check_alerting(catalogue)
    assert [remark in text for text in catalogue.remarks if remark] == ([True] if remark else [])


def test_a_policy_has_exactly_one_condition() -> None:
    with pytest.raises(Misconfigured, match="needs exactly one condition"):
        check_alerting(
            catalogued(
                DocumentKind.ALERT_POLICY, f"metadata: {{name: p}}\nspec: {{conditions: [{STATED}, {STATED}]}}\n"
            )
        )


def test_a_policy_may_be_referred_to() -> None:
    catalogue = catalogued(DocumentKind.ALERT_POLICY, f"metadata: {{name: wake}}\nspec: {{conditions: [{STATED}]}}\n")
    referring = parsed("a: [{alertPolicyRef: wake}]").entries()["a"]
    assert conditions(referring, catalogue, period_s=30 * DAY_S, unit_s=60) == (
        BurnCondition("a", Severity.PAGE, 2.0, 3600, 0),
    )
