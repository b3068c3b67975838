"""Prometheus as oracle: the workbook's rules, evaluated by promtool over the same counters, fire and resolve with us.

Our state is asserted at every evaluation but those within one evaluation of one of our transitions, so a transition
that Prometheus makes earlier or later than that fails.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.names import Severity
from models.reasons import AlertState
from models.slo.binding import ThresholdOp
from models.slo.definition import MetricQuery, Slo, ThresholdIndicator, TimeWindow, WindowUnit
from models.slo.replay import BurnTransition, replay

PROMTOOL = shutil.which("promtool")
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed: install the package `prometheus`"),
]

TARGET = 0.999
STEP_S = 30  # samples of the counters
EVALUATION_S = 60
EVENTS = 1000  # per step
# the workbook's table, written out by hand: severity, long window, short window, factor
WORKBOOK = (
    (Severity.PAGE, "1h", "5m", 14.4),
    (Severity.PAGE, "6h", "30m", 6),
    (Severity.TICKET, "1d", "2h", 3),
    (Severity.TICKET, "3d", "6h", 1),
)
HOUR = 3600 // STEP_S

Ratios = NDArray[np.float64]


def calm(hours: float) -> Ratios:
    return np.full(round(hours * HOUR), 0.0002)


def bad(hours: float, error_ratio: float) -> Ratios:
    return np.full(round(hours * HOUR), error_ratio)


HISTORIES = {
    "a sudden outage of 40 minutes": np.concatenate([calm(7), bad(2 / 3, 0.6), calm(9)]),
    "a slow burn at four times the allowed rate": np.concatenate([calm(6), bad(12, 0.004), calm(8)]),
    "flapping: three bad minutes in ten, for four hours": np.concatenate(
        [calm(5), *[bad(0.05, 0.1), calm(7 / 60)] * 24, calm(8)]
    ),
    "an outage from the first sample on": np.concatenate([bad(0.5, 0.3), calm(10)]),
}


def ours(bad_events: NDArray[np.int64]) -> list[BurnTransition]:
    """Our transitions; the increase between two samples counts at the later one, as in the pipeline."""
    indicator = ThresholdIndicator(MetricQuery("any", ()), ThresholdOp.LTE, 1.0)
    slo = Slo("oracle", "web", TARGET, TimeWindow(30, WindowUnit.DAY), indicator)
    time_s = np.arange(1, len(bad_events) + 1) * STEP_S
    minute_s = time_s // 60 * 60
    total = np.full(len(time_s), float(EVENTS))
    moments = np.arange(EVALUATION_S, len(time_s) * STEP_S, EVALUATION_S, dtype=np.float64)
    return replay(slo, minute_s, total - bad_events, total, moments)


def rules() -> dict[str, object]:
    def burns(window: str, factor: float) -> str:
        return f"rate(bad_total[{window}]) / rate(events_total[{window}]) > {factor} * (1 - {TARGET})"

    alerts = [
        {"alert": f"{severity.value}-{long}", "expr": f"({burns(long, factor)}) and ({burns(short, factor)})"}
        for severity, long, short, factor in WORKBOOK
    ]
    return {"groups": [{"name": "workbook", "interval": f"{EVALUATION_S}s", "rules": alerts}]}


def assertions(transitions: list[BurnTransition], end_s: int) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for severity, window, _, _ in WORKBOOK:
        own = [t for t in transitions if (t.severity, t.burn_window) == (severity, window)]
        for at_s in range(EVALUATION_S, end_s, EVALUATION_S):
            if any(abs(t.at_s - at_s) <= EVALUATION_S for t in own):
                continue
            before = [t for t in own if t.at_s <= at_s]
            firing = bool(before) and before[-1].state is AlertState.FIRING
            found.append(
                {
                    "eval_time": f"{at_s}s",
                    "alertname": f"{severity.value}-{window}",
                    "exp_alerts": [{"exp_labels": {}}] if firing else [],
                }
            )
    return found


@pytest.mark.parametrize("name", HISTORIES)
def test_we_fire_and_resolve_within_one_evaluation_of_prometheus(name: str, tmp_path: Path) -> None:
    bad_events = np.random.default_rng(3).binomial(EVENTS, HISTORIES[name])
    transitions = ours(bad_events)
    assert transitions, "a history on which nothing happens shows nothing"
    counted = np.concatenate([[0], np.cumsum(bad_events)])
    test = {
        "rule_files": ["rules.json"],
        "evaluation_interval": f"{EVALUATION_S}s",
        "tests": [
            {
                "interval": f"{STEP_S}s",
                "input_series": [
                    {"series": "bad_total", "values": " ".join(map(str, counted))},
                    {"series": "events_total", "values": f"0+{EVENTS}x{len(bad_events)}"},
                ],
                "alert_rule_test": assertions(transitions, len(bad_events) * STEP_S),
            }
        ],
    }
    (tmp_path / "rules.json").write_text(json.dumps(rules()))
    (tmp_path / "test.json").write_text(json.dumps(test))
    assert PROMTOOL is not None
    run = subprocess.run(
        [PROMTOOL, "test", "rules", "test.json"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, (run.stdout + run.stderr)[:3000]
