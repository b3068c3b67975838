"""Builds the weeks of a service: shapes, what happens to them, and what on-call expects to hear of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Effect = Callable[[np.random.Generator, Floats, Floats], Floats]
"""Values `(n,)` of an incident from a generator, the values as they were, and 0 to 1 through the incident."""

MONDAY_S = 1_780_272_000
"""Monday, 2026-06-01, midnight UTC: every story begins here."""

DAY_S, HOUR_S, MINUTE_S = 86_400, 3_600, 60

ENTITY = ("shop", "a")


@dataclass(frozen=True, slots=True)
class Incident:
    """What on-call wants to be told.

    Attributes:
        start_s, end_s: event times, end exclusive. within_s: longest time to the alert.
        held: whether rows stay anomalous until the end. metric: the cause to be named, empty for any.
        missing: told as missing telemetry instead of an anomaly. over_s: longest time from the end to calm.
    """

    start_s: float
    end_s: float
    within_s: float
    held: bool
    metric: str
    entity: tuple[str, str] = ENTITY
    missing: bool = False
    over_s: float = 1_800.0


@dataclass(frozen=True, slots=True)
class Span:
    """A range of event time, end exclusive, and why it is named."""

    start_s: float
    end_s: float
    why: str


@dataclass(slots=True)
class Metric:
    """One series. `usual` is what its values would be without noise and incidents; low and high its natural range."""

    value: Floats
    usual: Floats
    plain: Floats
    low: float
    high: float


@dataclass(slots=True)
class Feed:
    """One entity's samples: times `(n,)`, and its metrics by name; NaN where there is no sample."""

    entity: tuple[str, str]
    time_s: Floats
    metrics: dict[str, Metric] = field(default_factory=dict)


class Weeks:
    """One story: `metric` adds a series, `happens` an incident, and the rest says what is to be told of it."""

    def __init__(self, rng: np.random.Generator, days: float, interval_s: float = 300.0) -> None:
        self.rng, self.days, self.interval_s, self.start_s = rng, days, interval_s, float(MONDAY_S)
        self.feeds = [self._feed(ENTITY)]
        self.incidents: list[Incident] = []
        self.quiet: list[Span] = []
        self.allowed: list[Span] = []
        self.judged_from_s = MONDAY_S + 7.0 * DAY_S
        self.first_days_alerts = 2
        self.false_alarms_a_week = 1.0
        self.checks_band = True
        self.shuffled = False
        self.repeated = False

    def _feed(self, entity: tuple[str, str]) -> Feed:
        return Feed(entity, MONDAY_S + self.interval_s * np.arange(int(self.days * DAY_S / self.interval_s)))

    def beside(self, instance: str, service: str = ENTITY[0]) -> Feed:
        """Another entity with the same clock."""
        self.feeds.append(self._feed((service, instance)))
        return self.feeds[-1]

    @property
    def time_s(self) -> Floats:
        """Event times of the first entity."""
        return self.feeds[0].time_s

    @property
    def clock_h(self) -> Floats:
        """Hour of the day, 0 to 24."""
        return (self.time_s - MONDAY_S) % DAY_S / HOUR_S

    @property
    def day(self) -> Floats:
        """Days since the beginning, with fractions."""
        return (self.time_s - MONDAY_S) / DAY_S

    @property
    def weekend(self) -> NDArray[np.bool_]:
        """Where it is Saturday or Sunday."""
        return np.asarray(self.day % 7 >= 5)

    def metric(
        self,
        name: str,
        usual: Floats | float,
        noise: Floats | float = 0.0,
        *,
        low: float = 0.0,
        high: float = np.inf,
        feed: Feed | None = None,
        rounded: bool = False,
    ) -> Weeks:
        """Add a series: what is usual, and normal noise of so much deviation (an array of values is added as it is)."""
        feed = feed or self.feeds[0]
        mean = np.broadcast_to(np.asarray(usual, float), feed.time_s.shape).copy()
        spread = noise if isinstance(noise, np.ndarray) else noise * self.rng.standard_normal(len(mean))
        value = np.clip(mean + spread, low, high)
        value = np.round(value) if rounded else value
        feed.metrics[name] = Metric(value, mean, value.copy(), low, high)
        return self

    def where(self, day: float, clock: str, minutes: float) -> tuple[float, float]:
        """Event times of a stretch that begins at `HH:MM` of a day (0: the first)."""
        hours, rest = clock.split(":")
        start = MONDAY_S + day * DAY_S + int(hours) * HOUR_S + int(rest) * MINUTE_S
        return start, start + minutes * MINUTE_S

    def change(self, metric: str, day: float, clock: str, minutes: float, effect: Effect) -> Weeks:
        """Change values without a word about what is to be told."""
        start, end = self.where(day, clock, minutes)
        for feed in self.feeds:
            if metric in feed.metrics:
                inside = (feed.time_s >= start) & (feed.time_s < end)
                one = feed.metrics[metric]
                through = np.linspace(0.0, 1.0, max(int(inside.sum()), 1))[: inside.sum()]
                one.value[inside] = np.clip(effect(self.rng, one.value[inside], through), one.low, one.high)
                return self
        raise KeyError(metric)

    def happens(
        self,
        metric: str,
        day: float,
        clock: str,
        minutes: float,
        effect: Effect,
        *,
        within_min: float = 10.0,
        held: bool = True,
        over_min: float = 30.0,
    ) -> Weeks:
        """An incident that is to be told within so many minutes, and held until it ends."""
        self.change(metric, day, clock, minutes, effect)
        start, end = self.where(day, clock, minutes)
        over_s = max(over_min * MINUTE_S, 15 * self.interval_s)
        within_s = max(within_min * MINUTE_S, 2 * self.interval_s)
        self.incidents.append(Incident(start, end, within_s, held, metric, over_s=over_s))
        return self

    def goes_missing(
        self, day: float, clock: str, minutes: float, *, within_min: float, feed: Feed | None = None
    ) -> Weeks:
        """An entity sends nothing, which is to be told as missing telemetry."""
        feed = feed or self.feeds[0]
        start, end = self.where(day, clock, minutes)
        inside = (feed.time_s >= start) & (feed.time_s < end)
        for one in feed.metrics.values():
            one.value[inside] = np.nan
        self.incidents.append(Incident(start, end, within_min * MINUTE_S, False, "", feed.entity, missing=True))
        return self

    def stays_quiet(self, day: float, clock: str, minutes: float, why: str) -> Weeks:
        """No alert may be open here, however it looks."""
        self.quiet.append(Span(*self.where(day, clock, minutes), why))
        return self

    def may_alert(self, day: float, clock: str, minutes: float, why: str) -> Weeks:
        """Alerts here are neither asked for nor counted."""
        self.allowed.append(Span(*self.where(day, clock, minutes), why))
        return self

    def judged_from(self, day: float, first_days_alerts: int = 2) -> Weeks:
        """Until here it learns: so many alerts are forgiven, bands are not looked at."""
        self.judged_from_s, self.first_days_alerts = MONDAY_S + day * DAY_S, first_days_alerts
        return self

    def unbanded(self) -> Weeks:
        """The band is not looked at: what is usual is not known in values, as for rates of counters."""
        self.checks_band = False
        return self


