"""Alerts to judge, what was said about them and what follows, as JSON is made of."""

from __future__ import annotations

from typing import Any

from infra.alerting.feedback import Consequence, Thresholds
from infra.store.feedback import KnownAlert, StoredMark, ThresholdMove
from models.timestamps import to_rfc3339


def consequence_json(found: Consequence) -> dict[str, Any]:
    """`found` as JSON is made of."""
    proposal = found.proposal
    return {
        "id": found.mark.id,
        "service": found.mark.service,
        "threshold_before": found.threshold_before,
        "threshold_after": found.threshold_after,
        "proposal": None if proposal is None else {"id": proposal.id, "reason": proposal.reason},
    }


def thresholds_json(found: Thresholds) -> dict[str, Any]:
    """`found` as JSON is made of."""
    return {"factors": dict(found.factors), "changes": [_move_json(move) for move in found.changes]}


def alert_json(alert: KnownAlert) -> dict[str, Any]:
    """`alert` as JSON is made of."""
    return {
        "id": alert.fingerprint,
        "alertname": alert.alertname,
        "service": alert.service,
        "entity": alert.entity,
        "slo": alert.slo_name,
        "severity": alert.severity,
        "summary": alert.summary,
        "from": to_rfc3339(alert.start_ns),
        "to": None if alert.end_ns is None else to_rfc3339(alert.end_ns),
        "verdict": alert.verdict.value if alert.verdict else None,
    }


def mark_json(stored: StoredMark) -> dict[str, Any]:
    """`stored` as JSON is made of."""
    mark = stored.mark
    return {
        "id": mark.id,
        "verdict": mark.verdict.value,
        "service": mark.service,
        "entity": mark.entity,
        "slo": mark.slo_name,
        "alert": stored.fingerprint,
        "from": to_rfc3339(mark.start_ns),
        "to": to_rfc3339(mark.end_ns),
        "note": stored.note,
        "by": stored.marked_by,
        "at": to_rfc3339(stored.marked_ns),
        "undone_by": stored.undone_by,
        "undone_at": None if stored.undone_ns is None else to_rfc3339(stored.undone_ns),
    }


def _move_json(move: ThresholdMove) -> dict[str, Any]:
    return {
        "service": move.service,
        "at": to_rfc3339(move.changed_ns),
        "by": move.changed_by,
        "before": move.before,
        "after": move.after,
        "feedback": move.feedback_id,
    }
