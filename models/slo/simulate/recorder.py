"""Past samples counted for SLOs by the fold's own placing and counting, with when each count was known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.fold_state import new_state
from models.records import SampleColumns
from models.series import EntityRule, SeriesIdentity
from models.sli.binding import SloBinding
from models.sli.counts import SloContributions, bind
from models.slo.burn import Floats, Recorded
from models.slo.definition import Slo
from models.state.rows import Samples
from models.ticks.assembly import assemble
from models.timestamps import SECOND_NS

Ints = NDArray[np.int32]

SAMPLES_AT_ONCE = 100_000
"""Bounds the memory of one pass of the placing, which makes room for the most that these could close."""


class SloRecorder:
    """Counts samples for SLOs as a worker does, and keeps what it counted.

    Args:
        slos: every one is counted on its own; an SLO's number is its place in here.
        rule: which labels make an entity.
        lateness_s: how far behind its entity's newest sample a sample may be and still count.
        every_s: evaluations are at multiples of it, so what two of them see alike need not be told apart.
    """

    def __init__(self, slos: Sequence[Slo], rule: EntityRule, *, lateness_s: float, every_s: float) -> None:
        self._bindings = [binding for number, slo in enumerate(slos) for binding in slo.bindings(number)]
        self._metrics = {binding.metric for binding in self._bindings}
        self._lateness_ns, self._every_ns = int(lateness_s * SECOND_NS), int(every_s * SECOND_NS)
        self._state = new_state(rule)
        self._bound = bind(self._state, ())
        self._found: list[SloContributions] = []

    def wants(self, identity: SeriesIdentity) -> bool:
        """Whether a series counts for any of the SLOs; others need not be recorded."""
        return identity.metric in self._metrics and any(binding.matches(identity) for binding in self._bindings)

    def record(self, samples: SampleColumns) -> None:
        """Count samples; raises `Rejected` for a series text that is none."""
        for start in range(0, len(samples), SAMPLES_AT_ONCE):
            part = slice(start, start + SAMPLES_AT_ONCE)
            self._record(samples.series_ids, samples.series[part], samples.event_time_ns[part], samples.values[part])

    def recorded(self, number: int) -> Recorded:
        """What was counted for one of the SLOs."""
        of_slo = [(counts, np.flatnonzero(counts.slo == number)) for counts in self._found]
        if not of_slo:
            return Recorded(np.empty(0, np.int64), np.empty(0), np.empty(0), np.empty(0))
        minute_s, good, total, seen_ns = (
            np.concatenate([getattr(counts, name)[rows] for counts, rows in of_slo])
            for name in ("minute_s", "good", "total", "seen_ns")
        )
        order = np.argsort(minute_s, kind="stable")
        return Recorded(minute_s[order], good[order], total[order], seen_ns[order] / SECOND_NS)

    def unmatched(self, number: int) -> list[SloBinding]:
        """Bindings of one of the SLOs for which no series came."""
        identities = self._state.identities
        of_slo = [binding for binding in self._bindings if binding.slo_id == number]
        return [binding for binding in of_slo if not any(binding.matches(identity) for identity in identities)]

    def _record(self, texts: list[str], series: Ints, time_ns: NDArray[np.int64], values: Floats) -> None:
        before = len(self._state.identities)
        numbers = np.array([self._state.register(text) for text in texts], np.int32)
        if len(self._state.identities) > before:
            self._bound = bind(self._state, self._bindings)
        for placed in assemble(self._state, self._bound, Samples(numbers[series], time_ns, values), self._lateness_ns):
            if len(placed.counts.slo):
                self._found.append(_merged(placed.counts, self._every_ns))


def _merged(counts: SloContributions, every_ns: int) -> SloContributions:
    """Counts with every (slo, minute, evaluation that sees it first) once."""
    seen_ns = -(-counts.seen_ns // every_ns) * every_ns
    order = np.lexsort((seen_ns, counts.minute_s, counts.slo))
    keys = (counts.slo[order], counts.minute_s[order], seen_ns[order])
    new = np.any([np.diff(key) != 0 for key in keys], axis=0)
    first = np.concatenate(([0], np.flatnonzero(new) + 1))
    good, total = (np.add.reduceat(column[order], first) for column in (counts.good, counts.total))
    return SloContributions(keys[0][first], keys[1][first], good, total, keys[2][first])