def daily(w: Weeks, low: float, high: float, peak_hour: float = 14.0) -> Floats:
    """A smooth day between a low night and a high noon."""
    return low + (high - low) * 0.5 * (1 + np.cos(2 * np.pi * (w.clock_h - peak_hour) / 24))


def office(w: Weeks, night: float, day: float, weekend: float = 1.0, shift_h: Floats | float = 0.0) -> Floats:
    """Steep mornings and evenings, 7 to 9 and 17 to 20; on weekends this share of what is above the night."""
    hour = (w.clock_h + shift_h) % 24
    share = np.interp(hour, [0, 7, 9, 12, 13, 17, 20, 24], [0, 0, 0.9, 1, 0.92, 0.95, 0.1, 0])
    local_day = (w.day + np.asarray(shift_h) / 24) % 7
    return night + (day - night) * share * np.where(local_day >= 5, weekend, 1.0)


def autoregression(rng: np.random.Generator, n: int, phi: float) -> Floats:
    """Wandering noise with variance 1."""
    from scipy.signal import lfilter

    noise = rng.standard_normal(n) * np.sqrt(1 - phi * phi)
    noise[0] = rng.standard_normal()
    return np.asarray(lfilter([1.0], [1.0, -phi], noise))


def times(factor: float) -> Effect:
    """So many times as much."""
    return lambda rng, value, through: value * factor


def plus(amount: float) -> Effect:
    """So much more."""
    return lambda rng, value, through: value + amount


def to(level: float, noise: float = 0.0) -> Effect:
    """A level of its own."""
    return lambda rng, value, through: level + noise * rng.standard_normal(len(value))


def grows(amount: float) -> Effect:
    """More and more, up to this much at the end."""
    return lambda rng, value, through: value + amount * through


def stands_still() -> Effect:
    """The first value again and again."""
    return lambda rng, value, through: np.full_like(value, value[0] if len(value) else 0.0)


def noisier(deviation: float) -> Effect:
    """The same level with more noise."""
    return lambda rng, value, through: value + deviation * rng.standard_normal(len(value))


def no_samples() -> Effect:
    """Nothing arrives."""
    return lambda rng, value, through: np.full_like(value, np.nan)


Make = Callable[[Weeks], object]


@dataclass(frozen=True, slots=True)
class Situation:
    """One row of the table: a sentence, its kind, how long a story it is, and how the story is told."""

    name: str
    kind: str
    days: float
    make: Make
    interval_s: float = 300.0

    def weeks(self, seed: int) -> Weeks:
        """The story for a seed."""
        key = [seed, *self.name.encode()]
        w = Weeks(np.random.default_rng(key), self.days, self.interval_s)
        self.make(w)
        return w


def everything(tables: Sequence[Sequence[Situation]]) -> tuple[Situation, ...]:
    """All rows, in order; their names are distinct."""
    found = tuple(situation for table in tables for situation in table)
    names = [situation.name for situation in found]
    assert len(set(names)) == len(names), sorted(name for name in names if names.count(name) > 1)
    return found
