"""SLOs in PostgreSQL: applied all or none, with history; window sums equal those of the pure core."""

from __future__ import annotations

import numpy as np
import pytest
from psycopg2.extras import execute_values

from infra.store.database import Database
from infra.store.slo import definitions as slos
from infra.store.slo import windows as slo_windows
from infra.store.slo.definitions import ChangeKind
from infra.store.slo.windows import Retention, WindowGroup, WindowStatus
from models.errors import Rejected
from models.sli.binding import ThresholdOp
from models.slo.burn import Recorded, window_start_s, window_sums
from models.slo.definition import MetricQuery, Slo, ThresholdIndicator, TimeWindow, WindowUnit
from models.slo.rollups import Rollup

pytestmark = pytest.mark.integration

NOW_S = 1_780_000_000.0


def slo(name: str = "latency", target: float = 0.99, service: str = "checkout") -> Slo:
    indicator = ThresholdIndicator(MetricQuery("latency_ms", ()), ThresholdOp.LTE, 400.0)
    return Slo(name, service, target, TimeWindow(30, WindowUnit.DAY), indicator)


def kinds(found: list[slos.SloChange]) -> dict[str, ChangeKind]:
    return {change.name: change.kind for change in found}


def test_applying_twice_says_unchanged_and_moves_no_revision(database: Database) -> None:
    with database.transaction() as cursor:
        assert slos.revision(cursor) == 0
        assert kinds(slos.apply(cursor, [slo()], changed_by="ann")) == {"latency": ChangeKind.CREATED}
        revision = slos.revision(cursor)
        assert kinds(slos.apply(cursor, [slo()], changed_by="bob")) == {"latency": ChangeKind.UNCHANGED}
        assert slos.revision(cursor) == revision
        cursor.execute("SELECT changed_by FROM slo_history")
        assert cursor.fetchall() == [("ann",)]


def test_history_tells_who_changed_what_from_what_to_what(database: Database) -> None:
    with database.transaction() as cursor:
        slos.apply(cursor, [slo(target=0.99)], changed_by="ann")
    with database.transaction() as cursor:
        slos.apply(cursor, [slo(target=0.95)], changed_by="bob")
    with database.transaction() as cursor:
        slos.apply(cursor, [], changed_by="eve", remove_others=True)
        cursor.execute("SELECT changed_by, before, after FROM slo_history ORDER BY id")
        first, second = slo(target=0.99).document(), slo(target=0.95).document()
        assert cursor.fetchall() == [("ann", None, first), ("bob", first, second), ("eve", second, None)]


def test_every_change_moves_the_revision_and_what_is_loaded_is_what_was_applied(database: Database) -> None:
    with database.transaction() as cursor:
        slos.apply(cursor, [slo("a"), slo("b")], changed_by="ann")
        loaded = slos.load(cursor)
        assert [stored.slo for stored in loaded.slos] == [slo("a"), slo("b")]
        assert loaded.revision == slos.revision(cursor)
        slos.apply(cursor, [slo("a")], changed_by="ann", remove_others=True)
        assert slos.revision(cursor) > loaded.revision
        (left,) = slos.load(cursor).slos
        assert (left.slo, left.id) == (slo("a"), loaded.slos[0].id)
        slos.apply(cursor, [slo("b")], changed_by="ann")
        assert [s.id for s in slos.load(cursor).slos] == [s.id for s in loaded.slos]


def test_a_failure_in_the_middle_applies_nothing(database: Database) -> None:
    with pytest.raises(Rejected, match="23514"), database.transaction() as cursor:
        slos.apply(cursor, [slo("good"), slo("impossible", target=1.5)], changed_by="ann")
    with database.transaction() as cursor:
        assert slos.load(cursor).slos == ()
        cursor.execute("SELECT count(*) FROM slo_history")
        assert cursor.fetchone() == (0,)


def test_looking_at_changes_writes_nothing(database: Database) -> None:
    with database.transaction() as cursor:
        assert kinds(slos.changes(cursor, [slo()])) == {"latency": ChangeKind.CREATED}
        assert slos.revision(cursor) == 0


def fill(database: Database, slo_id: int, minute_s: np.ndarray, good: np.ndarray, total: np.ndarray) -> None:
    rows = [(slo_id, int(m), float(g), float(t)) for m, g, t in zip(minute_s, good, total, strict=True)]
    with database.transaction() as cursor:
        execute_values(
            cursor,
            "INSERT INTO slo_minute (slo_id, minute, good, total) VALUES %s",
            rows,
            template="(%s, to_timestamp(%s), %s, %s)",
            page_size=5000,
        )


