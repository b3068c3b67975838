"""One evaluation of all burn rates of 1,000 SLOs in PostgreSQL, after a month and after more than a year."""

from __future__ import annotations

from typing import Final

from benchmarks.slo.__main__ import GOAL_S, filled
from benchmarks.slo.__main__ import measure as evaluations
from benchmarks.speed.bench import Bench
from benchmarks.speed.figures import Figure

SLOS: Final = 1000
YOUNG_DAYS: Final = 35
OLD_DAYS: Final = 400
FLAT: Final = 1.25
"""Old over young that passes for flat: what two runs of the same differ by."""


def measure(bench: Bench) -> list[Figure]:
    """Medians of five evaluations, between which every SLO counts events."""
    n_slos = bench.size(SLOS, 100)
    seconds = {}
    for days in (YOUNG_DAYS, OLD_DAYS):
        bench.say(f"{n_slos:,} SLOs counted for {days} days")
        with filled(bench.postgres, n_slos, days) as database:
            seconds[days] = evaluations(database, n_slos, days).evaluation_s
    young, old = seconds[YOUNG_DAYS], seconds[OLD_DAYS]
    return [
        Figure(f"{n_slos:,} SLOs, {YOUNG_DAYS} days counted: one evaluation", young, "s", GOAL_S, at_most=True),
        Figure(f"{n_slos:,} SLOs, {OLD_DAYS} days counted: one evaluation", old, "s", GOAL_S, at_most=True),
        Figure("SLO evaluation, old counts over young ones", old / young, "x", FLAT, at_most=True),
    ]
