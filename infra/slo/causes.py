"""Why a budget burns: found when an alert fires, ranked anew while it goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Final

import numpy as np
from psycopg2.extensions import cursor as Cursor

from infra.lake.lake import LakeReader
from infra.store import alerts, anomalies
from infra.store.database import Database
from infra.store.slo import burn_alerts, dependencies
from infra.store.slo import windows as slo_windows
from infra.store.slo.burn_alerts import BurnAlert
from infra.store.slo.definitions import StoredSlo
from models.errors import Unavailable
from models.series import EntityRule
from models.service_graph import Edge
from models.slo.burn_alert import BurnAlertKey
from models.slo.causes.dependencies import upstream
from models.slo.causes.onset import burn_onset
from models.slo.causes.rank import Cause, rank_causes
from models.slo.causes.shifts import Shift, find_shifts
from models.slo.causes.text import changed_annotations
from models.slo.windows import window_order
from models.timestamps import HOUR_NS, MINUTE_NS, SECOND_NS

log = logging.getLogger(__name__)

ONSET_BURN_RATE: Final = 1.0
"""A burn begins where the budget goes faster than allowed, however fast it goes when the page fires."""

LOOKBACK_NS: Final = HOUR_NS
"""Anomalies that ended longer than this before the burn are another story."""

REFRESH_NS: Final = MINUTE_NS
"""How old the causes of an alert that goes on may get: a query a minute for each alert that fires."""

SPEND_S: Final = 1.0
"""What an evaluation may spend on explaining alerts. When everything burns at once, hundreds fire together; the causes
of most follow with the next evaluations, and the pages do not wait for them."""

MOST_REFRESHED: Final = 500
"""More than an evaluation has the time for; the others need not be read."""

LOOK_NS: Final = 300_000_000_000
"""How old the look at the samples may get while an alert goes on: they are hours long, and a look reads them all."""

BEFORE_NS: Final = 3 * HOUR_NS
"""What is normal, as far as samples say: long beside what creeps, short beside the day's course."""

MOST_SAMPLES: Final = 2_000_000
"""Samples of one service that a look reads at most, the newest: about two seconds, and 100 MB while it lasts."""

MOST_CAUSES: Final = 50
"""Causes stored with an alert: a deployment that moves every series of a large service need not be told series by
series."""

NEVER: Final = 0
"""`explained_ns` of an alert whose causes nobody has ranked yet."""


class Explainer:
    """Explains the alerts of one evaluation, inside its transaction and no longer than it may.

    Args:
        stored: every SLO, by service and name.
        steady_s: a steady clock, seconds.
        spend_s: what may be spent, from now on.
    """

    def __init__(
        self,
        cursor: Cursor,
        stored: Mapping[tuple[str, str], StoredSlo],
        now_ns: int,
        *,
        steady_s: Callable[[], float],
        spend_s: float = SPEND_S,
    ) -> None:
        self._cursor = cursor
        self._stored = stored
        self._now_ns = now_ns
        self._steady_s = steady_s
        self._until_steady_s = steady_s() + spend_s

    def explain(self, key: BurnAlertKey) -> BurnAlert:
        """An alert that fires from now on with its causes, the likeliest first; where time is up they follow."""
        alert = BurnAlert(key.fingerprint, *key, self._now_ns, None, None, (), explained_ns=NEVER)
        if not self._in_time:
            return alert
        alert = replace(self._with_onset(alert), explained_ns=self._now_ns)
        return replace(alert, causes=_ranked(self._cursor, alert, self._hops(alert), self._now_ns))

    def rank_anew(self) -> int:
        """Rank the causes of alerts that go on anew, longest unexplained first; how many now say something else.

        What is said changes in the alert that is renewed to Alertmanager and in what its resolve will carry.
        """
        changed = 0
        for alert in burn_alerts.firing_explained_before(self._cursor, self._now_ns - REFRESH_NS, MOST_REFRESHED):
            if not self._in_time:
                break
            if alert.explained_ns == NEVER:
                alert = self._with_onset(alert)  # noqa: PLW2901 - the same alert, and when its burn began
            changed += _rank_anew(self._cursor, alert, self._hops(alert), self._now_ns)
        return changed

    def _hops(self, alert: BurnAlert) -> dict[str, int]:
        return upstream(self._edges, alert.service)

    @cached_property
    def _edges(self) -> list[Edge]:
        """Read once an evaluation, however many alerts it explains; not at all where there are none."""
        return _edges(self._cursor)

    @property
    def _in_time(self) -> bool:
        return self._steady_s() < self._until_steady_s

    def _with_onset(self, alert: BurnAlert) -> BurnAlert:
        """The alert with when its burn began."""
        stored = self._stored.get((alert.service, alert.slo_name))
        if stored is None:
            return alert
        began_ns = _burn_began_ns(self._cursor, stored, window_order(alert.burn_window), self._now_ns)
        return replace(alert, burn_began_ns=began_ns)


