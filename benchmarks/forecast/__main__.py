"""`python -m benchmarks.forecast [--histories N] [--seed N]`: how often the budget forecast was right.

Generated months of an SLO, hour by hour, with the day's traffic and errors that come in clumps. The forecast is asked
every hour as the live system asks, and what it said first is held against what happened.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.slo.budget import lived
from models.slo.definition import TimeWindow, WindowUnit
from models.slo.forecast.forecast import BLOCKS, Forecast, History, forecast

RESULTS: Final = Path(__file__).parents[1] / "results" / "forecast.json"
HOUR_S: Final = 3600
HOURS: Final = 30 * 24
TARGET: Final = 0.999
ROLLING: Final = TimeWindow(30, WindowUnit.DAY)
MONTH: Final = TimeWindow(1, WindowUnit.MONTH, "2026-06-01T00:00:00")
START_S: Final = datetime(2026, 6, 1, tzinfo=UTC).timestamp()
SCENARIOS: Final = ("steady", "step", "ramp", "bursts", "outage")


@dataclass(frozen=True, slots=True)
class Story:
    """What the forecast said of one history, and what happened; hours from its begin.

    Attributes:
        ticket: first hour in which it was certain. gone: first hour without budget. known: ticket's forecast.
    """

    scenario: str
    window: TimeWindow
    ticket: int | None
    known: Forecast | None
    gone: int | None
    horizon: float


def history(scenario: str, rng: np.random.Generator, hours: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Good and total events by hour; errors are over-dispersed (gamma-mixed Poisson), as failures come in clumps."""
    hour = np.arange(hours)
    total = rng.poisson(20_000 * (1 + 0.4 * np.cos(2 * np.pi * (hour % 24 - 15) / 24))).astype(float)
    calm, high = rng.uniform(0.1, 0.7), rng.uniform(0.8, 3.0)
    begin = int(rng.integers(48, hours - 96))
    burn = np.full(hours, calm)
    match scenario:
        case "steady":
            burn[:] = rng.uniform(0.3, 2.0)
        case "step":
            burn[begin:] = high
        case "ramp":
            burn[begin:] = calm + (high - calm) * np.minimum((hour[begin:] - begin) / 96, 1.0)
        case "bursts":
            for at in rng.integers(0, hours - 6, 8):
                burn[at : at + int(rng.integers(1, 4))] = rng.uniform(3, 10)
        case "outage":
            burn[begin : begin + int(rng.integers(2, 7))] = rng.uniform(10, 40)
    rate = burn * (1 - TARGET) * rng.gamma(4.0, 1 / 4.0, hours)
    bad = np.minimum(rng.poisson(rate * total), total)
    return total - bad, total


def play(scenario: str, window: TimeWindow, seed: int) -> Story:
    """One history, asked every hour of its second month (rolling), or of its only one (calendar)."""
    rng = np.random.default_rng(seed)
    rolling = window is ROLLING
    first = HOURS if rolling else 0
    good, total = history(scenario, rng, HOURS)
    if rolling:  # a quiet month before, so that the window is full
        before = rng.poisson(20_000, HOURS).astype(float)
        good = np.concatenate((before - rng.poisson(0.3 * (1 - TARGET) * before), good))
        total = np.concatenate((before, total))
    start_s = START_S + HOUR_S * np.arange(len(total), dtype=float)
    bad = np.concatenate(([0.0], np.cumsum(total - good)))
    events = np.concatenate(([0.0], np.cumsum(total)))
    since = np.maximum(np.arange(len(total) + 1) - HOURS, 0) if rolling else np.zeros(len(total) + 1, int)
    # a rolling month is full here; a calendar's budget is that of all its events
    allowed = (1 - TARGET) * (events - events[since] if rolling else np.full(len(events), events[-1]))
    spent = (bad - bad[since]) - allowed
    gone = next((h for h in range(first + 24, len(total) + 1) if spent[h] >= 0), None)
    for now in range(first + 24, len(total)):
        if spent[now] >= 0:
            break
        told = forecast(
            _part(start_s, good, total, max(now - BLOCKS, 0), now),
            _part(start_s, good, total, int(since[now]), now),
            target_ratio=TARGET,
            window=window,
            now_s=START_S + HOUR_S * now,
            lived=lived(window, START_S, START_S + HOUR_S * now),
            period_end_s=START_S + HOUR_S * (now if rolling else len(total)),
        )
        if told is not None and told.certain:
            return Story(scenario, window, now, told, gone, (told.horizon_s - START_S) / HOUR_S)
    return Story(scenario, window, None, None, gone, len(total))


