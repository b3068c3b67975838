"""Why a budget burns: found when an alert fires, ranked anew while it goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from psycopg2.extensions import cursor as Cursor

from infra.store import alerts, anomalies, burn_alerts, dependencies, slo_alerts, slo_windows
from infra.store.burn_alerts import BurnAlert, burn_fingerprint
from infra.store.slo_alerts import BurnAlertKey
from infra.store.slos import StoredSlo
from models.names import Annotation
from models.slo.cause_text import cause_annotations, with_first_cause
from models.slo.causes import Cause, rank_causes
from models.slo.dependencies import Edge, upstream
from models.slo.onset import burn_onset
from models.slo.windows import HOUR_S, window_order

ONSET_BURN_RATE: Final = 1.0
"""A burn begins where the budget goes faster than allowed, however fast it goes when the page fires."""

LOOKBACK_NS: Final = HOUR_S * 1_000_000_000
"""Anomalies that ended longer than this before the burn are another story."""

REFRESH_NS: Final = 60_000_000_000
"""How old the causes of an alert that goes on may get: a query a minute for each alert that fires."""


@dataclass(frozen=True, slots=True)
class Explained:
    """When a burn began (None: no change point) and its causes, the first the likeliest."""

    burn_began_ns: int | None
    causes: tuple[Cause, ...]


def explain(cursor: Cursor, stored: StoredSlo, burn_window: str, now_ns: int) -> Explained:
    """Why an SLO burns, for an alert on the window of this name that fires now."""
    began_ns = _burn_began_ns(cursor, stored, window_order(burn_window), now_ns)
    from_ns = now_ns - window_order(burn_window) * 1_000_000_000 if began_ns is None else began_ns
    return Explained(began_ns, _ranked(cursor, stored.slo.service, from_ns, began_ns, now_ns))


def remember(cursor: Cursor, key: BurnAlertKey, explained: Explained, now_ns: int) -> None:
    """Store an alert that fires from now on, with its causes."""
    alert = BurnAlert(
        burn_fingerprint(*key), *key, now_ns, None, explained.burn_began_ns, explained.causes, explained_ns=now_ns
    )
    burn_alerts.insert(cursor, alert)


def forget(cursor: Cursor, key: BurnAlertKey, now_ns: int) -> None:
    """Store that an alert fires no more; its causes stay as they were ranked last."""
    burn_alerts.end(cursor, burn_fingerprint(*key), now_ns)


def refresh(cursor: Cursor, now_ns: int) -> int:
    """Rank the causes of the alerts that go on anew; how many now say something else.

    What is said changes in the alert that is renewed to Alertmanager and in what its resolve will carry.
    """
    changed = 0
    for alert in burn_alerts.firing_explained_before(cursor, now_ns - REFRESH_NS):
        lasts_ns = window_order(alert.burn_window) * 1_000_000_000
        from_ns = alert.burn_began_ns if alert.burn_began_ns is not None else alert.started_ns - lasts_ns
        causes = _ranked(cursor, alert.service, from_ns, alert.burn_began_ns, now_ns)
        # an incident whose anomalies are over and forgotten is explained by what was known then
        causes = causes or alert.causes
        burn_alerts.explained(cursor, alert, causes, now_ns)
        key = BurnAlertKey(alert.service, alert.slo_name, alert.severity, alert.burn_window)
        changed += _say(cursor, alert, key, causes)
    return changed


def _say(cursor: Cursor, alert: BurnAlert, key: BurnAlertKey, causes: tuple[Cause, ...]) -> bool:
    """Bring the annotations of an alert that fires to these causes; whether anything changed."""
    said = slo_alerts.annotations_of(cursor, key)
    if said is None:
        return False
    told: Mapping[Annotation, str] = {
        **cause_annotations(causes),
        Annotation.SUMMARY: with_first_cause(said[Annotation.SUMMARY], causes),
    }
    new = {name: text for name, text in told.items() if said.get(name) != text}
    if not new:
        return False
    slo_alerts.amend(cursor, key, new)
    alerts.amend(cursor, alert.fingerprint, alert.started_ns, new)
    return True


def _ranked(
    cursor: Cursor, service: str, from_ns: int, burn_began_ns: int | None, now_ns: int
) -> tuple[Cause, ...]:
    edges = [Edge(known.client, known.server) for known in dependencies.load(cursor)]
    hops = upstream(edges, service)
    evidence = anomalies.evidence_between(cursor, list(hops), from_ns - LOOKBACK_NS, now_ns)
    return tuple(rank_causes(evidence, burn_began_ns=burn_began_ns, hops=hops))


def _burn_began_ns(cursor: Cursor, stored: StoredSlo, long_s: int, now_ns: int) -> int | None:
    """Where the bad events changed, within twice the long window."""
    rows = slo_windows.read_minutes(cursor, stored.id, now_ns // 1_000_000_000 - 2 * long_s, now_ns // 1_000_000_000)
    began_s = burn_onset(
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows]),
        np.array([row[2] for row in rows]),
        stored.slo.target_ratio,
        ONSET_BURN_RATE,
    )
    return None if began_s is None else began_s * 1_000_000_000
