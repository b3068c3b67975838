"""Alert policies of OpenSLO documents: burn-rate conditions in place of the workbook's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from models.names import Severity
from models.slo.definition import BurnCondition
from models.slo.openslo.catalogue import Catalogue, Document, DocumentKind, read_document
from models.slo.openslo.yaml_fields import YamlField
from models.slo.windows import window_name
from models.timestamps import DAY_S, HOUR_S, MINUTE_S

_UNITS_S: Final = {"m": MINUTE_S, "h": HOUR_S, "d": DAY_S, "w": 7 * DAY_S}
_LENGTH: Final = re.compile(r"([0-9]{1,6})([mhdw])")  # a year has 527,040 minutes
_SEVERITIES: Final = {severity.value: severity for severity in Severity}
_ABOVE: Final = ("gt", "gte")
"""Burn rates are real numbers: above and at least are the same but for a coincidence."""


def length_s(field: YamlField) -> int:
    """A length of time in whole minutes, `5m` or `2h`, in seconds."""
    match = _LENGTH.fullmatch(field.text())
    if match is None:
        raise field.error("must be a number and one of m, h, d, w, as in 30m")
    return int(match[1]) * _UNITS_S[match[2]]


def conditions(policies: YamlField, catalogue: Catalogue, *, period_s: int, unit_s: int) -> tuple[BurnCondition, ...]:
    """What an SLO's `alertPolicies` alert at.

    Args:
        period_s: the SLO's period, which no window may exceed. unit_s: what windows have to be multiples of.
    """
    found: dict[tuple[Severity, int], BurnCondition] = {}
    for policy in policies.items():
        for condition, where in _conditions_of(_policy(policy, catalogue), catalogue):
            if not unit_s <= condition.lookback_s <= period_s or condition.lookback_s % unit_s:
                bounds = f"{window_name(unit_s)} and the period, {window_name(period_s)}"
                raise where.error(f"lookbackWindow must lie between {bounds}, in multiples of {window_name(unit_s)}")
            key = (condition.severity, condition.lookback_s)
            if key in found:
                window = window_name(condition.lookback_s)
                problem = f"{condition.severity} with a lookbackWindow of {window} is what {found[key].name!r} says too"
                raise where.error(f"{problem}: alerts are told apart by these two")
            found[key] = condition
    return tuple(found.values())


def check_alerting(catalogue: Catalogue) -> None:
    """Raises `Misconfigured` for the first policy or condition that is wrong, referred to or not."""
    for document in catalogue.of_kind(DocumentKind.ALERT_CONDITION):
        _condition(document)
    for document in catalogue.of_kind(DocumentKind.ALERT_POLICY):
        list(_conditions_of(document, catalogue))


def _policy(field: YamlField, catalogue: Catalogue) -> Document:
    return _stated_or_referred(field, "alertPolicyRef", DocumentKind.ALERT_POLICY, catalogue)


def _conditions_of(policy: Document, catalogue: Catalogue) -> Iterator[tuple[BurnCondition, YamlField]]:
    """Conditions of one policy, with where each is stated or referred to."""
    flags = {name: policy.spec[name].boolean() for name in policy.spec if name.startswith("alertWhen")}
    if not flags.get("alertWhenBreaching", True):
        raise policy.spec["alertWhenBreaching"].error(
            "a policy alerts when its condition is breached, or not at all: leave it out of alertPolicies instead. "
            "Missing data has an alert of its own, TelemetryMissing"
        )
    if flags.get("alertWhenNoData", False):
        text = "has no effect: missing data has an alert of its own, TelemetryMissing, and burns the budget where the "
        catalogue.remark(policy.spec["alertWhenNoData"], text + "SLO's annotation tidewatch/telemetry-gaps is bad")
    if not flags.get("alertWhenResolved", True):
        text = "has no effect: who is told of an end is said by send_resolved of Alertmanager's receivers"
        catalogue.remark(policy.spec["alertWhenResolved"], text)
    for target in policy.spec["notificationTargets"].items() if "notificationTargets" in policy.spec else ():
        _stated_or_referred(target, "targetRef", DocumentKind.ALERT_NOTIFICATION_TARGET, catalogue)
    stated = policy.spec["conditions"].items()
    if len(stated) != 1:
        raise policy.spec["conditions"].error("needs exactly one condition: give each a policy of its own")
    for field in stated:
        yield _condition(_stated_or_referred(field, "conditionRef", DocumentKind.ALERT_CONDITION, catalogue)), field


def _stated_or_referred(field: YamlField, reference: str, kind: DocumentKind, catalogue: Catalogue) -> Document:
    """A document that stands inside another, or the one that is named there."""
    fields = field.mapping((), (reference, "apiVersion", "kind", "metadata", "spec"))
    if reference in fields:
        if len(fields) > 1:
            raise field.error(f"give either `{reference}` or the {kind} itself")
        return catalogue.find(kind, fields[reference])
    if "kind" not in fields or "metadata" not in fields:
        raise field.error(f"give either `{reference}` or an {kind} with kind, metadata and spec")
    fields["kind"].choice({kind.value: kind})
    return read_document(field, kind, fields)


def _condition(document: Document) -> BurnCondition:
    fields = document.spec["condition"].mapping(("threshold", "lookbackWindow"), ("kind", "op", "alertAfter"))
    if "kind" in fields and fields["kind"].text().lower() != "burnrate":
        raise fields["kind"].error("must be burnrate: it is the only kind of condition in OpenSLO v1")
    if "op" in fields and fields["op"].text() not in _ABOVE:
        raise fields["op"].error("must be gt or gte: a budget is in danger when it burns fast, not slowly")
    factor = fields["threshold"].number()
    if factor <= 0:
        raise fields["threshold"].error("must be a burn rate above 0")
    severity = document.spec["severity"]
    if severity.text() not in _SEVERITIES:
        known = ", ".join(_SEVERITIES)
        raise severity.error(f"{severity.text()!r} is not one of {known}: Alertmanager routes by these")
    after_s = length_s(fields["alertAfter"]) if "alertAfter" in fields else 0
    lookback_s = length_s(fields["lookbackWindow"])
    return BurnCondition(document.name, _SEVERITIES[severity.text()], factor, lookback_s, after_s)
