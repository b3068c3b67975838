"""Score events in JSON, field by field and digit by digit."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import numpy as np

from models.records import ScoreEvent
from models.state.results import ScoredRows
from models.state.tables import EntityName
from models.timestamps import to_rfc3339
from models.wire.score_events import score_events

S = 1_000_000_000


def _rows(**columns: Any) -> ScoredRows:
    """Three rows of two entities; one has no cause and nothing that is known."""
    usual: dict[str, Any] = {
        "entity": np.array([1, 0, 1], np.int32),
        "tick_ns": np.array([1_763_632_800_250_000_000, -1, 0]),
        "score": np.array([1.25, 0.0, 1 / 3]),
        "is_anomaly": np.array([True, False, False]),
        "value": np.array([[98765432.125, math.nan, -1.5]]).T[:, 0],
        "expected": np.array([0.1 + 0.2, math.nan, 1e-9]),
        "expected_lower": np.array([-2 / 3, math.nan, -1e20]),
        "expected_upper": np.array([1e6, math.nan, 12345678.0]),
        "causes": np.array([[2, 0, -1], [-1, -1, -1], [1, 2, 0]], np.int32),
        "parts": np.array([[1.0, 0.25, 0.0], [0.0, 0.0, 0.0], [0.2, 0.1, 0.03]]),
        "readiness_code": np.array([2, 0, 1], np.int8),
        "model_version": ["12", "", "12"],
        "features": ['a{path="/x"}', "b", "größe"],
    }
    return ScoredRows(**(usual | columns))


NAMES = [EntityName("shop", "shop"), EntityName('so "called"', 'so "called"/é')]


def test_a_score_event_says_what_the_row_says() -> None:
    keys, which, events = score_events(_rows(), NAMES)
    assert [keys[number].decode() for number in which.tolist()] == ['so "called"/é', "shop", 'so "called"/é']
    found = [msgspec.json.decode(events.at(i) or b"", type=ScoreEvent) for i in range(3)]
    assert found[0] == ScoreEvent(
        'so "called"/é@1763632800250000000',
        'so "called"',
        'so "called"/é',
        to_rfc3339(1_763_632_800_250_000_000),
        1.25,
        True,
        [("größe", 1.0), ('a{path="/x"}', 0.25)],
        "größe",
        98765432.125,
        0.3,
        -0.6666667,
        1e6,
        "12",
        "calibrated",
    )
    assert found[1] == ScoreEvent(
        "shop@-1",
        "shop",
        "shop",
        to_rfc3339(-1),
        0.0,
        False,
        [],
        "",
        None,
        None,
        None,
        None,
        "",
        "warming-up",
    )
    assert (found[2].anomaly_score, found[2].expected, found[2].expected_lower) == (0.3333333, 1e-9, -1e20)
    assert [list(json.loads(events.at(i) or b"")) for i in range(3)] == [list(ScoreEvent.__struct_fields__)] * 3


def test_no_rows_are_no_events() -> None:
    none = {name: getattr(_rows(), name)[:0] for name in ScoredRows.__dataclass_fields__ if name != "features"}
    keys, which, events = score_events(_rows(**none), NAMES)
    assert (keys, len(which), len(events.start)) == ([], 0, 0)
