"""The shipped SLOs of the simulated services: calm in normal times, burning in the incident each is about."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.pipeline.config import PipelineConfig
from models.pipeline.pipeline import Pipeline
from models.reasons import AlertState
from models.series import EntityRule
from models.slo.burn import Recorded
from models.slo.openslo.read import parse_openslo
from models.slo.simulate.replay import replay
from models.synthetic.incidents import parse_incident
from models.synthetic.services import SERVICES, Simulation

DEMO = Path(__file__).parents[3] / "slos" / "demo.yaml"
START_S = 1_780_000_200 // 3600 * 3600
INCIDENT_S, LONG_S = 600, 90


@pytest.mark.parametrize(
    ("incident", "burning"),
    [
        ("checkout:latency@10m+90s", {"checkout-latency"}),
        ("payments:errors@10m+90s", {"payments-errors"}),
        ("search:latency@10m+90s", {"search-saturation"}),
    ],
)
def test_an_incident_pages_for_its_slo_alone_and_resolves(incident: str, burning: set[str]) -> None:
    slos = parse_openslo(DEMO.read_text(), str(DEMO))
    simulation = Simulation(
        list(SERVICES.values()), seed=1, start_ns=START_S * 10**9, incidents=[parse_incident(incident)]
    )
    pipeline = Pipeline(PipelineConfig(EntityRule(("service",), ("instance",), "host")))
    pipeline.use_slos([binding for number, slo in enumerate(slos) for binding in slo.bindings(number)])
    counts = pipeline.fold(simulation.columns(simulation.block(900))).slo_counts
    pages: dict[str, list[tuple[float, AlertState]]] = {}
    for number, slo in enumerate(slos):
        mine = counts.slo_id == number
        order = np.argsort(counts.minute_s[mine], kind="stable")
        minute_s, good, total = (column[mine][order] for column in (counts.minute_s, counts.good, counts.total))
        assert total.sum() > 0
        # the clock looks every ten seconds; the minutes are whole here, so it looks at their ends
        moments = START_S + np.arange(60, 900, 60, dtype=np.float64) - 1
        for transition in replay(slo, Recorded(minute_s, good, total, minute_s.astype(float)), moments):
            if transition.burn_window == "2m":
                pages.setdefault(slo.name, []).append((transition.at_s - START_S - INCIDENT_S, transition.state))
    assert pages.keys() == burning
    ((fired_s, fired), (resolved_s, resolved)) = pages[burning.pop()]
    assert (fired, resolved) == (AlertState.FIRING, AlertState.RESOLVED)
    assert 0 < fired_s < 120
    assert LONG_S < resolved_s < LONG_S + 180
