"""What a target, threshold or period would have alerted on: alerts, how soon they came and went, and the budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.labels import LabelWindow
from models.names import Severity
from models.reasons import AlertState
from models.slo.budget import Budgeted, Lived, budget_remaining, budgeted, lived
from models.slo.burn import Counts, Floats, Recorded, window_start_s
from models.slo.causes.onset import burn_end, burn_onset
from models.slo.definition import Slo, ThresholdIndicator, TimeWindow
from models.slo.exclusions import SloExclusion, held_at
from models.slo.periods import period_bounds
from models.slo.simulate.replay import BurnTransition, changes, replay, sums_of_windows
from models.slo.windows import RESOLUTION_S
from models.timestamps import SECOND_NS

SUGGESTIONS: Final = tuple(
    round(1 - tenths / 10 * 10.0**-power, 12) for power in (6, 5, 4, 3, 2) for tenths in range(10, 100)
)
"""Targets that may be suggested, tightest first: error budgets of two digits from 0.0001 % to 9.9 %."""

LOOKBACK_WINDOWS: Final = 2
"""Long windows in which the begin of a burn is looked for: what fills one to its factor began within it, or before, if
it flapped."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A definition to try; `change` says in which way it differs from the one given, empty for that itself."""

    slo: Slo
    change: str


@dataclass(frozen=True, slots=True)
class SimulatedAlert:
    """A burn alert that would have been sent.

    Attributes:
        fired_s, resolved_s: epoch seconds; None where it still fires at the end.
        detection_s: from when more events were bad than the alert's factor allows, by `burn_onset`, to the alert.
        reset_s: from when no more were, by `burn_end`, to the end of the alert; None as above.
        noise: whether it began while what happened was marked as noise.
    """

    severity: Severity
    burn_window: str
    fired_s: float
    resolved_s: float | None
    detection_s: float
    reset_s: float | None
    noise: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a variant would have done.

    Attributes:
        period: counts of the period that the last moment lies in.
        lived: how much of that period was counted by then.
        suggested_target: see `suggest_target`; None where nothing was marked as noise, or no target will do.
        exceptions: pauses, silences and maintenance that reached into what was simulated.
    """

    variant: Variant
    transitions: list[BurnTransition]
    alerts: list[SimulatedAlert]
    period: Counts
    lived: Lived
    suggested_target: float | None
    exclusions: tuple[SloExclusion, ...] = ()

    @property
    def budget_remaining(self) -> float:
        """Share of the whole period's error budget that is left; NaN without events."""
        return budget_remaining(self.period, self.variant.slo.target_ratio, self.lived)


def variants(
    slo: Slo, targets: Sequence[float], thresholds: Sequence[float], windows: Sequence[TimeWindow]
) -> list[Variant]:
    """Every combination of what is to be tried; the definition as it is where nothing is.

    Thresholds are tried on the SLOs that have one.
    """
    found = []
    limits = thresholds if isinstance(slo.indicator, ThresholdIndicator) else ()
    for target, limit, window in product(targets or (None,), limits or (None,), windows or (None,)):
        changed, words = slo, []
        if target is not None:
            changed = msgspec.structs.replace(changed, target_ratio=target)
            words.append(f"target={target * 100:.10g}%")
        if limit is not None and isinstance(slo.indicator, ThresholdIndicator):
            indicator = msgspec.structs.replace(slo.indicator, threshold=limit)
            changed = msgspec.structs.replace(changed, indicator=indicator)
            words.append(f"threshold={limit:g}")
        if window is not None:
            changed = msgspec.structs.replace(changed, window=window)
            words.append(f"period={window.text}")
        found.append(Variant(changed, " ".join(words)))
    return found