def _part(
    start_s: NDArray[np.float64], good: NDArray[np.float64], total: NDArray[np.float64], low: int, high: int
) -> History:
    return History(start_s[low:high], good[low:high], total[low:high])


def figures(stories: list[Story]) -> list[dict[str, Any]]:
    """How often it was right."""
    tickets = [s for s in stories if s.ticket is not None and _judgeable(s)]
    right = [s for s in tickets if s.gone is not None and s.gone <= s.horizon]
    gone = [s for s in stories if s.gone is not None]
    foreseen = [s for s in gone if s.ticket is not None]
    slow = [s for s in gone if s.scenario in ("steady", "step", "ramp")]
    inside = [s for s in right if _inside(s)]
    leads = [s.gone - s.ticket for s in foreseen if s.gone is not None and s.ticket is not None]
    return [
        _row("tickets", float(len(tickets)), f"of {len(stories)}"),
        _row("tickets that came true before the period's end", len(right) / max(len(tickets), 1), "ratio"),
        _row("budgets gone with a ticket before", len(foreseen) / max(len(gone), 1), "ratio"),
        _row("... of slow burns", sum(s.ticket is not None for s in slow) / max(len(slow), 1), "ratio"),
        _row("median lead of the ticket", statistics.median(leads) if leads else 0.0, "h"),
        _row("gone inside the interval that was told", len(inside) / max(len(right), 1), "ratio"),
    ]


def _judgeable(story: Story) -> bool:
    """Whether the history reaches to the forecast's end, or the budget was gone before."""
    return story.gone is not None or story.horizon <= (2 * HOURS if story.window is ROLLING else HOURS)


def _inside(story: Story) -> bool:
    told = story.known
    if told is None or story.gone is None or told.soonest_s is None or told.latest_s is None:
        return False
    return told.soonest_s - HOUR_S <= START_S + HOUR_S * story.gone <= told.latest_s + HOUR_S


def _told(story: Story) -> str:
    return f"{story.scenario}, {'rolling' if story.window is ROLLING else 'calendar'}"


def _row(name: str, value: float, unit: str) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.forecast", description=__doc__)
    parser.add_argument("--histories", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    stories = measure(chosen.histories, chosen.seed)
    rows = figures(stories)
    for row in rows:
        print(f"{row['name']:<50} {row['value']:>8.3g} {row['unit']}")
    wrong = Counter(_told(story) for story in stories if _wrong(story))
    print("\ntickets that did not come true:", dict(wrong) or "none")
    command = " ".join(["python -m benchmarks.forecast", *arguments])
    body = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "rows": [{**row, "command": command} for row in rows],
        "wrong": dict(wrong),
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(body, indent=2) + "\n")
    return 0


def measure(histories: int, seed: int) -> list[Story]:
    """Histories of all scenarios and both kinds of period in turn, the same for the same seed."""
    turns = [(scenario, window) for scenario in SCENARIOS for window in (ROLLING, MONTH)]
    return [play(*turns[n % len(turns)], seed * 1_000_000 + n) for n in range(histories)]


def _wrong(story: Story) -> bool:
    late = story.gone is None or story.gone > story.horizon
    return story.ticket is not None and _judgeable(story) and late


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
