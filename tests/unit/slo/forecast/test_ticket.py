"""Which forecasts are tickets, case by case."""

from __future__ import annotations

import pytest

from models.reasons import AlertDecision
from models.slo.forecast.forecast import Forecast
from models.slo.forecast.ticket import decide

LASTS = Forecast(0.5, 0.4, 0.6, None, None, None, 1000.0)
MAY_GO = Forecast(2.0, 0.9, 3.0, 800.0, 600.0, None, 1000.0)
GOES = Forecast(3.0, 2.0, 4.0, 600.0, 500.0, 900.0, 1000.0)
PAUSED = AlertDecision.HELD_PAUSED


@pytest.mark.parametrize(
    ("told", "firing", "spent", "held", "decision"),
    [
        pytest.param(GOES, False, False, None, AlertDecision.FIRED, id="even the low end says that it goes"),
        pytest.param(MAY_GO, False, False, None, AlertDecision.HELD_BELOW_THRESHOLD, id="only the middle says so"),
        pytest.param(LASTS, False, False, None, AlertDecision.HELD_BELOW_THRESHOLD, id="it lasts"),
        pytest.param(None, False, False, None, AlertDecision.HELD_NO_DATA, id="too little is known"),
        pytest.param(None, False, True, None, AlertDecision.HELD_BUDGET_GONE, id="it is gone already"),
        pytest.param(MAY_GO, True, False, None, AlertDecision.RENEWED, id="a ticket goes on by the middle"),
        pytest.param(LASTS, True, False, None, AlertDecision.RESOLVED, id="and is over without it"),
        pytest.param(LASTS, True, True, None, AlertDecision.RENEWED, id="unless it came true"),
        pytest.param(None, True, False, None, AlertDecision.RESOLVED, id="or when nothing is known any more"),
        pytest.param(GOES, False, False, PAUSED, PAUSED, id="a paused SLO begins no ticket"),
        pytest.param(GOES, True, False, PAUSED, AlertDecision.RESOLVED, id="and ends the one there is"),
    ],
)
def test_one_forecast(
    told: Forecast | None, firing: bool, spent: bool, held: AlertDecision | None, decision: AlertDecision
) -> None:
    assert decide(told, firing=firing, spent=spent, held=held) is decision