def evaluation_moments(recorded: Sequence[Recorded], every_s: float) -> Floats:
    """Multiples of `every_s` from the first sample that counted for any of the SLOs to the last: `(n_moments,)`."""
    seen = [part.seen_s for part in recorded if len(part.seen_s)]
    if not seen:
        return np.empty(0)
    first_s, last_s = min(float(s.min()) for s in seen), max(float(s.max()) for s in seen)
    first, last = -(-first_s // every_s), -(-last_s // every_s)
    return np.arange(first, last + 1) * every_s


def simulate(
    variant: Variant,
    recorded: Recorded,
    moments_s: Floats,
    noise: Sequence[LabelWindow],
    exclusions: Sequence[SloExclusion] = (),
) -> Outcome:
    """What a variant would have done, evaluated at each of the moments (float64 `(n_moments,)`, ascending).

    Args:
        noise: time ranges in which whatever happened was not worth a page; those of the SLO count, see `concerns`.
        exceptions: the SLO's pauses, silences and maintenance, each taken as known from its begin on.
    """
    slo = variant.slo
    concerning = [window for window in noise if concerns(window, slo)]
    transitions = replay(slo, recorded, moments_s, exclusions)
    spent = budgeted(slo, recorded, exclusions, float(moments_s[-1]) if len(moments_s) else 0.0)
    return Outcome(
        variant,
        transitions,
        _alerts(slo, spent.units, transitions, concerning),
        _period(spent, float(moments_s[-1])) if len(moments_s) else Counts(0.0, 0.0),
        lived(slo.window, spent.first_s, float(moments_s[-1]), spent.spans, slo.unit_s)
        if len(moments_s)
        else Lived(0.0, 0.0, 0.0),
        suggest_target(slo, recorded, moments_s, concerning, exclusions) if concerning else None,
        tuple(exclusion for exclusion in exclusions if held_at([exclusion], moments_s).any()),
    )


def concerns(window: LabelWindow, slo: Slo) -> bool:
    """Whether a marked time range is about an SLO: it names the SLO, its service, an entity of that, or nothing."""
    name = window.entity
    return name in ("", slo.name, slo.service) or name.startswith(f"{slo.service}/")


def suggest_target(
    slo: Slo,
    recorded: Recorded,
    moments_s: Floats,
    noise: Sequence[LabelWindow],
    exclusions: Sequence[SloExclusion] = (),
) -> float | None:
    """The tightest target with which no page would have begun in what was marked as noise; None where every one of
    `SUGGESTIONS` pages for it."""
    sums = sums_of_windows(slo, recorded, moments_s, exclusions)
    marked, held = _marked(moments_s, noise), held_at(exclusions, moments_s)
    pages = [pair for pair in slo.pairs if pair.severity is Severity.PAGE]
    for target in SUGGESTIONS:
        tried = msgspec.structs.replace(slo, target_ratio=target)
        found = (change for pair in pages for change in changes(pair, sums, tried, moments_s, held))
        if not any(state is AlertState.FIRING and marked[index] for index, state in found):
            return target
    return None


def _marked(moments_s: Floats, noise: Sequence[LabelWindow]) -> NDArray[np.bool_]:
    """Moments at which an alert that begins is one for noise: an evaluation may come a minute after what it sees."""
    marked = np.zeros(len(moments_s), np.bool_)
    for window in noise:
        marked |= (moments_s >= window.start_ns / SECOND_NS) & (moments_s <= window.end_ns / SECOND_NS + RESOLUTION_S)
    return marked


def _alerts(
    slo: Slo, units: Recorded, transitions: Sequence[BurnTransition], noise: Sequence[LabelWindow]
) -> list[SimulatedAlert]:
    pairs = {(pair.severity, pair.name): pair for pair in slo.pairs}
    minutes = _by_minute(units)
    found: list[SimulatedAlert] = []
    open_: dict[tuple[Severity, str], tuple[int, float]] = {}
    for change in transitions:
        key = (change.severity, change.burn_window)
        pair = pairs[key]
        if change.state is AlertState.FIRING:
            part = _between(minutes, change.at_s - LOOKBACK_WINDOWS * pair.long_s, change.at_s)
            began_s = burn_onset(*part, slo.target_ratio, pair.factor)
            detection_s = 0.0 if began_s is None else change.at_s - began_s
            open_[key] = len(found), change.at_s - detection_s
            is_noise = bool(_marked(np.array([change.at_s]), noise)[0])
            found.append(SimulatedAlert(*key, change.at_s, None, detection_s, None, is_noise))
        else:
            number, from_s = open_.pop(key)
            ended_s = burn_end(*_between(minutes, from_s, change.at_s), slo.target_ratio, pair.factor)
            reset_s = 0.0 if ended_s is None else change.at_s - ended_s
            found[number] = replace(found[number], resolved_s=change.at_s, reset_s=reset_s)
    return found


class _Minutes(NamedTuple):
    """Minutes (or slices), each once, ascending; arrays `(n,)`."""

    start_s: NDArray[np.int64]
    good: Floats
    total: Floats


def _by_minute(units: Recorded) -> _Minutes:
    starts, inverse = np.unique(units.minute_s, return_inverse=True)
    good, total = np.zeros(len(starts)), np.zeros(len(starts))
    np.add.at(good, inverse, units.good)
    np.add.at(total, inverse, units.total)
    return _Minutes(starts, good, total)


def _between(minutes: _Minutes, from_s: float, to_s: float) -> _Minutes:
    """Minutes that begin in `[from_s, to_s)`."""
    inside = slice(*np.searchsorted(minutes.start_s, (from_s, to_s)).tolist())
    return _Minutes(minutes.start_s[inside], minutes.good[inside], minutes.total[inside])


def _period(spent: Budgeted, at_s: float) -> Counts:
    """Counts of the period that `at_s` lies in, up to then, with what its gaps count as."""
    slo, units = spent.slo, spent.units
    period_s, _ = period_bounds(slo.window, at_s)
    start_s = window_start_s(period_s, 0, slo.unit_s)
    inside = (units.minute_s >= start_s) & (units.seen_s <= at_s)
    counts = Counts(float(units.good[inside].sum()), float(units.total[inside].sum()))
    return spent.filled(counts, len(np.unique(units.minute_s[inside])), start_s, at_s)
