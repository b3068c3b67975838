"""What the SLO clock reads from the database is what a simulation makes of the same counts."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from psycopg2.extras import execute_values

from infra.slo.views import read_views
from infra.store.database import Database
from infra.store.slo import definitions as slos
from models.sli.binding import ThresholdOp
from models.slo.burn import Recorded
from models.slo.definition import GapPolicy, MetricQuery, Slices, Slo, ThresholdIndicator, TimeWindow, WindowUnit
from models.slo.simulate.replay import sums_of_windows
from models.slo.telemetry import Telemetry

pytestmark = pytest.mark.integration

START_S = 1_780_000_020 // 3600 * 3600 + 17 * 60
MINUTES = 3000
INDICATOR = ThresholdIndicator(MetricQuery("latency_ms", ()), ThresholdOp.LTE, 400.0)
WEEK, MONTH = TimeWindow(7, WindowUnit.DAY), TimeWindow(30, WindowUnit.DAY)
PLAIN = Slo("plain", "web", 0.99, MONTH, INDICATOR)


def changed(name: str, **changes: object) -> Slo:
    return msgspec.structs.replace(PLAIN, name=name, **changes)


SLOS = [
    PLAIN,
    changed("week", window=WEEK),
    changed("good", gaps=GapPolicy.GOOD),
    changed("bad", gaps=GapPolicy.BAD, window=WEEK),
    changed("rare", gaps=GapPolicy.BAD, telemetry_interval_s=300),
    changed("slices", slices=Slices(300, 0.9)),
    changed("shares", slices=Slices(600, None), window=WEEK),
    changed("missing-slices", slices=Slices(60, 1.0), gaps=GapPolicy.BAD),
]


def past(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Minutes with gaps and some without traffic: starts, good, total."""
    random = np.random.default_rng(seed)
    there = (np.arange(MINUTES) % 500 > 40) & (random.random(MINUTES) < 0.9)
    there[[0, -1]] = True  # the newest minute of the stream and the first are known to all
    minute_s = START_S + 60 * np.flatnonzero(there)
    total = np.where(random.random(len(minute_s)) < 0.1, 0.0, random.integers(1, 50, len(minute_s)).astype(float))
    total[[0, -1]] = 10.0
    return minute_s, np.floor(total * (0.8 + 0.2 * random.random(len(minute_s)))), total


@pytest.mark.parametrize("now_minutes", [MINUTES - 0.5, MINUTES - 0.99, MINUTES + 0.0])
def test_every_window_of_every_kind_of_slo_is_the_same_live_and_simulated(
    database: Database, now_minutes: float
) -> None:
    now_s = START_S + 60 * now_minutes
    with database.transaction() as cursor:
        slos.apply(cursor, SLOS, changed_by="test")
        stored = slos.load(cursor).slos
    minutes = {each.id: past(each.id) for each in stored}
    for half in (slice(0, None, 2), slice(1, None, 2)):  # every other minute comes late
        rows = [
            (id_, int(at), good, total)
            for id_, columns in minutes.items()
            for at, good, total in zip(*(column[half].tolist() for column in columns), strict=True)
        ]
        with database.transaction() as cursor:
            execute_values(
                cursor,
                "INSERT INTO slo_minute VALUES %s",
                rows,
                template="(%s, to_timestamp(%s), %s, %s)",
                page_size=len(rows),
            )
    with database.transaction() as cursor:
        views, newest_s = read_views(cursor, stored, {}, now_s, Telemetry())
    assert newest_s == START_S + 60 * (MINUTES - 1)
    for view in views:
        slo, (minute_s, good, total) = view.slo, minutes[view.slo_id]
        expected = sums_of_windows(slo, Recorded(minute_s, good, total, minute_s.astype(float)), np.array([now_s]))
        for length in slo.window_lengths:
            if length == 60 and view.windows[length].total == 0:
                continue  # judged on two minutes; the view shows what there is
            counts = expected[length].at(0)
            found = (view.windows[length].good, view.windows[length].total)
            assert found == pytest.approx((counts.good, counts.total)), f"{slo.name} over {length} s"
