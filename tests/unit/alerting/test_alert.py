"""Alerts as messages: what Alertmanager is told, what a record of `alerts` may hold, what an answer means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.alerting.alertmanager import Alertmanager, Refused, posted_alert
from infra.store.alerts import newest
from models.alerting.alert import alert_event
from models.errors import Misconfigured, TidewatchError, Unavailable
from models.names import AlertName, Annotation, Severity
from models.reasons import AlertDecision, AlertState
from models.records import AlertEvent
from tests.unit.http_server import Asked, Reply, answering

NOW = datetime(2026, 11, 20, 10, 0, 0, tzinfo=UTC)
T0_NS = 1_700_000_000_000_000_000


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "told_start", "told_end"),
    [
        pytest.param(ago(30), None, ago(30), ago(-60), id="a firing alert holds for hold_s from now"),
        pytest.param(ago(-300), None, NOW, ago(-60), id="one that starts ahead of our clock starts now"),
        pytest.param(ago(30), ago(10), ago(30), ago(10), id="a resolved alert keeps its times"),
        pytest.param(ago(30), ago(-300), ago(30), NOW, id="one resolved ahead of our clock is resolved now, not later"),
        pytest.param(ago(10), ago(30), ago(10), ago(10), id="one that ends before it starts ends at its start"),
        pytest.param(ago(-300), ago(-200), NOW, NOW, id="both ahead of our clock: now"),
    ],
)
def test_alertmanager_is_told_times_that_it_accepts(
    starts_at: datetime, ends_at: datetime | None, told_start: datetime, told_end: datetime
) -> None:
    told = posted_alert({"alertname": "x"}, {}, starts_at=starts_at, ends_at=ends_at, now=NOW, hold_s=60.0)
    assert (told.starts_at, told.ends_at) == (told_start.isoformat(), told_end.isoformat())


@pytest.mark.parametrize(
    ("dashboard_url", "told"),
    [
        pytest.param("http://grafana/d/x", "http://grafana/d/x", id="a dashboard is where the alert comes from"),
        pytest.param("/d/x", "", id="a relative address would be refused, so it is left out"),
        pytest.param("", "", id="no dashboard, no address"),
    ],
)
def test_the_dashboard_is_the_alerts_source(dashboard_url: str, told: str) -> None:
    annotations = {Annotation.DASHBOARD_URL.value: dashboard_url}
    posted = posted_alert({"alertname": "x"}, annotations, starts_at=NOW, ends_at=None, now=NOW, hold_s=60.0)
    body = msgspec.json.decode(msgspec.json.encode(posted))
    assert body.get("generatorURL", "") == told
    assert set(body) - {"generatorURL"} == {"labels", "annotations", "startsAt", "endsAt"}


def event(episode_ms: int = 0, state: AlertState = AlertState.FIRING, service: str = "checkout") -> AlertEvent:
    starts_at_ns = T0_NS + episode_ms * 1_000_000
    return alert_event(
        AlertName.METRIC_ANOMALY,
        service=service,
        severity=Severity.TICKET,
        state=state,
        decision=AlertDecision.FIRED,
        starts_at_ns=starts_at_ns,
        ends_at_ns=starts_at_ns + 1 if state is AlertState.RESOLVED else None,
        annotations={Annotation.SUMMARY: "s"},
    )


EPISODES = [event(ms, state) for ms in (0, 250, 1000, 1250) for state in AlertState]


@given(st.permutations(EPISODES), st.lists(st.sampled_from(EPISODES)))
def test_the_newest_transition_does_not_depend_on_order_or_repeats(
    order: list[AlertEvent], repeats: list[AlertEvent]
) -> None:
    assert newest([*order, *repeats]) == [event(1250, AlertState.RESOLVED)]


def test_the_newest_transition_is_told_for_each_alert_apart() -> None:
    later, other = event(1000), event(0, service="search")
    assert newest([event(), other, later]) == [later, other]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        pytest.param(400, Refused, id="an invalid alert is the alert's fault"),
        pytest.param(422, Refused, id="so is a body that breaks the schema"),
        pytest.param(401, Misconfigured, id="not let in"),
        pytest.param(404, Misconfigured, id="no Alertmanager at this address"),
        pytest.param(302, Misconfigured, id="sent elsewhere, to a login perhaps"),
        pytest.param(429, Unavailable, id="asked to come again"),
        pytest.param(500, Unavailable, id="broken for now"),
        pytest.param(503, Unavailable, id="not ready"),
    ],
)
async def test_an_answer_means_one_of_three_errors(status: int, error: type[TidewatchError]) -> None:
    with answering(lambda _: Reply(status, b"because")) as url, pytest.raises(error, match="because"):
        await Alertmanager(url).post([])


async def test_what_is_posted_and_asked_is_what_the_api_takes() -> None:
    asked: list[Asked] = []

    def reply(request: Asked) -> Reply:
        asked.append(request)
        return Reply(body=b'[{"labels": {}}]')

    told = posted_alert({"service": "s"}, {}, starts_at=ago(30), ends_at=None, now=NOW, hold_s=60)
    with answering(reply) as url:
        client = Alertmanager(f"{url}/prefix/")
        await client.post([told])
        assert await client.alerts('service="a b"', active=False) == [{"labels": {}}]
    assert [(request.method, request.path) for request in asked] == [
        ("POST", "/prefix/api/v2/alerts"),
        ("GET", "/prefix/api/v2/alerts?filter=service%3D%22a+b%22&active=false"),
    ]
    assert msgspec.json.decode(asked[0].body)[0]["startsAt"] == ago(30).isoformat()


async def test_no_answer_means_unavailable() -> None:
    with pytest.raises(Unavailable, match="refused"):
        await Alertmanager("http://127.0.0.1:1").status()


@pytest.mark.parametrize("address", ["", "localhost:9093", "ftp://127.0.0.1", "http://"])
def test_an_address_that_is_none_is_said_at_once(address: str) -> None:
    with pytest.raises(Misconfigured, match="TIDEWATCH_ALERTMANAGER_URL"):
        Alertmanager(address)