def look_at_samples(database: Database, lake: LakeReader, rule: EntityRule, now_ns: int) -> int:
    """Look at the samples of the service whose alert waits longest for it; how many alerts now say something else.

    One service at a time and outside of any transaction: reading hours of samples may take seconds, and the next
    evaluation must not wait for more than that. A lake that is away is tried again with the next look.

    Raises:
        Unavailable: PostgreSQL does not answer; nothing is lost.
    """
    with database.transaction() as cursor:
        due = burn_alerts.to_look_at(cursor, now_ns - LOOK_NS, 1)
        hops = upstream(_edges(cursor), due[0].service) if due else {}
    if not due:
        return 0
    shifts: list[Shift] | None = []
    try:
        shifts = [shift for service in hops for shift in _shifts(lake, rule, service, due[0], now_ns)]
    except Unavailable as error:
        log.warning("causes of %s come from anomalies alone: %s", due[0].service, error)
        shifts = None
    with database.transaction() as cursor:
        burn_alerts.looked_at(cursor, due[0].service, shifts, now_ns)
        known = (a for a in burn_alerts.firing(cursor) if a.service == due[0].service and a.explained_ns != NEVER)
        return sum(_rank_anew(cursor, alert, hops, now_ns) for alert in known)


def _shifts(lake: LakeReader, rule: EntityRule, service: str, alert: BurnAlert, now_ns: int) -> list[Shift]:
    began_ns = _from_ns(alert)
    samples = lake.read(service, began_ns - BEFORE_NS, now_ns + 1, MOST_SAMPLES)
    if len(samples) == 0:
        return []
    from_ns = max(began_ns - BEFORE_NS, int(samples.event_time_ns[0]))
    return find_shifts(samples, rule, from_ns=from_ns, burn_began_ns=began_ns, now_ns=now_ns)


def _from_ns(alert: BurnAlert) -> int:
    """When the burn of an alert began, or the begin of its long window where nobody knows."""
    if alert.burn_began_ns is not None:
        return alert.burn_began_ns
    return alert.started_ns - window_order(alert.burn_window) * SECOND_NS


def _rank_anew(cursor: Cursor, alert: BurnAlert, hops: Mapping[str, int], now_ns: int) -> bool:
    """Rank the causes of an alert that fires from what is known now; whether it says something else."""
    causes = _ranked(cursor, alert, hops, now_ns)
    # an incident whose anomalies are over and forgotten is explained by what was known then
    causes = causes or alert.causes
    said = changed_annotations(alert.annotations, causes)
    burn_alerts.explained(cursor, alert, causes, said, now_ns)
    if said:
        alerts.amend(cursor, alert.fingerprint, alert.started_ns, said)
    return bool(said)


def _ranked(cursor: Cursor, alert: BurnAlert, hops: Mapping[str, int], now_ns: int) -> tuple[Cause, ...]:
    """Causes of a burn in its own service and in the ones it calls, `hops` calls away."""
    evidence = anomalies.evidence_between(cursor, list(hops), _from_ns(alert) - LOOKBACK_NS, now_ns)
    return tuple(rank_causes(evidence, alert.shifts, burn_began_ns=alert.burn_began_ns, hops=hops)[:MOST_CAUSES])


def _edges(cursor: Cursor) -> list[Edge]:
    return [Edge(known.client, known.server) for known in dependencies.load(cursor)]


def _burn_began_ns(cursor: Cursor, stored: StoredSlo, long_s: int, now_ns: int) -> int | None:
    """Where the bad events changed, within twice the long window."""
    rows = slo_windows.read_minutes(cursor, stored.id, now_ns // SECOND_NS - 2 * long_s, now_ns // SECOND_NS)
    began_s = burn_onset(
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows]),
        np.array([row[2] for row in rows]),
        stored.slo.target_ratio,
        ONSET_BURN_RATE,
    )
    return None if began_s is None else began_s * SECOND_NS
