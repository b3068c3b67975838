"""Streaming tail of a distribution.

A tail is a high quantile (`cut`) tracked by stochastic approximation, and beyond it a generalised Pareto distribution
fitted by the first two moments of the excess (Hosking and Wallis, Technometrics 29, 1987; Siffert et al., "SPOT",
KDD 2017, for the use on streams). Surprise is `-ln P(X >= x)` in nats.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from models.compiled import compiled

PRIOR_EXCEEDANCES = 10.0
"""Weight of a tail's starting values, in exceedances."""

MEMORY_EXCEEDANCES = 300.0
"""Exceedances that a tail remembers; at 5 % beyond the cut 6,000 rows. Short tails give many times the alerts asked
for."""

WINSOR = 8.0
"""Excesses are learnt up to this many mean excesses: of an exponential tail that cuts one in 3,000."""

MAX_SHAPE = 0.25
"""Largest Pareto shape believed. The moments exist below 0.5 only, and what makes a history look heavier than 0.25 is
more often an incident in it, which must not teach that incidents are normal."""


class ParetoTail(NamedTuple):
    """Attributes:
    cut: the quantile where the tail begins.
    excess, square: mean and mean square of what lies beyond the cut, measured from it.
    beyond: exceedances seen, up to the memory; how much the tail is known from.
    """

    cut: float
    mean_excess: float
    mean_square: float
    exceedances: float


@compiled
def tail_surprise(x: float, tail: ParetoTail, p_cut: float) -> float:
    """Surprise of `x >= 0`: linear up to the cut, which has probability `p_cut`, Pareto beyond."""
    at_cut = -math.log(p_cut)
    if x <= tail.cut:
        return at_cut * x / tail.cut
    shape, scale = _pareto(tail)
    exceedances = (x - tail.cut) / scale
    if shape < 1e-6:
        return at_cut + exceedances
    return at_cut + math.log1p(shape * exceedances) / shape


@compiled
def tail_value(surprise: float, tail: ParetoTail, p_cut: float) -> float:
    """The value with this surprise; inverse of `tail_surprise`."""
    at_cut = -math.log(p_cut)
    if surprise <= at_cut:
        return tail.cut * surprise / at_cut
    shape, scale = _pareto(tail)
    if shape < 1e-6:
        return tail.cut + (surprise - at_cut) * scale
    return tail.cut + math.expm1(shape * (surprise - at_cut)) / shape * scale


@compiled
def _pareto(tail: ParetoTail) -> tuple[float, float]:
    """Shape (0 to `MAX_SHAPE`) and scale of the Pareto distribution with the tail's moments.

    Shape is believed as far as it exceeds 0 by one and a half standard errors; the scale is stretched by as many of
    the mean
    excess: conservative while little is known, where a shape would be a guess.
    """
    variance = max(tail.mean_square - tail.mean_excess * tail.mean_excess, 1e-12)
    shape = 0.5 * (1.0 - tail.mean_excess * tail.mean_excess / variance) - 1.5 / math.sqrt(1.0 + tail.exceedances)
    shape = min(max(shape, 0.0), MAX_SHAPE)
    caution = 1.0 + 1.5 / math.sqrt(1.0 + tail.exceedances)
    return shape, tail.mean_excess * (1.0 - shape) * caution


@compiled
def learn_tail(x: float, tail: ParetoTail, p_cut: float, n: float, weight: float) -> ParetoTail:
    """The tail after seeing `x` with a weight of 0 to 1 as value number `n`."""
    cut, mean_excess, mean_square, exceedances = tail.cut, tail.mean_excess, tail.mean_square, tail.exceedances
    above = x > cut
    if above:
        part = min(x - cut, WINSOR * mean_excess)
        exceedances = min(exceedances + weight, MEMORY_EXCEEDANCES)
        rate = weight / (PRIOR_EXCEEDANCES + exceedances)
        mean_excess += rate * (part - mean_excess)
        mean_square += rate * (part * part - mean_square)
    step = weight * mean_excess * max(2.0 / (n + 4.0), 0.02)
    cut = max(cut + step * ((1.0 if above else 0.0) - p_cut), 1e-3)
    return ParetoTail(cut, max(mean_excess, 1e-3), max(mean_square, 1e-6), exceedances)
