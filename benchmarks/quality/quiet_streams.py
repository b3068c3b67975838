"""Streams in which nothing happens, of the kinds that make false alarms: each stationary from the second week on.

Every stream is four weeks of one-minute samples from its own seed. Names ending in `_total` are counters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

Floats = NDArray[np.float64]

MINUTES = 28 * 1440
START_S = 1_767_571_200
"""A Monday, midnight UTC."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """Attributes: time_s: float64 `(n,)`. columns: metric -> float64 `(n,)`, NaN missing."""

    time_s: Floats
    columns: Mapping[str, Floats]


def quiet(name: str, seed: int) -> Quiet:
    """The stream of a kind, the same for the same seed."""
    rng = np.random.default_rng([seed, list(KINDS).index(name)])
    time_s = START_S + 60.0 * np.arange(MINUTES, dtype=np.float64)
    if name == "irregular intervals":
        # a sample every 20 to 100 seconds
        time_s = START_S + np.cumsum(rng.integers(20, 101, MINUTES)).astype(np.float64)
    made = KINDS[name](rng, time_s)
    return Quiet(time_s, made if isinstance(made, dict) else {"value": made})


def _ar(rng: np.random.Generator, n: int, phi: float) -> Floats:
    """First-order autoregression with variance 1."""
    noise = rng.standard_normal(n) * np.sqrt(1 - phi * phi)
    noise[0] = rng.standard_normal()
    return np.asarray(lfilter([1.0], [1.0, -phi], noise))


def _daily(time_s: Floats, peak_hour: float = 14.0) -> Floats:
    """-1 to 1 over a day."""
    return np.asarray(np.cos(2 * np.pi * (time_s / 86_400 - peak_hour / 24)))


def _weekend(time_s: Floats) -> NDArray[np.bool_]:
    return np.asarray(((time_s - START_S) // 86_400) % 7 >= 5)


def _missing(rng: np.random.Generator, time_s: Floats) -> Floats:
    value = 50 + 5 * rng.standard_normal(len(time_s))
    value[rng.random(len(time_s)) < 0.2] = np.nan
    return value


def _idle_counter(rng: np.random.Generator, time_s: Floats) -> dict[str, Floats]:
    """One minute in twenty has any requests at all."""
    steps = np.where(rng.random(len(time_s)) < 0.05, rng.poisson(30, len(time_s)), 0)
    return {"requests_total": np.cumsum(steps).astype(np.float64)}


def _busy_counter(rng: np.random.Generator, time_s: Floats) -> dict[str, Floats]:
    return {"requests_total": np.cumsum(rng.poisson(600 * (1.5 + _daily(time_s)))).astype(np.float64)}


def _nightly_job(rng: np.random.Generator, time_s: Floats) -> Floats:
    """Half an hour at 02:00, a minute or two earlier or later."""
    day = ((time_s - START_S) // 86_400).astype(np.int64)
    begin = 7200 + 60 * rng.integers(-2, 3, int(day.max()) + 1)[day]
    second = (time_s - START_S) % 86_400
    running = (second >= begin) & (second < begin + 1800)
    return np.asarray(20 + 2 * rng.standard_normal(len(time_s)) + 60 * running)


def _bursts(rng: np.random.Generator, time_s: Floats) -> Floats:
    """Ten bursts a day, of minutes and of any height."""
    value = 5 + rng.standard_normal(len(time_s))
    for start in np.flatnonzero(rng.random(len(time_s)) < 10 / 1440):
        length = 1 + int(rng.exponential(4))
        value[start : start + length] += rng.exponential(30)
    return value


def _two_levels(rng: np.random.Generator, time_s: Floats) -> Floats:
    """Changes between two levels about every hour."""
    level = np.cumsum(rng.random(len(time_s)) < 1 / 60) % 2
    return np.asarray(10 + 30 * level + rng.standard_normal(len(time_s)))


def _volatile(rng: np.random.Generator, time_s: Floats) -> Floats:
    """Noise whose size wanders by a factor of two over hours."""
    return np.asarray(100 + 5 * np.exp(0.35 * _ar(rng, len(time_s), 0.995)) * rng.standard_normal(len(time_s)))


def _wide(rng: np.random.Generator, time_s: Floats, metrics: int, dead: int) -> dict[str, Floats]:
    """Metrics that three slow factors and a daily shape drive; the dead ones stand still."""
    n = len(time_s)
    factors = np.column_stack([_ar(rng, n, phi) for phi in (0.5, 0.9, 0.99)] + [_daily(time_s)])
    columns = {}
    for number in range(metrics):
        mixed = factors @ rng.normal(0, 1, factors.shape[1]) + 0.3 * rng.standard_normal(n)
        level = rng.uniform(10, 100)
        columns[f"m{number:02}"] = np.full(n, round(level)) if number < dead else level + mixed * level / 20
    return columns


KINDS: Mapping[str, Callable[[np.random.Generator, Floats], Floats | dict[str, Floats]]] = {
    "gaussian": lambda rng, t: 100 + 10 * rng.standard_normal(len(t)),
    "student t, 3 degrees of freedom": lambda rng, t: 100 + 5 * rng.standard_t(3, len(t)),
    "lognormal": lambda rng, t: np.exp(3 + 0.8 * rng.standard_normal(len(t))),
    "gamma": lambda rng, t: rng.gamma(2.0, 20.0, len(t)),
    "autoregression .95": lambda rng, t: 50 + 8 * _ar(rng, len(t), 0.95),
    "Poisson counts": lambda rng, t: rng.poisson(4, len(t)).astype(np.float64),
    "mostly zero": lambda rng, t: np.where(rng.random(len(t)) < 0.02, rng.poisson(2, len(t)), 0).astype(np.float64),
    "three distinct values": lambda rng, t: rng.choice([1.0, 2.0, 5.0], len(t), p=[0.9, 0.08, 0.02]),
    "constant": lambda rng, t: np.full(len(t), 7.0),
    "saturating percentage": lambda rng, t: np.clip(85 + 20 * _ar(rng, len(t), 0.8), 0, 100),
    "ratio mostly 1": lambda rng, t: 1 - np.where(rng.random(len(t)) < 0.05, rng.beta(1, 60, len(t)), 0.0),
    "daily shape": lambda rng, t: 100 + 40 * _daily(t) + 4 * rng.standard_normal(len(t)),
    "daily shape, multiplicative noise": lambda rng, t: np.exp(4 + _daily(t) + 0.15 * rng.standard_normal(len(t))),
    "weekly shape": lambda rng, t: (
        (100 + 40 * _daily(t)) * np.where(_weekend(t), 0.5, 1.0) + 4 * rng.standard_normal(len(t))
    ),
    "rounded to half a degree": lambda rng, t: np.round(2 * (21 + 3 * _daily(t) + 0.3 * _ar(rng, len(t), 0.9))) / 2,
    "nightly job": _nightly_job,
    "bursts": _bursts,
    "two levels": _two_levels,
    "noise of changing size": _volatile,
    "slow wander": lambda rng, t: 100 + 10 * _ar(rng, len(t), 1 - 1 / 2880) + rng.standard_normal(len(t)),
    "trend": lambda rng, t: 100 + 20 * (t - START_S) / 604_800 + 2 * rng.standard_normal(len(t)),
    "missing samples": _missing,
    "irregular intervals": lambda rng, t: 50 + 5 * rng.standard_normal(len(t)),
    "idle counter": _idle_counter,
    "busy counter": _busy_counter,
    "8 metrics": lambda rng, t: _wide(rng, t, 8, 0),
    "38 metrics, 20 dead": lambda rng, t: _wide(rng, t, 38, 20),
}
