"""The watch agent's one transaction per micro-batch.

1. move `progress.next_offset` from where we believe it is: from here on the row is locked, or we are fenced;
2. add the SLO minute counts;
3. write anomaly episodes (a later transition updates its row) and confirmed drifts;
4. put alerts and retraining requests into the outbox;
5. remember changes of models and thresholds, and the state snapshot when one is due.

What PostgreSQL refuses for the data's sake is parked, row by row (`infra/store/parking.py`); the rest goes on.

Either all of it is there or nothing, and the offset says which. When the connection is lost during COMMIT nobody was
told: a repeated attempt reads the offset first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import orjson
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from infra.store import outbox, progress
from infra.store.database import Database
from infra.store.outbox import OutboxEvent
from infra.store.parking import Parked, Portion, letter, write_by_halves
from infra.store.progress import Fenced, ModelSwap, StoredSnapshot, ThresholdChange
from infra.store.slo import dependencies
from models.errors import Rejected
from models.reasons import RejectReason
from models.stream.identity import UNKNOWN, StreamIdentity
from models.timestamps import to_datetime

if TYPE_CHECKING:
    from models.service_graph import Edge
    from models.state.results import Drift, Episode, SloCounts

PAGE_ROWS = 1000
"""Rows of one INSERT: few round trips, and statements of a size that PostgreSQL parses quickly."""


CountRow: TypeAlias = tuple[int, int, float, float]
"""slo_id, minute_s, good, total."""


@dataclass(frozen=True, slots=True)
class Effects:
    """Everything that folding a stretch of one partition changes in PostgreSQL.

    Attributes:
        expected: where the partition's progress is believed to be; None where it has no row yet.
        next_offset: first offset after the stretch.
        source_high: highest source offset folded per source partition, the stretch included.
        slo_counts: additive counts per SLO and minute.
        calls: dependencies between services that were seen for the first time.
        identity: the stream that the offsets belong to.
        events: for the outbox, in the order in which they should be published.
    """

    topic: str
    partition: int
    expected: int | None
    next_offset: int
    source_high: Mapping[str, int]
    slo_counts: SloCounts
    episodes: Sequence[Episode] = ()
    drifts: Sequence[Drift] = ()
    events: Sequence[OutboxEvent] = ()
    swaps: Sequence[ModelSwap] = ()
    snapshot: StoredSnapshot | None = None
    calls: Sequence[Edge] = ()
    thresholds: Sequence[ThresholdChange] = ()
    identity: StreamIdentity = UNKNOWN


def commit(database: Database, effects: Effects, *, repeated: bool) -> list[Parked]:
    """Make the effects durable, exactly once; what was parked of them instead.

    Args:
        repeated: an earlier attempt with the same effects ended in `Unavailable`: it may have been committed.

    Raises:
        Fenced: the partition has moved without us.
        Unavailable: PostgreSQL; whether it was committed is unknown, call again with `repeated`.
    """
    if repeated and _is_committed(database, effects):
        return []
    portions = _portions(effects)
    try:
        with database.transaction() as cursor:
            _move(cursor, effects)
            for portion in portions:
                portion.write(cursor, portion.rows)
        return []
    except Rejected:
        with database.transaction() as cursor:
            _move(cursor, effects)
            parked = [one for portion in portions for one in write_by_halves(cursor, portion)]
            source = (effects.topic, effects.partition, effects.expected, effects.next_offset)
            outbox.put(cursor, [letter(one, number, source) for number, one in enumerate(parked)])
        return parked


def _move(cursor: Cursor, effects: Effects) -> None:
    progress.move(
        cursor,
        effects.topic,
        effects.partition,
        expected=effects.expected,
        to=effects.next_offset,
        source_high=effects.source_high,
        identity=effects.identity,
    )


def _portions(effects: Effects) -> list[Portion]:
    """Everything but the offset, in the order of the docstring above; what is empty is left out."""
    topic, partition = effects.topic, effects.partition
    snapshots = [] if effects.snapshot is None else [effects.snapshot]
    portions = [
        Portion("slo-counts", _count_rows(effects.slo_counts), add_count_rows),
        Portion("episode", effects.episodes, save_episodes),
        Portion("drift", effects.drifts, save_drifts),
        Portion(
            "call",
            effects.calls,
            lambda cursor, rows: dependencies.add(cursor, rows, dependencies.DependencySource.TRACES),
        ),
        Portion("event", effects.events, outbox.put),
        Portion("model-swap", effects.swaps, lambda cursor, rows: progress.save_swaps(cursor, topic, partition, rows)),
        Portion(
            "threshold",
            effects.thresholds,
            lambda cursor, rows: progress.save_thresholds(cursor, topic, partition, rows),
        ),
        Portion("snapshot", snapshots, lambda cursor, rows: progress.save_snapshot(cursor, topic, partition, rows[0])),
    ]
    return [portion for portion in portions if portion.rows]


def _is_committed(database: Database, effects: Effects) -> bool:
    with database.transaction() as cursor:
        found = progress.next_offset(cursor, effects.topic, effects.partition)
    if found == effects.next_offset:
        return True  # by us; or by another owner of the same records, which then had the same effects
    if found != effects.expected:
        raise Fenced(effects.topic, effects.partition, effects.expected, found)
    return False


def add_slo_counts(cursor: Cursor, counts: SloCounts) -> None:
    """Add counts to the minutes of their SLOs; see `add_count_rows`."""
    add_count_rows(cursor, _count_rows(counts))


def _count_rows(counts: SloCounts) -> list[CountRow]:
    columns = (counts.slo_id, counts.minute_s, counts.good, counts.total)
    return sorted(zip(*(column.tolist() for column in columns), strict=True))


def add_count_rows(cursor: Cursor, rows: Sequence[CountRow]) -> None:
    """Add counts, in the rows' order, to the minutes of their SLOs; those of an SLO that was deleted meanwhile are
    dropped.

    SLOs are locked first, in one order everywhere: two partitions that count for the same ones would else meet in the
    hours and days that the triggers lock, some after an insert and some after an update.

    Raises:
        Rejected: a count is not finite: no later one could be added to it.
    """
    if not rows:
        return
    if not all(math.isfinite(good) and math.isfinite(total) for _, _, good, total in rows):
        raise Rejected(RejectReason.UNSTORABLE, "the counts of a minute are not finite")
    execute_values(
        cursor,
        "INSERT INTO slo_minute (slo_id, minute, good, total)"
        " SELECT v.slo_id, to_timestamp(v.minute_s), v.good, v.total"
        " FROM (VALUES %s) AS v (slo_id, minute_s, good, total)"
        " JOIN slo ON slo.id = v.slo_id ORDER BY v.slo_id, v.minute_s FOR NO KEY UPDATE OF slo"
        " ON CONFLICT (slo_id, minute) DO UPDATE SET"
        " good = slo_minute.good + excluded.good, total = slo_minute.total + excluded.total",
        rows,
        template="(%s::integer, %s::bigint, %s::double precision, %s::double precision)",
        page_size=len(rows),  # one statement: after its minutes a statement locks hours, and none may lock minutes then
    )


def save_episodes(cursor: Cursor, episodes: Iterable[Episode]) -> None:
    """Write episodes by id; of several transitions of one episode the last counts."""
    newest = {episode.id: episode for episode in episodes}
    execute_values(
        cursor,
        "INSERT INTO anomaly (id, service, entity, started_at, ended_at, peak_score, peak_at, cause_metric, causes,"
        " value, expected, expected_lower, expected_upper, model_version, series) VALUES %s"
        " ON CONFLICT (id) DO UPDATE SET ended_at = excluded.ended_at, peak_score = excluded.peak_score,"
        " peak_at = excluded.peak_at, cause_metric = excluded.cause_metric, causes = excluded.causes,"
        " value = excluded.value, expected = excluded.expected, expected_lower = excluded.expected_lower,"
        " expected_upper = excluded.expected_upper, model_version = excluded.model_version,"
        " series = excluded.series",
        [_episode_row(episode) for episode in newest.values()],
        page_size=PAGE_ROWS,
    )


def _episode_row(episode: Episode) -> tuple[object, ...]:
    return (
        episode.id,
        episode.service,
        episode.entity,
        to_datetime(episode.started_ns),
        to_datetime(episode.ended_ns) if episode.ended_ns is not None else None,
        episode.peak_score,
        to_datetime(episode.peak_ns),
        episode.cause_metric,
        orjson.dumps(episode.causes).decode(),
        episode.value,
        episode.expected,
        episode.expected_lower,
        episode.expected_upper,
        episode.model_version,
        orjson.dumps(episode.series).decode(),
    )


def save_drifts(cursor: Cursor, drifts: Iterable[Drift]) -> None:
    """Write confirmed drifts; one that is there stays as it is."""
    execute_values(
        cursor,
        "INSERT INTO drift (id, service, entity, series, detector, statistic, window_rows, at) VALUES %s"
        " ON CONFLICT (id) DO NOTHING",
        [
            (
                drift.id,
                drift.service,
                drift.entity,
                drift.series,
                drift.detector,
                drift.statistic,
                drift.window_rows,
                to_datetime(drift.at_ns),
            )
            for drift in drifts
        ],
        page_size=PAGE_ROWS,
    )
