"""What samples add to the minutes of SLOs: per sample on arrival, by event time, independent of ticks and rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.sli.binding import Role, SloBinding, ThresholdOp
from models.state.fields import I4, Ints
from models.state.results import SloCounts
from models.state.tables import State
from models.timestamps import MINUTE_NS

_ROLES = {role: number for number, role in enumerate((Role.THRESHOLD, Role.GOOD, Role.BAD, Role.TOTAL))}
_OPS = {op: n for n, op in enumerate((ThresholdOp.LT, ThresholdOp.LTE, ThresholdOp.GT, ThresholdOp.GTE))}


class SliRow(Protocol):
    """Where a series' SLO bindings are, and how many."""

    sli_first_binding: I4
    sli_n_bindings: I4


class SliSeries(SliRow, Protocol):
    """And the event times of its newest samples; see `models.ticks.assembly.SeriesTicks`."""

    tick_n_times: int
    tick_times_ns: Ints


class Bindings(NamedTuple):
    """SLO bindings of all series, flat; a series has entries `sli_first_binding` up to `sli_n_bindings` more."""

    slo: NDArray[np.int32]
    role: NDArray[np.int8]
    op: NDArray[np.int8]
    threshold: NDArray[np.float64]
    counter: NDArray[np.int8]


NO_BINDINGS = Bindings(
    np.empty(0, np.int32), np.empty(0, np.int8), np.empty(0, np.int8), np.empty(0), np.empty(0, np.int8)
)

PROMPT_NS = 150_000_000_000
"""Growth is counted where it began for series that come at least this often: half of the shortest window of a period of
30 days, which so always holds some of it. Rarer ones would leave windows empty until their next sample."""

GAP_FACTOR = 2
"""A series that was away for more than twice its last spacing has missed a sample."""


class SloContributions(NamedTuple):
    """Contributions to SLO minutes in order of arrival, not yet summed over equal (slo, minute).

    `seen_ns` is the event time of the sample that brought the contribution, which may lie in a later minute.
    """

    slo: NDArray[np.int32]
    minute_s: NDArray[np.int64]
    good: NDArray[np.float64]
    total: NDArray[np.float64]
    seen_ns: NDArray[np.int64]


NO_COUNTS = SloContributions(
    np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0), np.empty(0), np.empty(0, np.int64)
)


class Found(NamedTuple):
    """Room for counts. `used`: int64 `(1,)`, how many have been written."""

    counts: SloContributions
    used: NDArray[np.int64]


def bind(state: State, bindings: Sequence[SloBinding]) -> Bindings:
    """Bindings of every series of the state; tells each series where its own are."""
    return _bind_from(0, state, bindings, NO_BINDINGS)


def bind_new(first: int, state: State, bindings: Sequence[SloBinding], bound: Bindings) -> Bindings:
    """`bound` and the bindings of series from number `first` on: a new series costs as much however many there are."""
    return _bind_from(first, state, bindings, bound)


def _bind_from(first: int, state: State, bindings: Sequence[SloBinding], bound: Bindings) -> Bindings:
    by_metric: dict[str, list[SloBinding]] = {}
    for binding in bindings:
        by_metric.setdefault(binding.metric, []).append(binding)
    flat: list[SloBinding] = []
    starts, sizes = [], []
    for identity in state.identities[first:]:
        matching = [b for b in by_metric.get(identity.metric, ()) if b.matches(identity)]
        starts.append(len(bound.slo) + len(flat))
        sizes.append(len(matching))
        flat.extend(matching)
    rows = state.series[first : len(state.identities)]
    rows["sli_first_binding"], rows["sli_n_bindings"] = starts, sizes
    if not flat:
        return bound
    found = Bindings(
        np.array([b.slo_id for b in flat], np.int32),
        np.array([_ROLES[b.role] for b in flat], np.int8),
        np.array([_OPS[b.op] if b.op is not None else 0 for b in flat], np.int8),
        np.array([b.threshold if b.threshold is not None else 0.0 for b in flat], np.float64),
        np.array([b.counter for b in flat], np.int8),
    )
    return Bindings(
        np.concatenate((bound.slo, found.slo)),
        np.concatenate((bound.role, found.role)),
        np.concatenate((bound.op, found.op)),
        np.concatenate((bound.threshold, found.threshold)),
        np.concatenate((bound.counter, found.counter)),
    )


def sum_counts(counts: SloContributions) -> SloCounts:
    """The same counts with every (slo, minute) once, ordered by them."""
    if len(counts.slo) == 0:
        return SloCounts(counts.slo, counts.minute_s, counts.good, counts.total)
    order = np.lexsort((counts.minute_s, counts.slo))
    slo, minute = counts.slo[order], counts.minute_s[order]
    first = np.flatnonzero(np.concatenate(([True], (np.diff(slo) != 0) | (np.diff(minute) != 0))))
    good, total = (np.add.reduceat(column[order], first) for column in (counts.good, counts.total))
    return SloCounts(slo[first], minute[first], good, total)


def room(n: int) -> Found:
    """Room for `n` counts."""
    counts = SloContributions(
        np.empty(n, np.int32), np.empty(n, np.int64), np.empty(n), np.empty(n), np.empty(n, np.int64)
    )
    return Found(counts, np.zeros(1, np.int64))


def written(found: Found) -> SloContributions:
    """The counts that have been written."""
    n = int(found.used[0])
    counts = found.counts
    return SloContributions(counts.slo[:n], counts.minute_s[:n], counts.good[:n], counts.total[:n], counts.seen_ns[:n])


@compiled
def grown_at(series: SliSeries, t: int) -> int:
    """When the increase that the sample at `t`, the newest of its series, tells of is counted: at the sample before
    it, when the growth began, or at `t` itself.

    Prometheus sees an increase in the windows that hold both samples, and so does a window here that holds the
    earlier one. It matters most after a gap: what grew during it belongs to the gap, not to the minute after. Series
    that come rarely are counted at the later sample, see `PROMPT_NS`.
    """
    n = series.tick_n_times
    if n < 2 or series.tick_times_ns[n - 1] != t:
        return t
    before = series.tick_times_ns[n - 2]
    if t - before <= PROMPT_NS or (n > 2 and t - before > GAP_FACTOR * (before - series.tick_times_ns[n - 3])):
        return int(before)
    return t


@compiled
def count(series: SliSeries, bindings: Bindings, t: int, amounts: tuple[float, float], found: Found) -> None:
    """Note what a sample adds to its SLOs; `amounts` are its value and its increase."""
    since = grown_at(series, t)
    for b in range(series.sli_first_binding, series.sli_first_binding + series.sli_n_bindings):
        amount = amounts[1] if bindings.counter[b] else amounts[0]
        if np.isnan(amount):
            continue
        good, total = 0.0, 0.0
        role = bindings.role[b]
        if role == 0:
            limit, op = bindings.threshold[b], bindings.op[b]
            met = (amount < limit, amount <= limit, amount > limit, amount >= limit)[op]
            good, total = (1.0 if met else 0.0), 1.0
        elif role == 1:
            good = amount
        elif role == 2:
            good = -amount
        else:
            total = amount
        k = found.used[0]
        found.counts.slo[k] = bindings.slo[b]
        found.counts.minute_s[k] = (since if bindings.counter[b] else t) // MINUTE_NS * 60
        found.counts.seen_ns[k] = t
        found.counts.good[k] = good
        found.counts.total[k] = total
        found.used[0] = k + 1
