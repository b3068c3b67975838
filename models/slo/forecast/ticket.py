"""Whether the forecast of a budget is a ticket, and why."""

from __future__ import annotations

from models.reasons import AlertDecision
from models.slo.forecast.forecast import Forecast


def decide(told: Forecast | None, *, firing: bool, spent: bool, held: AlertDecision | None) -> AlertDecision:
    """What to do about the ticket of one SLO.

    A ticket begins where even the low end of the interval says that the budget is gone before the period ends, and is
    over where the middle no longer does. It goes on once the budget is gone: then it came true.

    Args:
        told: the forecast; None where too little is known.
        firing: whether there is a ticket at present.
        spent: whether the budget is gone already.
        held: why no alert of the SLO may fire; None where it may.
    """
    if held is not None:
        return AlertDecision.RESOLVED if firing else held
    if firing:
        goes_on = spent or (told is not None and told.gone_s is not None)
        return AlertDecision.RENEWED if goes_on else AlertDecision.RESOLVED
    if told is None:
        return AlertDecision.HELD_BUDGET_GONE if spent else AlertDecision.HELD_NO_DATA
    return AlertDecision.FIRED if told.certain else AlertDecision.HELD_BELOW_THRESHOLD
