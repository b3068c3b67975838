"""What a service's model usually says of one entity: the tail of its surprises outside of alarms.

A model is calibrated on a fifth of the rows of its history, between those that it has learnt from. What comes later is
a little stranger, and much stranger where the history was an hour; the level and the onset that are added make the tail
longer still. Beside the entity's own past such a surprise is nothing new. See `pareto_tail` for the tail.

That past has a limit: where faults come every day, they are the tail, and an entity that has many would go deaf.
"""

from __future__ import annotations

from typing import Protocol

from models.compiled import compiled
from models.detectors.pareto_tail import ParetoTail, learn_tail, tail_value
from models.scoring.alert_threshold import ThresholdRow
from models.state.fields import F8

P_CUT = 0.05

START = ParetoTail(cut=3.0, mean_excess=1.0, mean_square=2.0, exceedances=0.0)
"""That of nats which are as probable as they say."""


LIMIT = 20.0
"""Nats from which a model of a day alarms whatever it has said of the entity so far, and as many more as alarms have
moved the threshold up. Chosen on tuning entities, quiet streams, simulated faults and slow incidents together, of 12 to
25: below 18 quiet entities of many metrics have more alarms than asked for, at 23 of slow incidents .81 are told before
they page, not .92. While alarms did not move it, entities of 38 metrics had twice the alarms asked for in a first
week."""


class CalibrationRow(Protocol):
    """Rows that the model has said something of outside of alarms, and the tail of these surprises."""

    calibration_n: F8
    calibration_tail_cut: F8
    calibration_tail_mean_excess: F8
    calibration_tail_mean_square: F8
    calibration_tail_exceedances: F8


class CalibrationEntity(CalibrationRow, ThresholdRow, Protocol):
    """And how far alarms have moved its threshold."""


@compiled
def entity_threshold(entity: CalibrationEntity, surprise_nats: float, youth: float) -> float:
    """What the model has to say of the entity for a surprise of `nats` beside its own past, at least as much.

    Args:
        nats: the threshold, of surprises that are as probable as they say.
        youth: what the model's history lacks of a day, 0 to 1; nothing but the entity's past judges a newborn one.
    """
    own_value = tail_value(surprise_nats, _tail(entity), P_CUT)
    limit = (LIMIT + max(entity.threshold_offset_nats, 0.0)) / max((1.0 - youth) ** 2, 1e-9)
    return float(max(surprise_nats, min(own_value, limit)))


@compiled
def learn(entity: CalibrationEntity, surprise_nats: float) -> None:
    """Take in what the model says of a row outside of an alarm."""
    before = _tail(entity)
    entity.calibration_n += 1.0
    tail = learn_tail(surprise_nats, before, P_CUT, entity.calibration_n, 1.0)
    (
        entity.calibration_tail_cut,
        entity.calibration_tail_mean_excess,
        entity.calibration_tail_mean_square,
        entity.calibration_tail_exceedances,
    ) = tail.cut, tail.mean_excess, tail.mean_square, tail.exceedances


@compiled
def _tail(entity: CalibrationEntity) -> ParetoTail:
    if entity.calibration_n == 0.0:
        return START
    return ParetoTail(
        entity.calibration_tail_cut,
        entity.calibration_tail_mean_excess,
        entity.calibration_tail_mean_square,
        entity.calibration_tail_exceedances,
    )
