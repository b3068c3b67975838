"""Up to when an SLO's telemetry could have come: what is missing until then is a gap."""

from __future__ import annotations

import math
from collections.abc import Mapping

from models.slo.budget import LATE_S
from models.slo.windows import RESOLUTION_S
from models.timestamps import DAY_S, HOUR_S


class Telemetry:
    """What one evaluator remembers, from one evaluation to the next, of the SLOs whose gaps count.

    Event time is the clock: while no SLO counts anything, nothing is known to be missing, as records may be waiting for
    a worker. Where workers catch up, partitions do so unevenly: an SLO that lags behind the newest minute of all has no
    gap as long as its own counts move, nor shortly after the stream went on: two minutes, as for late samples.

    Attributes:
        first_counted_s: when each SLO was first counted, by id; the caller adds what is missing.
    """

    def __init__(self) -> None:
        self.first_counted_s: dict[int, float] = {}
        self._moved: dict[int, tuple[float, float]] = {}  # newest minute, and when that was new
        self._looked: tuple[float, float] | None = None  # newest minute of all, and when
        self._resumed_s = -math.inf

    def look(self, newest_s: Mapping[int, float], newest_of_all_s: float, now_s: float) -> None:
        """Take notice of an evaluation.

        Args:
            newest_s: newest minute with events (or the hour or day that holds it), by id, of the SLOs whose gaps count;
                -inf where there is none.
            newest_of_all_s: that of every SLO.
        """
        if self._goes_on_again(newest_of_all_s, now_s):
            self._resumed_s = now_s
        for slo_id, minute_s in newest_s.items():
            before_s, moved_s = self._moved.get(slo_id, (minute_s, -math.inf))
            if minute_s > before_s and not _same_seen_finer(before_s, minute_s):
                moved_s = now_s
            self._moved[slo_id] = (max(minute_s, before_s), moved_s)
        self._looked = newest_of_all_s, now_s

    def could_have_come_until(self, slo_id: int) -> float:
        """Until when telemetry of an SLO could have come, as of the last look; epoch seconds."""
        assert self._looked is not None, "look first"
        newest_of_all_s, now_s = self._looked
        until_s = min(now_s, newest_of_all_s + RESOLUTION_S)
        newest_s, moved_s = self._moved[slo_id]
        if now_s - max(moved_s, self._resumed_s) < LATE_S:
            return min(until_s, newest_s + RESOLUTION_S + LATE_S)
        return until_s

    def forget(self) -> None:
        """SLOs have changed."""
        self.first_counted_s.clear()
        self._moved.clear()

    def _goes_on_again(self, newest_of_all_s: float, now_s: float) -> bool:
        """Whether event time has moved faster than the clock since the last look, or who looks for the first time in a
        while finds it behind."""
        before_s, looked_s = self._looked or (-math.inf, -math.inf)
        if now_s - looked_s > LATE_S:
            return now_s - newest_of_all_s > RESOLUTION_S + LATE_S
        return newest_of_all_s - before_s > now_s - looked_s + LATE_S


def _same_seen_finer(before_s: float, after_s: float) -> bool:
    """Whether a later minute may be the one that was seen as the hour or day that holds it.

    >>> _same_seen_finer(7200.0, 7260.0), _same_seen_finer(7260.0, 7320.0)
    (True, False)
    """
    return any(before_s % length_s == 0 and after_s < before_s + length_s for length_s in (HOUR_S, DAY_S))
