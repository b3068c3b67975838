"""What a ticket about a budget that will be gone says."""

from __future__ import annotations

from collections.abc import Mapping

from models.alerting.alert import Links, dashboard_url, runbook_url
from models.names import AlertName, Annotation
from models.slo.definition import Slo
from models.slo.forecast.forecast import Forecast
from models.slo.numbers import length, number, percent
from models.timestamps import SECOND_NS, to_rfc3339


def forecast_annotations(slo: Slo, foreseen: Forecast, now_s: float, links: Links) -> dict[Annotation, str]:
    """Annotations of a ticket that begins at `now_s`, epoch seconds."""
    gone = "beyond the horizon" if foreseen.gone_s is None else f"in {length(foreseen.gone_s - now_s)}"
    texts = {
        Annotation.SUMMARY: (
            f"{slo.service}: at the present burn the error budget of {slo.name} is gone {gone}, {span(foreseen, now_s)}"
        ),
        Annotation.DESCRIPTION: (
            f"It burns {number(foreseen.burn_rate)} times too fast ({number(foreseen.burn_rate_lower)} to "
            f"{number(foreseen.burn_rate_upper)}). {percent(slo.target_ratio)} of events are to be good over "
            f"{slo.window.text}; the forecast reaches to {to_rfc3339(int(foreseen.horizon_s * SECOND_NS))}."
        ),
        Annotation.RUNBOOK_URL: slo.runbook_url or runbook_url(links.runbook_url, AlertName.SLO_BUDGET_FORECAST),
    }
    if links.grafana_url:
        texts[Annotation.DASHBOARD_URL] = dashboard_url(links.grafana_url, {"service": slo.service})
    return texts


def over_annotations(said: Mapping[Annotation, str], service: str, slo_name: str) -> dict[Annotation, str]:
    """Annotations of the same ticket when it is over."""
    summary = f"{service}: the error budget of {slo_name} no longer runs out before the period ends"
    return {**said, Annotation.SUMMARY: summary}


def span(foreseen: Forecast, now_s: float) -> str:
    """The interval, as time from now: `between 2 d and 5 d`."""
    if foreseen.soonest_s is None:
        return "not before the horizon"
    if foreseen.latest_s is None:
        return f"in {length(foreseen.soonest_s - now_s)} at the soonest"
    return f"between {length(foreseen.soonest_s - now_s)} and {length(foreseen.latest_s - now_s)}"
