"""What follows when somebody says something about an alert: the verdict, the threshold, a proposal; one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from psycopg2.extensions import cursor as Cursor

from infra.slo import proposals as slo_proposals
from infra.store import anomalies, feedback
from infra.store.feedback import KnownAlert, StoredMark, ThresholdMove
from infra.store.slo.proposals import Proposal
from models.alerting.feedback import Mark, Verdict, label_windows, threshold_factor
from models.errors import Misconfigured
from models.labels import LabelWindow
from models.names import AlertName
from models.timestamps import to_rfc3339

MARKABLE: Final = (
    AlertName.METRIC_ANOMALY.value,
    AlertName.SLO_BURN_RATE.value,
    AlertName.SLO_BUDGET_FORECAST.value,
)
"""Alerts that are a judgement; the others tell of something that is so, and noise about that is a wrong rule."""


@dataclass(frozen=True, slots=True)
class Consequence:
    """What a verdict, or taking one back, led to.

    Attributes:
        threshold_before, threshold_after: factor on the service's anomaly threshold.
        proposal: change of the SLO that is proposed now; None where there is none.
    """

    mark: Mark
    threshold_before: float
    threshold_after: float
    proposal: Proposal | None


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Factors by service, as far as they are not 1, and the changes that led there, oldest first."""

    factors: Mapping[str, float]
    changes: Sequence[ThresholdMove]


def known_alerts(cursor: Cursor, since_ns: int) -> list[KnownAlert]:
    """Alerts that can be judged and fire or ended after a moment, with what was said about them; the newest first."""
    return feedback.known_alerts(cursor, MARKABLE, since_ns)


def mark_alert(
    cursor: Cursor, alert_id: str, verdict: Verdict, *, note: str, marked_by: str, now_ns: int
) -> Consequence:
    """Say that the newest episode of an alert was useful or noise.

    Args:
        alert_id: its fingerprint, or the first digits of it that no other alert has.

    Raises:
        Misconfigured: there is no such alert, it is none that can be judged, or it is marked already.
    """
    alert = _alert(cursor, alert_id)
    factor = feedback.lock_threshold(cursor, alert.service)
    peak = _peak(cursor, alert)
    mark = Mark(
        0,
        verdict,
        alert.service,
        alert.entity,
        alert.slo_name,
        alert.start_ns,
        now_ns if alert.end_ns is None else alert.end_ns,
        None if peak is None else peak * factor,
    )
    return _store(cursor, StoredMark(mark, alert.alertname, alert.fingerprint, note, now_ns, marked_by, None, None))


def mark_missed(cursor: Cursor, mark: Mark, *, note: str, marked_by: str, now_ns: int) -> Consequence:
    """Say that something should have alerted in a time range; `mark.id` is ignored.

    Raises:
        Misconfigured: the range is empty or in the future, or there is no such SLO.
    """
    if not mark.start_ns < mark.end_ns <= now_ns:
        raise Misconfigured("what was missed has a begin, an end after it, and is over: check --from and --to")
    feedback.lock_threshold(cursor, mark.service)
    if mark.slo_name:
        slo_proposals.stored(cursor, mark.slo_name)
    return _store(cursor, StoredMark(mark, "", "", note, now_ns, marked_by, None, None))


def mark_missed_between(
    cursor: Cursor,
    start_ns: int,
    end_ns: int,
    *,
    service: str = "",
    entity: str = "",
    slo_name: str = "",
    note: str,
    marked_by: str,
    now_ns: int,
) -> Consequence:
    """Say that an SLO, an entity or a service should have alerted in a time range; the most exact that is named counts.

    Raises:
        Misconfigured: nothing is named, the range is empty or in the future, or there is no such SLO.
    """
    if not (service or slo_name or entity):
        raise Misconfigured("say what was missed: a service, an entity or an SLO")
    owner = slo_proposals.stored(cursor, slo_name).slo.service if slo_name else service or entity.partition("/")[0]
    mark = Mark(0, Verdict.MISSED, owner, entity, slo_name, start_ns, end_ns)
    return mark_missed(cursor, mark, note=note, marked_by=marked_by, now_ns=now_ns)


def undo(cursor: Cursor, feedback_id: int, *, undone_by: str, now_ns: int) -> Consequence:
    """Take a verdict back with all that followed from it; raises `Misconfigured` where none stands under this id."""
    mark = feedback.undo(cursor, feedback_id, undone_by, now_ns)
    if mark is None:
        raise Misconfigured(f"no feedback {feedback_id} stands; see `tidewatch feedback list`")
    return _follow(cursor, mark, undone_by, now_ns)


def said(cursor: Cursor, service: str | None = None, *, with_undone: bool = False) -> list[StoredMark]:
    """What was said, by whom, oldest first, of one service or all; with what was taken back, if asked for."""
    return feedback.load(cursor, service, with_undone=with_undone)


def thresholds(cursor: Cursor, service: str | None = None) -> Thresholds:
    """Factors on the anomaly thresholds of one service or all, and every change of one."""
    factors = feedback.thresholds(cursor)
    known = {name: factor for name, factor in sorted(factors.items()) if service in (None, name)}
    return Thresholds(known, feedback.threshold_moves(cursor, service))


def labels(cursor: Cursor, service: str | None = None, *, noise: bool = False) -> list[LabelWindow]:
    """What was abnormal by what was said, or what was noise."""
    return label_windows((stored.mark for stored in said(cursor, service)), noise=noise)


def _store(cursor: Cursor, stored: StoredMark) -> Consequence:
    id_ = feedback.insert(cursor, stored)
    if id_ is None:
        raise Misconfigured(
            f"this episode of {stored.fingerprint} is marked already; `tidewatch feedback undo` that first"
        )
    return _follow(cursor, replace(stored.mark, id=id_), stored.marked_by, stored.marked_ns)


def _follow(cursor: Cursor, mark: Mark, by: str, now_ns: int) -> Consequence:
    """Bring threshold and proposals to the verdicts that stand now."""
    before = feedback.lock_threshold(cursor, mark.service)
    after = threshold_factor(stored.mark for stored in feedback.load(cursor, mark.service))
    if after != before:
        feedback.move_threshold(cursor, ThresholdMove(mark.service, now_ns, by, before, after, mark.id))
    proposal = slo_proposals.propose(cursor, mark.slo_name, now_ns) if mark.slo_name else None
    return Consequence(mark, before, after, proposal)


def _alert(cursor: Cursor, alert_id: str) -> KnownAlert:
    found = [alert for alert in known_alerts(cursor, 0) if alert.fingerprint.startswith(alert_id)]
    exact = [alert for alert in found if alert.fingerprint == alert_id]
    if len(exact or found) != 1 or not alert_id:
        problem = "no alert that can be judged" if not found else f"{len(found)} alerts"
        raise Misconfigured(f"{problem} begins with {alert_id!r}; see `tidewatch feedback alerts`")
    return (exact or found)[0]


def _peak(cursor: Cursor, alert: KnownAlert) -> float | None:
    """Highest score of the anomaly that an alert is about; None for others."""
    if alert.alertname != AlertName.METRIC_ANOMALY.value:
        return None
    return anomalies.peak_score(cursor, f"{alert.entity}:{to_rfc3339(alert.start_ns)}")
