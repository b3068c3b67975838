"""What a ticket about a budget that runs out says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.alerting.alert import Links
from models.names import Annotation
from models.slo.definition import Slo
from models.slo.forecast.forecast import Forecast
from models.slo.forecast.text import forecast_annotations, over_annotations, span
from models.slo.numbers import length
from models.slo.openslo.read import parse_openslo
from tests.unit.slo.openslo.texts import LATENCY

NOW_S = 1_700_000_000.0
DAY_S = 86_400.0
LINKS = Links("https://grafana.example", "https://runbook.example/runbook.md")
TOLD = Forecast(3.0, 2.0, 4.5, NOW_S + 3 * DAY_S, NOW_S + 2 * DAY_S, NOW_S + 5 * DAY_S, NOW_S + 7.5 * DAY_S)


def latency() -> Slo:
    (slo,) = parse_openslo(LATENCY, "a.yaml")
    return slo


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        pytest.param(0.0, "0 min", id="now"),
        pytest.param(90 * 60.0, "90 min", id="minutes below two hours"),
        pytest.param(2 * 3600.0, "2 h", id="hours below two days"),
        pytest.param(2 * DAY_S, "2.0 d", id="days from there on"),
    ],
)
def test_a_length_of_time(seconds: float, expected: str) -> None:
    assert length(seconds) == expected


@pytest.mark.parametrize(
    ("soonest_s", "latest_s", "expected"),
    [
        pytest.param(NOW_S + 2 * DAY_S, NOW_S + 5 * DAY_S, "between 2.0 d and 5.0 d", id="an interval"),
        pytest.param(NOW_S + 3600, None, "in 60 min at the soonest", id="an interval without an end"),
        pytest.param(None, None, "not before the horizon", id="no interval"),
    ],
)
def test_the_interval_of_a_forecast(soonest_s: float | None, latest_s: float | None, expected: str) -> None:
    assert span(replace(TOLD, soonest_s=soonest_s, latest_s=latest_s), NOW_S) == expected


def test_a_ticket_says_when_how_fast_and_what_was_to_be() -> None:
    assert forecast_annotations(latency(), TOLD, NOW_S, LINKS) == {
        Annotation.SUMMARY: (
            "checkout: at the present burn the error budget of checkout-latency is gone in 3.0 d, "
            "between 2.0 d and 5.0 d"
        ),
        Annotation.DESCRIPTION: (
            "It burns 3 times too fast (2 to 4.5). 99% of events are to be good over 30d; "
            "the forecast reaches to 2023-11-22T10:13:20Z."
        ),
        Annotation.RUNBOOK_URL: "https://runbook.example/runbook.md#slobudgetforecast",
        Annotation.DASHBOARD_URL: forecast_annotations(latency(), TOLD, NOW_S, LINKS)[Annotation.DASHBOARD_URL],
    }


def test_a_ticket_without_an_end_or_a_dashboard_says_so() -> None:
    told = replace(TOLD, gone_s=None, latest_s=None)
    annotations = forecast_annotations(latency(), told, NOW_S, Links("", LINKS.runbook_url))
    assert "is gone beyond the horizon" in annotations[Annotation.SUMMARY]
    assert Annotation.DASHBOARD_URL not in annotations


def test_an_slo_s_own_runbook_comes_first() -> None:
    slo = parse_openslo(
        LATENCY.replace(
            "  name: checkout-latency\n",
            "  name: checkout-latency\n  annotations: {tidewatch/runbook-url: 'https://wiki.example/latency'}\n",
        ),
        "a.yaml",
    )[0]
    told = forecast_annotations(slo, TOLD, NOW_S, LINKS)
    assert told[Annotation.RUNBOOK_URL] == "https://wiki.example/latency"


def test_a_ticket_that_is_over_keeps_all_but_the_summary() -> None:
    said = forecast_annotations(latency(), TOLD, NOW_S, LINKS)
    over = over_annotations(said, "checkout", "checkout-latency")
    assert over[Annotation.SUMMARY] == (
        "checkout: the error budget of checkout-latency no longer runs out before the period ends"
    )
    assert {name: text for name, text in over.items() if name is not Annotation.SUMMARY} == {
        name: text for name, text in said.items() if name is not Annotation.SUMMARY
    }
