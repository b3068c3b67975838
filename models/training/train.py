"""From samples to a judged challenger: what the trainer does live and the backtest plays."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from models.labels import IncidentWindow
from models.reasons import RetrainReason
from models.records import SampleColumns
from models.scoring.alert_threshold import WEEK_S
from models.series import EntityRule
from models.service_model.anomalous_rows import alarm_rows
from models.service_model.model import ServiceModel
from models.timestamps import DAY_NS
from models.training.fit import TooLittleData, fit, seed_of
from models.training.promotion import PromotionDecision, judge
from models.training.table import TrainingTable, cut, recent
from models.training.tick_table import tick_table
from models.training.triggers import CHANGED

MOST_ANOMALOUS = 0.5
"""Incidents and rows that the champion calls anomalous are left out up to this share of the history, and where nobody
has confirmed them, of each day: most of the time cannot be abnormal, and a model of the rest would go on calling it so.
One machine whose normal had changed was in alarm for a week, and its models learnt nothing of it."""

ESTABLISHED = 0.1
"""Share of the history from which rows since a change are a new normal. Fewer, an hour of a week, may as well be an
incident that would be learnt while it lasts. Of a history shorter than `SHORT_HISTORY_NS` every change is one: there is
no old normal to speak of."""

SHORT_HISTORY_NS = DAY_NS


@dataclass(frozen=True, slots=True)
class TrainingOrder:
    """What to train.

    Attributes:
        service: whose model. request_id: of the request; the seed follows from it. reason: why it was asked for.
        changed_ns: since when another normal holds, event time; None where nothing is known to have changed.
        incidents: windows to leave out of what is learnt, and, but for those that are only suspected, to judge by.
    """

    service: str
    request_id: str
    reason: RetrainReason
    changed_ns: int | None = None
    incidents: tuple[IncidentWindow, ...] = ()


@dataclass(frozen=True, slots=True)
class TrainingRules:
    """How to train: which labels make an entity, how late a sample may be, the false-alarm rate asked for, and how many
    rows it takes at least and at most."""

    entity_rule: EntityRule
    lateness_s: float
    alerts_per_entity_week: float
    min_rows: int
    max_rows: int


@dataclass(frozen=True, slots=True)
class Trained:
    """A challenger with the verdict on it.

    Attributes:
        quiet_rows: rows learnt from, calibrated with and judged on. incident_rows: left out as incidents.
        anomalous_rows: left out because the champion calls them anomalous.
    """

    model: ServiceModel
    verdict: PromotionDecision
    quiet_rows: int
    incident_rows: int
    anomalous_rows: int


def train(samples: SampleColumns, order: TrainingOrder, champion: ServiceModel | None, rules: TrainingRules) -> Trained:
    """Fit a challenger to a service's samples and judge it against the champion; the same input gives the same result.

    On one core: its matrices are small, and a second thread of the linear algebra does little but wait, at half as much
    CPU again for the same time.

    Args:
        samples: of the service, by event time.

    Raises:
        TooLittleData: fewer than `rules.min_rows` quiet rows.
        Rejected: one of the series is not a series.
    """
    with _linear_algebra().limit(limits=1, user_api="blas"):
        return _train(samples, order, champion, rules)


@cache
def _linear_algebra() -> ThreadpoolController:
    return ThreadpoolController()


def _train(
    samples: SampleColumns, order: TrainingOrder, champion: ServiceModel | None, rules: TrainingRules
) -> Trained:
    table = tick_table(samples, order.service, rules.entity_rule, rules.lateness_s)
    order = _established(order, table)
    confirmed = table.inside(w for w in order.incidents if not w.suspected)
    suspected = table.inside(w for w in order.incidents if w.suspected) & ~confirmed
    anomalous = ~confirmed & ~suspected & _anomalous(table, order.reason, champion, rules)
    usual = _usual_days(table.tick_ns, suspected | anomalous)
    suspected, anomalous = suspected & ~usual, anomalous & ~usual
    in_incident = confirmed | suspected
    if len(table) and (in_incident | anomalous).mean() > MOST_ANOMALOUS:
        in_incident[:], anomalous[:] = False, False
    quiet = table.take(~in_incident & ~anomalous)
    if len(quiet) < rules.min_rows:
        raise TooLittleData(
            f"{order.service}: {len(quiet)} quiet rows, {rules.min_rows} are needed "
            f"({int(in_incident.sum())} rows are incidents, {int(anomalous.sum())} anomalous)"
        )
    if order.changed_ns is not None:
        quiet = recent(quiet, order.changed_ns, rules.min_rows)
    quiet = quiet.newest(rules.max_rows)
    seed = seed_of(order.request_id)
    parts = cut(quiet)
    model = fit(quiet, order.service, seed=seed, parts=parts)
    verdict = judge(
        model,
        champion,
        parts.judge,
        table.take(in_incident & confirmed),
        order.reason,
        alerts_per_entity_week=rules.alerts_per_entity_week,
        seed=seed,
        since_ns=order.changed_ns,
    )
    return Trained(model, verdict, len(quiet), int(in_incident.sum()), int(anomalous.sum()))


def _established(order: TrainingOrder, table: TrainingTable) -> TrainingOrder:
    """The order as it stands: one for a change that is not established is one for a newer model of the old normal, and
    an incident that is still open where a change is established is the change."""
    if order.reason not in CHANGED or len(table) == 0:
        return order
    since_ns = order.changed_ns if order.changed_ns is not None else int(table.tick_ns[0])
    long = int(table.tick_ns[-1] - table.tick_ns[0]) >= SHORT_HISTORY_NS
    if long and (table.tick_ns >= since_ns).mean() < ESTABLISHED:
        return replace(order, reason=RetrainReason.STALE, changed_ns=None)
    return replace(order, incidents=tuple(w for w in order.incidents if w.end_ns <= table.tick_ns[-1]))


def _usual_days(tick_ns: NDArray[np.int64], unusual: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mask `(n_rows,)` of the rows of days, counted back from the newest row, of which most is unusual."""
    if len(tick_ns) == 0:
        return unusual
    day = (tick_ns[-1] - tick_ns) // DAY_NS
    rows = np.bincount(day)
    return np.asarray(np.bincount(day, unusual)[day] > MOST_ANOMALOUS * rows[day])


def _anomalous(
    table: TrainingTable, reason: RetrainReason, champion: ServiceModel | None, rules: TrainingRules
) -> NDArray[np.bool_]:
    """Mask `(n_rows,)` of the rows that the champion alarms on; none where it is no judge of what is normal."""
    nothing = np.zeros(len(table), dtype=bool)
    if champion is None or champion.learnt_ns < DAY_NS or reason in CHANGED or len(table) == 0:
        return nothing
    rate = rules.alerts_per_entity_week * table.interval_s / WEEK_S
    return alarm_rows(champion, table.columns(champion.features), table.tick_ns, -math.log(min(rate, 0.5)))
