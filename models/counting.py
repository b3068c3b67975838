"""What samples add to the minutes of SLOs: per sample on arrival, by event time, independent of ticks and rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.slo.binding import Role, SloBinding, ThresholdOp
from models.state import State, Table

_ROLES = {role: number for number, role in enumerate((Role.THRESHOLD, Role.GOOD, Role.BAD, Role.TOTAL))}
_OPS = {op: n for n, op in enumerate((ThresholdOp.LT, ThresholdOp.LTE, ThresholdOp.GT, ThresholdOp.GTE))}


class Bindings(NamedTuple):
    """SLO bindings of all series, flat; a series has entries `bound_from` to `bound_from + bound`."""

    slo: NDArray[np.int32]
    role: NDArray[np.int8]
    op: NDArray[np.int8]
    threshold: NDArray[np.float64]
    counter: NDArray[np.int8]


class Counts(NamedTuple):
    """Contributions to SLO minutes, not yet summed over equal (slo, minute)."""

    slo: NDArray[np.int32]
    minute_s: NDArray[np.int64]
    good: NDArray[np.float64]
    total: NDArray[np.float64]


NO_COUNTS = Counts(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0), np.empty(0))


class Found(NamedTuple):
    """Room for counts. `used`: int64 `(1,)`, how many have been written."""

    counts: Counts
    used: NDArray[np.int64]


def bind(state: State, bindings: Sequence[SloBinding]) -> Bindings:
    """Bindings of every series of the state; tells each series where its own are."""
    by_metric: dict[str, list[SloBinding]] = {}
    for binding in bindings:
        by_metric.setdefault(binding.metric, []).append(binding)
    flat: list[SloBinding] = []
    for number, identity in enumerate(state.identities):
        mine = [b for b in by_metric.get(identity.metric, ()) if b.matches(identity)]
        state.series["bound_from"][number], state.series["bound"][number] = len(flat), len(mine)
        flat.extend(mine)
    return Bindings(
        np.array([b.slo_id for b in flat], np.int32),
        np.array([_ROLES[b.role] for b in flat], np.int8),
        np.array([_OPS[b.op] if b.op is not None else 0 for b in flat], np.int8),
        np.array([b.threshold if b.threshold is not None else 0.0 for b in flat], np.float64),
        np.array([b.counter for b in flat], np.int8),
    )


def sum_counts(counts: Counts) -> Counts:
    """The same counts with every (slo, minute) once, ordered by them."""
    if len(counts.slo) == 0:
        return counts
    order = np.lexsort((counts.minute_s, counts.slo))
    slo, minute = counts.slo[order], counts.minute_s[order]
    first = np.flatnonzero(np.concatenate(([True], (np.diff(slo) != 0) | (np.diff(minute) != 0))))
    good, total = (np.add.reduceat(column[order], first) for column in (counts.good, counts.total))
    return Counts(slo[first], minute[first], good, total)


def room(n: int) -> Found:
    """Room for `n` counts."""
    return Found(Counts(np.empty(n, np.int32), np.empty(n, np.int64), np.empty(n), np.empty(n)), np.zeros(1, np.int64))


def written(found: Found) -> Counts:
    """The counts that have been written."""
    n = int(found.used[0])
    counts = found.counts
    return Counts(counts.slo[:n], counts.minute_s[:n], counts.good[:n], counts.total[:n])


@compiled
def count(one: Table, bindings: Bindings, t: int, amounts: tuple[float, float], found: Found) -> None:
    """Note what a sample adds to its SLOs; `amounts` are its value and its increase."""
    for b in range(one.bound_from, one.bound_from + one.bound):
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
        found.counts.minute_s[k] = t // 60_000_000_000 * 60
        found.counts.good[k] = good
        found.counts.total[k] = total
        found.used[0] = k + 1
