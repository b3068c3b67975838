"""Why a row scores as it does: the series that stand out most, their values, and the bands that they left."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.detectors import novelty, residual
from models.detectors.departure import departure
from models.scoring.scores import TOP, RowQuestion, ScoredEntity, ScoredSeries, Scores
from models.state.rows import Rows
from models.state.tables import Tables

MODEL_LIMIT_NATS = 20.0
"""Nats of a row by its model that count for its causes: beyond, a small share of much would outweigh one series
alone."""

DEPARTURE_NATS = 12.0
"""Nats that a departure which is an alarm counts for, beside other evidence, when causes are told."""

BAND_SCORE = 0.5
"""Scores up to which only the first cause's value and band are given."""


@compiled
def fill_causes(rows: Rows, row: int, share: NDArray[np.float64], lasting_nats: float, out: Scores) -> None:
    """The three series that stand out most, by themselves or in the model, and the score divided between them by
    squares."""
    cause, part, score = out.cause[row], out.part[row], out.score[row]
    for cell in range(rows.start[row], rows.start[row + 1]):
        by_itself = max(out.onset_score[cell], out.level_score[cell])
        if out.departure[cell] >= departure.HOLD:
            by_itself = max(by_itself, DEPARTURE_NATS * out.departure[cell])
        in_model = min(lasting_nats, MODEL_LIMIT_NATS)
        weight = by_itself * by_itself + in_model * in_model * share[cell]
        k = TOP
        while k > 0 and (cause[k - 1] < 0 or part[k - 1] < weight):
            k -= 1
        if k == TOP:
            continue
        for j in range(TOP - 1, k, -1):
            cause[j], part[j] = cause[j - 1], part[j - 1]
        cause[k], part[k] = rows.series[cell], weight
    total = part.sum()
    for k in range(TOP):
        part[k] = score * part[k] / total if total > 0.0 else (score if k == 0 else 0.0)


@compiled
def fill_bands(tables: Tables, rows: Rows, asked: RowQuestion, hold: float, out: Scores) -> None:
    """Values of the causes, and the bands outside of which each is anomalous."""
    row = asked.row
    entity: ScoredEntity = tables.entities[rows.entity[row]]
    anomalous = out.score[row] > 1.0 or (entity.episode_certainty > 0 and out.score[row] > hold)
    for k in range(TOP):
        number = out.cause[row, k]
        if number < 0 or (k > 0 and out.score[row] <= BAND_SCORE):
            break
        for cell in range(rows.start[row], rows.start[row + 1]):
            if rows.series[cell] == number:
                out.value[row, k] = rows.value[cell]
        series: ScoredSeries = tables.series[number]
        if series.scatter_n >= 3.0 and entity.threshold_n >= 3.0:
            band = _band(series, out.value[row, k], rows.tick_ns[row], asked, anomalous and k == 0)
            out.expected[row, k], out.lower[row, k], out.upper[row, k] = band
    entity.latest_cause, entity.latest_value = out.cause[row, 0], out.value[row, 0]
    entity.latest_expected, entity.latest_lower, entity.latest_upper = (
        out.expected[row, 0],
        out.lower[row, 0],
        out.upper[row, 0],
    )


@compiled
def _band(
    series: ScoredSeries, value: float, tick_ns: int, asked: RowQuestion, anomalous: bool
) -> tuple[float, float, float]:
    """Expected value and band of a series: beyond it lies what is less likely than the false alarms asked for. In an
    anomalous row it is the band of what made it one."""
    expected, low, high = departure.band(series, tick_ns, asked.band_nats)
    least = residual.least_effect(series)
    if least > 0.0:
        expected, low, high = departure.within_unit(
            series, expected, min(low, expected - least), max(high, expected + least)
        )
    if not anomalous or np.isnan(value) or value < low or value > high:
        return expected, low, high
    expected, low, high = departure.band(series, tick_ns, departure.HOLD * asked.alarm_nats)
    if value < low or value > high:
        return expected, low, high
    # an onset, or the company of others: what has been seen ends short of the value
    distance = max(novelty.farthest_from_seen(series, value, tick_ns), 0.1 * abs(value - expected))
    if value >= expected:
        return expected, min(low, expected), max(value - 0.9 * distance, expected)
    return expected, min(value + 0.9 * distance, expected), high
