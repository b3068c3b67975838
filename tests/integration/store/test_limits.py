"""What ingest accepts, everything behind it stores: PostgreSQL, the lake and the samples topic's record, for any input.

The parser judges; what it lets through becomes every kind of row that names a series, an entity or a service, and a
file of the lake.
"""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.lake.lake import LakeReader, LakeWriter
from infra.store.database import Database
from infra.store.outbox import OutboxEvent
from infra.store.progress import ModelSwap
from infra.store.watch import Effects, commit
from models.limits import MAX_ENTITY_BYTES, MAX_MAGNITUDE, MAX_SERIES_BYTES, MAX_SERVICE_BYTES
from models.names import Topic
from models.parse import Limits, Parsed, Parser
from models.reasons import AlertDecision, AlertState
from models.series import EntityRule
from models.service_graph import Edge
from models.state.results import Drift, Episode, SeriesPart, SloCounts, drift_id
from models.timestamps import to_rfc3339
from models.wire.sample_records import decode, encode

pytestmark = pytest.mark.timeout(300)

RULE = EntityRule(("service",), ("instance",), "host")
NOW_NS = 1_763_632_800 * 10**9
DAY_NS = 86_400 * 10**9

# texts that no compression shortens, of lengths around every limit, in letters of one to four bytes
LENGTHS = [0, 1, 26, 27, 80, 100, 239, 240, 241, 255, 256, 510, 511, 512, 513, 1_990, 2_048, 2_600, 2_704, 3_300]
ALPHABETS = ["abcdefghijklmnopqrstuvwxyz0123456789", '/%. :="\\', "éüñß", "日本語監視", "😀🙈🦉", "\x1b\n\t\u2028"]


def text(length: int, alphabet: str, seed: int) -> str:
    return "".join(random.Random(seed).choices(alphabet, k=length))


texts = st.builds(text, st.sampled_from(LENGTHS), st.sampled_from(ALPHABETS), st.integers(0, 2**32))
values = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([1.7e308, -1.7e308, 5e-324, MAX_MAGNITUDE, -MAX_MAGNITUDE, math.nextafter(MAX_MAGNITUDE, 1e99)]),
)
labels = st.fixed_dictionaries({}, optional={"service": texts, "instance": texts, "client": texts, "x": texts})


def parsed(found: list[tuple[dict[str, str], float]]) -> Parsed:
    records = [json.dumps({"metric": "m", "value": value, "labels": one}).encode() for one, value in found]
    return Parser(Limits(), RULE).parse(records, [NOW_NS] * len(records))


