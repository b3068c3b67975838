"""One SLO at one moment, as whoever decides about its alerts sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from models.slo.budget import Lived, budget_remaining
from models.slo.burn import Counts
from models.slo.definition import Slo


@dataclass(frozen=True, slots=True)
class SloView:
    """An SLO with what was counted for it; excluded time is in none of the counts.

    Attributes:
        slo_id: names the SLO where its counts are kept.
        windows: counts by length of the window in seconds.
        period: counts of the whole period up to the moment.
        lived: how much of the period has been counted.
    """

    slo_id: int
    slo: Slo
    windows: Mapping[int, Counts]
    period: Counts
    lived: Lived

    @property
    def budget_remaining(self) -> float:
        """Share of the whole period's error budget that is left; NaN without events."""
        return budget_remaining(self.period, self.slo.target_ratio, self.lived)
