"""Since when and up to when an SLO's telemetry could have come: what is missing in between is a gap."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from psycopg2.extensions import cursor as Cursor

from infra.store import slo_windows
from models.slo.budgeting import LATE_S
from models.slo.windows import RESOLUTION_S


@dataclass(slots=True)
class Telemetry:
    """What one evaluator remembers of the SLOs whose gaps count.

    Event time is the clock: while no SLO counts anything, nothing is known to be missing, as records may be waiting for
    a worker. Where workers catch up, partitions do so unevenly, and an SLO that lags behind the newest minute of all is
    no gap as long as its own counts move, nor shortly after the stream went on: two minutes, as for late samples.
    """

    _first_s: dict[int, float] = field(default_factory=dict)
    _moved: dict[int, tuple[float, float]] = field(default_factory=dict)  # newest minute, and when that was new
    _looked: tuple[float, float] | None = None  # newest minute of all, and when
    _resumed_s: float = -math.inf

    def look(self, cursor: Cursor, newest_s: Mapping[int, float], newest_of_all_s: float, now_s: float) -> None:
        """Take notice of an evaluation.

        Args:
            newest_s: newest minute with events, by id, of the SLOs whose gaps count; -inf where there is none.
        """
        if unknown := [slo_id for slo_id in newest_s if slo_id not in self._first_s]:
            self._first_s |= slo_windows.read_first_counted(cursor, unknown)
        if self._goes_on_again(newest_of_all_s, now_s):
            self._resumed_s = now_s
        for slo_id, minute_s in newest_s.items():
            if minute_s > self._moved.get(slo_id, (math.inf, 0.0))[0]:
                self._moved[slo_id] = (minute_s, now_s)
            self._moved.setdefault(slo_id, (minute_s, -math.inf))
        self._looked = newest_of_all_s, now_s

    def _goes_on_again(self, newest_of_all_s: float, now_s: float) -> bool:
        """Whether event time has moved faster than the clock since the last look, or who looks for the first time in a
        while finds it behind."""
        before_s, looked_s = self._looked or (-math.inf, -math.inf)
        if now_s - looked_s > LATE_S:
            return now_s - newest_of_all_s > RESOLUTION_S + LATE_S
        return newest_of_all_s - before_s > now_s - looked_s + LATE_S

    def could_have_come(self, slo_id: int) -> tuple[float, float]:
        """From and until when telemetry of an SLO could have come, as of the last look; epoch seconds."""
        assert self._looked is not None, "look first"
        newest_of_all_s, now_s = self._looked
        until_s = min(now_s, newest_of_all_s + RESOLUTION_S)
        newest_s, moved_s = self._moved[slo_id]
        if now_s - max(moved_s, self._resumed_s) < LATE_S:
            until_s = min(until_s, newest_s + RESOLUTION_S + LATE_S)
        return self._first_s.get(slo_id, until_s), until_s

    def forget(self) -> None:
        """SLOs have changed."""
        self._first_s.clear()
        self._moved.clear()
