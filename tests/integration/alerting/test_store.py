"""The table of alerts: any order and number of deliveries ends in the same state."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.store import alerts
from infra.store.database import Database
from models.reasons import AlertState
from models.records import AlertEvent
from tests.integration.alerting.on_call import SECOND_NS, transition

pytestmark = pytest.mark.integration

FIRING, RESOLVED = AlertState.FIRING, AlertState.RESOLVED
T0 = 1_700_000_000 * SECOND_NS

# three episodes of one alert and two of another; 250 ms apart, where times as text and times as times sort differently
HISTORY = [
    transition(state, service=service, starts_at_ns=T0 + episode * SECOND_NS // 4)
    for service, episodes in (("checkout", 3), ("search", 2))
    for episode in range(episodes)
    for state in (FIRING, RESOLVED)
]


def stored(database: Database) -> dict[str, str]:
    """Service → id of the transition that its alert stands at."""
    with database.transaction() as cursor:
        return {alert.labels["service"]: alert.event_id for alert in alerts.to_renew(cursor, resolve_repeat_s=300.0)}


def deliver(database: Database, events: list[AlertEvent]) -> int:
    with database.transaction() as cursor:
        return alerts.store(cursor, events)


@given(
    st.lists(st.sampled_from(HISTORY), max_size=20),
    st.permutations(HISTORY),
    st.lists(st.integers(1, 4), min_size=30, max_size=30),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_interleaving_and_repetition_ends_at_the_newest_transition_of_each_alert(
    database: Database, repeats: list[AlertEvent], order: list[AlertEvent], sizes: list[int]
) -> None:
    with database.transaction() as cursor:
        cursor.execute("TRUNCATE alert")
    rest = [*order, *repeats]
    for size in sizes:  # in batches of any size
        deliver(database, rest[:size])
        rest = rest[size:]
    deliver(database, rest)
    assert stored(database) == {
        "checkout": transition(RESOLVED, service="checkout", starts_at_ns=T0 + SECOND_NS // 2).id,
        "search": transition(RESOLVED, service="search", starts_at_ns=T0 + SECOND_NS // 4).id,
    }


@pytest.mark.parametrize(
    ("known", "incoming", "changes"),
    [
        pytest.param((FIRING, 0), (FIRING, 0), False, id="a repeated firing changes nothing"),
        pytest.param((FIRING, 0), (RESOLVED, 0), True, id="a resolve ends its episode"),
        pytest.param((RESOLVED, 0), (FIRING, 0), False, id="a resolve that overtook its firing stays"),
        pytest.param((RESOLVED, 0), (RESOLVED, 0), False, id="a repeated resolve changes nothing"),
        pytest.param((RESOLVED, 0), (FIRING, 60), True, id="the next episode fires again"),
        pytest.param((FIRING, 60), (RESOLVED, 0), False, id="the resolve of an older episode does not end a newer one"),
        pytest.param((FIRING, 60), (FIRING, 0), False, id="an older episode does not replace a newer one"),
        pytest.param((FIRING, 0), (FIRING, 60), True, id="a newer episode replaces one whose resolve was lost"),
    ],
)
def test_a_transition_is_stored_only_if_it_is_later(
    database: Database, known: tuple[AlertState, int], incoming: tuple[AlertState, int], changes: bool
) -> None:
    first, second = (transition(state, starts_at_ns=T0 + s * SECOND_NS) for state, s in (known, incoming))
    assert deliver(database, [first]) == 1
    with database.transaction() as cursor:
        alerts.mark_accepted(cursor, [first.id])
    assert deliver(database, [second]) == int(changes)
    with database.transaction() as cursor:
        assert [alert.event_id for alert in alerts.unaccepted(cursor)] == ([second.id] if changes else [])


def test_an_acceptance_that_was_overtaken_by_the_next_transition_does_not_count_for_it(database: Database) -> None:
    firing, resolved = (transition(state, starts_at_ns=T0) for state in (FIRING, RESOLVED))
    deliver(database, [firing])
    deliver(database, [resolved])
    with database.transaction() as cursor:
        alerts.mark_accepted(cursor, [firing.id])  # posted before the resolve came, answered after
        (waiting,) = alerts.unaccepted(cursor)
    assert waiting.event_id == resolved.id


def test_a_resolve_is_renewed_only_for_a_while_after_it_was_accepted(database: Database) -> None:
    resolved = transition(RESOLVED, starts_at_ns=T0)
    deliver(database, [resolved])
    with database.transaction() as cursor:
        assert [alert.event_id for alert in alerts.to_renew(cursor, resolve_repeat_s=0.0)] == [resolved.id]
        alerts.mark_accepted(cursor, [resolved.id])
        assert [alert.event_id for alert in alerts.to_renew(cursor, resolve_repeat_s=300.0)] == [resolved.id]
        cursor.execute("UPDATE alert SET accepted_at = accepted_at - interval '301 s'")
        assert alerts.to_renew(cursor, resolve_repeat_s=300.0) == []


def test_firing_alerts_are_counted_by_service_and_severity(database: Database) -> None:
    deliver(
        database,
        [
            transition(FIRING, service="checkout", starts_at_ns=T0),
            transition(FIRING, service="checkout", entity="checkout/i-1", starts_at_ns=T0),
            transition(FIRING, service="search", starts_at_ns=T0),
            transition(RESOLVED, service="search", starts_at_ns=T0),
        ],
    )
    with database.transaction() as cursor:
        assert alerts.count_firing(cursor) == {("checkout", "page"): 2}
