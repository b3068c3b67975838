"""Decisions, proposals, locks and wake-ups in PostgreSQL."""

from __future__ import annotations

import time

import pytest

from infra.store import decisions, pg_channels
from infra.store.advisory_lock import AdvisoryLock
from infra.store.database import Database
from infra.store.decisions import Decided
from infra.store.slo import proposals
from infra.store.slo.proposals import ProposalState

pytestmark = pytest.mark.integration

T0 = 1_700_000_000 * 10**9
BEFORE, AFTER = {"target": 0.999}, {"target": 0.99}


def test_a_decision_taken_again_is_counted_and_keeps_its_newest_figures(database: Database) -> None:
    for at_ns, burn in ((T0, 14.5), (T0 + 10**9, 20.0)):
        with database.transaction() as cursor:
            decisions.record(cursor, "slo", [Decided("latency", "fired", {"burn": burn})], at_ns)
    with database.transaction() as cursor:
        decisions.record(cursor, "slo", [Decided("latency", "resolved", {})], T0 + 2 * 10**9)
        cursor.execute("SELECT decision, times, detail, last_at > first_at FROM decision ORDER BY first_at")
        assert cursor.fetchall() == [("fired", 2, {"burn": 20.0}, True), ("resolved", 1, {}, False)]


def test_a_proposal_is_open_until_it_is_decided_and_then_stays_so(database: Database) -> None:
    with database.transaction() as cursor:
        made = proposals.insert(cursor, "latency", "noise", BEFORE, AFTER, now_ns=T0)
        assert (made.before, made.after, made.made_ns, made.state) == (BEFORE, AFTER, T0, ProposalState.OPEN)
        assert proposals.load(cursor) == [made]
        decided = proposals.decide(cursor, made.id, ProposalState.ACCEPTED, "ann", T0 + 10**9)
        assert decided is not None
        assert (decided.state, decided.decided_by, decided.decided_ns) == (ProposalState.ACCEPTED, "ann", T0 + 10**9)
        assert proposals.decide(cursor, made.id, ProposalState.REFUSED, "bob", T0) is None
        assert (proposals.load(cursor), proposals.load(cursor, only_open=False)) == ([], [decided])
        assert proposals.of_slo(cursor, "latency") == [decided]
        assert proposals.of_slo(cursor, "another") == []


def test_who_listens_hears_of_what_has_committed_and_of_nothing_else(database: Database, postgres_url: str) -> None:
    other = Database(postgres_url)
    pg_channels.listen(database, "alerts")
    with other.transaction() as cursor:
        pg_channels.notify(cursor, "alerts")
        assert not pg_channels.wait(database, timeout_s=0.1), "not before it commits"
    assert pg_channels.wait(database, timeout_s=10.0)
    assert not pg_channels.wait(database, timeout_s=0.1), "once"
    with other.transaction() as cursor:
        pg_channels.notify(cursor, "outbox")
    assert not pg_channels.wait(database, timeout_s=0.1), "on another channel"
    other.close()


def in_time(lock: AdvisoryLock) -> None:
    """PostgreSQL frees a lock once it has noticed that its connection has ended."""
    deadline_s = time.monotonic() + 30.0
    while not lock.acquire():
        assert time.monotonic() < deadline_s


def test_a_lock_is_one_connection_s_until_that_ends(database: Database, postgres_url: str) -> None:
    other = Database(postgres_url)
    first, second = AdvisoryLock(database, "slo-clock"), AdvisoryLock(other, "slo-clock")
    assert (first.acquire(), first.acquire(), second.acquire()) == (True, True, False)
    first.release()
    in_time(second)
    other.connection().close()  # as a worker that is killed leaves it
    in_time(first)
    other.close()