def test_sums_of_many_windows_in_one_query_equal_those_of_the_core(database: Database) -> None:
    with database.transaction() as cursor:
        slos.apply(cursor, [slo("a"), slo("b")], changed_by="ann")
        ids = [stored.id for stored in slos.load(cursor).slos]
    random = np.random.default_rng(7)
    minutes = {}
    for slo_id in ids:
        minute_s = np.sort(random.choice(np.arange(0, 3000), 900, replace=False)) * 60 + int(NOW_S // 60 - 2900) * 60
        total = random.integers(1, 100, 900).astype(float)
        minutes[slo_id] = (minute_s, np.floor(total * random.random(900)), total)
        fill(database, slo_id, *minutes[slo_id])
    lengths = (60, 300, 3600, 86_400, 30 * 86_400)
    group = WindowGroup(tuple(ids), tuple(window_start_s(NOW_S, length) for length in lengths), NOW_S // 60 * 60 + 60)
    with database.transaction() as cursor:
        sums = slo_windows.read_group(cursor, group)
    for row, slo_id in enumerate(ids):
        recorded = Recorded(*minutes[slo_id], minutes[slo_id][0].astype(float))
        for column, length in enumerate(lengths):
            good, total = window_sums(recorded, np.array([float(NOW_S)]), length)
            assert (sums.good[row, column], sums.total[row, column]) == (good[0], total[0])
            inside = (minutes[slo_id][0] >= group.starts_s[column]) & (minutes[slo_id][0] <= NOW_S)
            assert sums.covered[row, column] == inside.sum()
    assert sums.newest_s.tolist() == [minutes[slo_id][0][minutes[slo_id][0] <= NOW_S].max() for slo_id in ids]


def test_an_slo_without_counts_has_sums_of_zero(database: Database) -> None:
    with database.transaction() as cursor:
        sums = slo_windows.read_group(cursor, WindowGroup((1,), (0,), 60))
    assert (sums.good.tolist(), sums.total.tolist(), sums.newest_s.tolist()) == ([[0.0]], [[0.0]], [float("-inf")])


def test_status_is_replaced_and_forgets_what_is_no_more(database: Database) -> None:
    unknown = float("nan")
    with database.transaction() as cursor:
        slos.apply(cursor, [slo()], changed_by="ann")
        (stored,) = slos.load(cursor).slos
        slo_windows.write_status(
            cursor,
            [WindowStatus(stored.id, "5m", 0.5, 50.0, None), WindowStatus(stored.id, "1h", unknown, unknown, None)],
        )
        slo_windows.write_status(
            cursor, [WindowStatus(stored.id, "5m", 0.1, 10.0, None), WindowStatus(stored.id, "period", 0.1, 10.0, -9.0)]
        )
        slo_windows.keep_status(cursor, [(stored.id, "5m"), (stored.id, "period")])
        cursor.execute("SELECT burn_window, error_ratio, budget_remaining_ratio FROM slo_status")
        assert sorted(cursor.fetchall()) == [("5m", 0.1, None), ("period", 0.1, -9.0)]


def test_only_counts_before_the_start_are_deleted(database: Database) -> None:
    with database.transaction() as cursor:
        slos.apply(cursor, [slo("a"), slo("b")], changed_by="ann")
        first, second = (stored.id for stored in slos.load(cursor).slos)
    minute_s = np.arange(3000, 3600 + 600, 60)
    for slo_id in (first, second):
        fill(database, slo_id, minute_s, np.ones(20), np.ones(20))
    with database.transaction() as cursor:
        kept = [Retention(first, 3300, 3600, 0), Retention(second, 0, 0, 0)]
        assert slo_windows.delete_old_counts(cursor, kept) == {Rollup.MINUTE: 5, Rollup.HOUR: 1, Rollup.DAY: 0}
        cursor.execute("SELECT slo_id, count(*), min(extract(epoch FROM minute)) FROM slo_minute GROUP BY 1 ORDER BY 1")
        assert cursor.fetchall() == [(first, 15, 3300), (second, 20, 3000)]
        cursor.execute("SELECT slo_id, extract(epoch FROM hour), total FROM slo_hour ORDER BY 1, 2")
        assert cursor.fetchall() == [(first, 3600, 10), (second, 0, 10), (second, 3600, 10)]


def test_hours_stay_the_sums_of_their_minutes_however_those_are_written(database: Database) -> None:
    with database.transaction() as cursor:
        slos.apply(cursor, [slo()], changed_by="ann")
        (stored,) = slos.load(cursor).slos
    random = np.random.default_rng(5)
    for _ in range(20):
        minute_s = np.unique(random.integers(0, 300, 40)) * 60
        rows = [(stored.id, int(m), float(random.integers(0, 9)), 9.0) for m in minute_s]
        with database.transaction() as cursor:  # some of them new, some of them counted before
            execute_values(
                cursor,
                """INSERT INTO slo_minute (slo_id, minute, good, total) VALUES %s ON CONFLICT (slo_id, minute) DO UPDATE
                   SET good = slo_minute.good + excluded.good, total = slo_minute.total + excluded.total""",
                rows,
                template="(%s, to_timestamp(%s), %s, %s)",
            )
    with database.transaction() as cursor:
        cursor.execute("UPDATE slo_minute SET good = 0 WHERE extract(minute FROM minute) = 7")
        cursor.execute("SELECT slo_id, hour, good, total FROM slo_hour ORDER BY hour")
        hours = cursor.fetchall()
        cursor.execute(
            "SELECT slo_id, date_trunc('hour', minute), sum(good), sum(total) FROM slo_minute GROUP BY 1, 2 ORDER BY 2"
        )
        assert hours == cursor.fetchall()
        assert len(hours) == 5