def effects_of(of: Parsed, slo_id: int, expected: int | None) -> Effects:
    owners = [of.book.owners[number] for number in of.numbers.tolist()]
    features = [RULE.identify(text).feature for text in of.columns.series_ids]
    both = list(zip(owners, features, strict=True))
    total = float(np.abs(of.columns.values).sum())
    return Effects(
        topic="samples",
        partition=0,
        expected=expected,
        next_offset=(expected or 0) + 1,
        source_high={"metrics:0": 1},
        slo_counts=SloCounts(
            np.array([slo_id], np.int32), np.array([NOW_NS // 10**9 // 60 * 60]), np.array([total]), np.array([total])
        ),
        episodes=[_episode(owner.service, owner.entity, feature) for owner, feature in both],
        drifts=[
            Drift(
                id=drift_id(owner.entity, feature, NOW_NS),
                service=owner.service,
                entity=owner.entity,
                series=feature,
                detector="ADWIN",
                statistic=1.0,
                window_rows=1,
                at_ns=NOW_NS,
                since_ns=NOW_NS,
            )
            for owner, feature in both
        ],
        events=[OutboxEvent(Topic.ALERTS, owner.service, f"{expected}:{n}", b"{}") for n, owner in enumerate(owners)],
        swaps=[ModelSwap(0, service, "1", "", "") for service in {owner.service for owner in owners}],
        calls=sorted({Edge(owner.service, owner.entity) for owner in owners}),
    )


def _episode(service: str, entity: str, feature: str) -> Episode:
    part = SeriesPart(feature, 1.0, NOW_NS, NOW_NS, MAX_MAGNITUDE, None, None, None)
    return Episode(
        id=f"{entity}:{to_rfc3339(NOW_NS)}",
        service=service,
        entity=entity,
        started_ns=NOW_NS,
        ended_ns=None,
        at_ns=NOW_NS,
        peak_score=1.0,
        peak_ns=NOW_NS,
        cause_metric=feature,
        causes=[(feature, 1.0)],
        value=-MAX_MAGNITUDE,
        expected=None,
        expected_lower=None,
        expected_upper=None,
        model_version="",
        state=AlertState.FIRING,
        decision=AlertDecision.FIRED,
        series=(part,),
    )


def slo(database: Database) -> int:
    with database.transaction() as cursor:
        cursor.execute(
            "INSERT INTO slo (name, service, target_ratio, document) VALUES ('s', 's', 0.9, '{}') RETURNING id"
        )
        (found,) = cursor.fetchone() or (0,)
        return int(found)


def test_what_ingest_accepts_every_store_takes(database: Database, tmp_path: Path) -> None:
    slo_id, stored = slo(database), 0
    accepted = rejected = 0

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.tuples(labels, values), min_size=1, max_size=8))
    def store(found: list[tuple[dict[str, str], float]]) -> None:
        nonlocal stored, accepted, rejected
        of = parsed(found)
        accepted, rejected = accepted + len(of.columns), rejected + len(of.rejected)
        offsets = of.record.astype(np.int64)
        parts = [decode(value) for _, value in encode(of.columns, np.zeros(len(of.numbers), int), offsets, "m:0", 1)]
        assert sum(len(part.offsets) for part in parts) == len(of.columns)
        commit(database, effects_of(of, slo_id, stored or None), repeated=False)
        stored += 1
        writer = LakeWriter(tmp_path / str(stored), RULE)
        writer.append(of.columns, "metrics:0", offsets, (of.book, of.numbers))
        writer.flush()
        reader = LakeReader(tmp_path / str(stored))
        for service in {of.book.owners[number].service for number in of.numbers.tolist()}:
            assert service in reader.services()
            assert len(reader.read(service, NOW_NS - DAY_NS, NOW_NS + DAY_NS, 100)) > 0

    store()
    assert accepted > 100
    assert rejected > 100


@pytest.mark.parametrize(
    "labels",
    [
        {"service": "s" * MAX_SERVICE_BYTES, "instance": "i" * (MAX_ENTITY_BYTES - MAX_SERVICE_BYTES - 1)},
        {"service": "日" * (MAX_SERVICE_BYTES // 9)},
        {"x": text(MAX_SERIES_BYTES - len('m{x=""}'), "abcdefghijklmnop0123456789", 1)},
    ],
    ids=["the longest service and entity", "the longest in Japanese", "the longest series"],
)
def test_the_longest_names_are_accepted_and_stored_and_one_more_letter_is_refused(
    database: Database, tmp_path: Path, labels: dict[str, str]
) -> None:
    of = parsed([(labels, MAX_MAGNITUDE)])
    assert of.rejected == []
    commit(database, effects_of(of, slo(database), None), repeated=False)
    writer = LakeWriter(tmp_path, RULE)
    writer.append(of.columns, "metrics:0", of.record.astype(np.int64), (of.book, of.numbers))
    assert len(writer.flush()) == 1
    longer = {name: value + ("日" if "日" in value else "x") for name, value in labels.items()}
    assert [reject.reason.value for reject in parsed([(longer, 1.0)]).rejected] == ["name-too-long"]


def test_a_minute_of_the_largest_values_can_be_added_to_for_ever(database: Database) -> None:
    slo_id = slo(database)
    largest = parsed([({"service": "s"}, MAX_MAGNITUDE)] * 1_000)
    for stored in range(3):
        commit(database, effects_of(largest, slo_id, stored or None), repeated=False)
    with database.transaction() as cursor:
        cursor.execute("SELECT total FROM slo_day")
        assert cursor.fetchall() == [(pytest.approx(3_000 * MAX_MAGNITUDE),)]
