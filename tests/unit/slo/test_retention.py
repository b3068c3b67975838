"""Which counts of an SLO are sure to be there."""

from __future__ import annotations

import math

import pytest

from infra.slo.retention import SPARE_S, minutes_from_s
from models.sli.binding import ThresholdOp
from models.slo.definition import MetricQuery, Slo, ThresholdIndicator, TimeWindow, WindowUnit

DAY_S = 86_400
NOW_S = 20_000.5 * DAY_S


def slo(window: TimeWindow) -> Slo:
    return Slo("a", "shop", 0.99, window, ThresholdIndicator(MetricQuery("latency_ms", ()), ThresholdOp.LTE, 400.0))


@pytest.mark.parametrize(
    ("window", "kept_s"),
    [
        pytest.param(TimeWindow(30, WindowUnit.DAY), 3 * DAY_S, id="thirty days: the longest burn window"),
        pytest.param(TimeWindow(5, WindowUnit.DAY), 5 * DAY_S, id="five days: the period, as forecasts read minutes"),
    ],
)
def test_minutes_are_kept_for_what_reads_them_and_a_day(window: TimeWindow, kept_s: int) -> None:
    assert minutes_from_s(slo(window), NOW_S) == math.floor(NOW_S - kept_s - SPARE_S)
