"""What a target, threshold or period would have alerted on: alerts, how soon they came and went, and the budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.labels import LabelWindow
from models.names import Severity
from models.reasons import AlertState
from models.slo.budgeting import Budgeted, budgeted
from models.slo.burn import Counts, Floats, Recorded, allowed_error_ratio, window_start_s
from models.slo.definition import Slo, ThresholdIndicator, TimeWindow
from models.slo.exceptions import SloException, held_at
from models.slo.periods import period_bounds
from models.slo.replay import BurnTransition, changes, replay, sums_of_windows
from models.slo.windows import RESOLUTION_S

SUGGESTIONS: Final = tuple(
    round(1 - tenths / 10 * 10.0**-power, 12) for power in (6, 5, 4, 3, 2) for tenths in range(10, 100)
)
"""Targets that may be suggested, tightest first: error budgets of two digits from 0.0001 % to 9.9 %."""


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
        detection_s: from the first minute that burnt faster than the alert's factor to the alert; minutes that did
            belong together while the calm between them is no longer than the short window.
        reset_s: from the end of the last such minute to the end of the alert; None as above.
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
        suggested_target: see `suggest_target`; None where nothing was marked as noise, or no target will do.
        exceptions: pauses, silences and maintenance that reached into what was simulated.
    """

    variant: Variant
    transitions: list[BurnTransition]
    alerts: list[SimulatedAlert]
    period: Counts
    suggested_target: float | None
    exceptions: tuple[SloException, ...] = ()


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
    exceptions: Sequence[SloException] = (),
) -> Outcome:
    """What a variant would have done, evaluated at each of the moments (float64 `(n_moments,)`, ascending).

    Args:
        noise: time ranges in which whatever happened was not worth a page; those of the SLO count, see `concerns`.
        exceptions: the SLO's pauses, silences and maintenance, each taken as known from its begin on.
    """
    slo = variant.slo
    mine = [window for window in noise if concerns(window, slo)]
    transitions = replay(slo, recorded, moments_s, exceptions)
    spent = budgeted(slo, recorded, exceptions, float(moments_s[-1]) if len(moments_s) else 0.0)
    return Outcome(
        variant,
        transitions,
        _alerts(slo, spent.units, transitions, mine),
        _period(spent, float(moments_s[-1])) if len(moments_s) else Counts(0.0, 0.0),
        suggest_target(slo, recorded, moments_s, mine, exceptions) if mine else None,
        tuple(one for one in exceptions if held_at([one], moments_s).any()),
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
    exceptions: Sequence[SloException] = (),
) -> float | None:
    """The tightest target with which no page would have begun in what was marked as noise; None where every one of
    `SUGGESTIONS` pages for it."""
    sums = sums_of_windows(slo, recorded, moments_s, exceptions)
    marked, held = _marked(moments_s, noise), held_at(exceptions, moments_s)
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
        marked |= (moments_s >= window.start_ns / 1e9) & (moments_s <= window.end_ns / 1e9 + RESOLUTION_S)
    return marked


def _alerts(
    slo: Slo, units: Recorded, transitions: Sequence[BurnTransition], noise: Sequence[LabelWindow]
) -> list[SimulatedAlert]:
    pairs = {(pair.severity, pair.name): pair for pair in slo.pairs}
    burnt = {pair.factor: _burnt(slo, units, pair.factor) for pair in pairs.values()}
    found: list[SimulatedAlert] = []
    open_: dict[tuple[Severity, str], int] = {}
    for change in transitions:
        key = (change.severity, change.burn_window)
        bad_s = burnt[pairs[key].factor]
        if change.state is AlertState.FIRING:
            open_[key] = len(found)
            detection_s = change.at_s - _burn_began(bad_s, change.at_s, pairs[key].short_s + slo.unit_s)
            is_noise = bool(_marked(np.array([change.at_s]), noise)[0])
            found.append(SimulatedAlert(*key, change.at_s, None, detection_s, None, is_noise))
        else:
            number = open_.pop(key)
            last_bad = bad_s[: np.searchsorted(bad_s, change.at_s)][-1:]
            reset_s = change.at_s - (float(last_bad[0]) + slo.unit_s) if len(last_bad) else 0.0
            found[number] = replace(found[number], resolved_s=change.at_s, reset_s=max(reset_s, 0.0))
    return found


def _burnt(slo: Slo, units: Recorded, factor: float) -> NDArray[np.int64]:
    """Minutes (or slices) that burn the budget more than `factor` times as fast as allowed."""
    minutes, inverse = np.unique(units.minute_s, return_inverse=True)
    good, total = (np.bincount(inverse, column, len(minutes)) for column in (units.good, units.total))
    bad: NDArray[np.int64] = minutes[(total - good) > factor * allowed_error_ratio(slo.target_ratio) * total]
    return bad


def _burn_began(bad_s: NDArray[np.int64], fired_s: float, pause_s: float) -> float:
    """Start of the run of burnt minutes before an alert; starts that are at most `pause_s` apart are of one run."""
    before = bad_s[: np.searchsorted(bad_s, fired_s)]
    if not len(before):
        return fired_s
    breaks = np.flatnonzero(np.diff(before) > pause_s)
    return float(before[breaks[-1] + 1] if len(breaks) else before[0])


def _period(spent: Budgeted, at_s: float) -> Counts:
    """Counts of the period that `at_s` lies in, up to then, with what its gaps count as."""
    slo, units = spent.slo, spent.units
    period_s, _ = period_bounds(slo.window, at_s)
    start_s = window_start_s(period_s, 0, slo.unit_s)
    inside = (units.minute_s >= start_s) & (units.seen_s <= at_s)
    counts = Counts(float(units.good[inside].sum()), float(units.total[inside].sum()))
    return spent.filled(counts, len(np.unique(units.minute_s[inside])), start_s, at_s)
