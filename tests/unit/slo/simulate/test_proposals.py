"""Which change of an SLO the feedback on its alerts asks for."""

from __future__ import annotations

import numpy as np
import pytest

from models.labels import LabelWindow
from models.sli.binding import ThresholdOp
from models.slo.burn import Recorded
from models.slo.definition import MetricQuery, Slo, ThresholdIndicator, TimeWindow, WindowUnit
from models.slo.exclusions import ExclusionKind, SloExclusion
from models.slo.simulate.proposals import propose

SLO = Slo(
    "latency",
    "shop",
    0.999,
    TimeWindow(1, WindowUnit.DAY),
    ThresholdIndicator(MetricQuery("latency_ms", ()), ThresholdOp.LTE, 400.0),
)


def minutes(*bad: tuple[int, float], n: int = 600) -> Recorded:
    """`n` minutes of 1000 events, of which in ten minutes from each of these a share is bad."""
    minute_s = np.arange(n, dtype=np.int64) * 60
    good = np.full(n, 1000.0)
    for first, ratio in bad:
        good[first : first + 10] = 1000 * (1 - ratio)
    return Recorded(minute_s, good, np.full(n, 1000.0), (minute_s + 60).astype(np.float64))


def at(first: int) -> LabelWindow:
    return LabelWindow("latency", first * 60_000_000_000, (first + 15) * 60_000_000_000)


def test_noise_asks_for_the_tightest_target_that_would_not_have_paged_for_it() -> None:
    proposed = propose(SLO, minutes((100, 0.05), (300, 0.5)), noise=[at(100)], wanted=[at(300)])
    assert proposed is not None
    assert 0.99 < proposed.slo.target_ratio < 0.999
    assert proposed.slo.document()["spec"]["service"] == "shop"
    assert "the tightest target that pages for none of 1 marked time of noise" in proposed.reason


@pytest.mark.parametrize(
    ("recorded", "noise", "wanted"),
    [
        pytest.param(minutes((100, 0.5), (300, 0.05)), [at(100)], [at(300)], id="what was useful is weaker than noise"),
        pytest.param(minutes((100, 0.001)), [at(100)], [], id="it does not page for this noise"),
        pytest.param(minutes((100, 0.05)), [at(5000)], [], id="the marked time is not recorded any more"),
        pytest.param(minutes(n=0), [at(0)], [], id="nothing is recorded"),
        pytest.param(minutes((100, 0.5)), [], [at(100)], id="it alerts where it should"),
        pytest.param(minutes(), [], [at(100)], id="no target alerts on what was perfect"),
    ],
)
def test_nothing_is_proposed_where(recorded: Recorded, noise: list[LabelWindow], wanted: list[LabelWindow]) -> None:
    assert propose(SLO, recorded, noise=noise, wanted=wanted) is None


@pytest.mark.parametrize("kind", ExclusionKind)
def test_noise_of_a_time_that_is_excepted_by_now_asks_for_nothing(kind: ExclusionKind) -> None:
    recorded = minutes((100, 0.05))
    excepted = SloExclusion(1, "latency", kind, at(100).start_ns, at(125).end_ns, "", "ann")
    assert propose(SLO, recorded, noise=[at(100)], wanted=[]) is not None
    assert propose(SLO, recorded, noise=[at(100)], wanted=[], exclusions=[excepted]) is None


def test_what_was_missed_asks_for_the_first_target_that_alerts() -> None:
    proposed = propose(SLO, minutes((100, 0.004)), noise=[], wanted=[at(100)])
    assert proposed is not None
    assert proposed.slo.target_ratio == 0.9995
    assert "alerts in all of 1 marked time" in proposed.reason
