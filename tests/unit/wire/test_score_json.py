"""Score events written by a compiled loop: numbers as people write them, and the row that `ScoreEvent` reads back."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.records import ScoreEvent
from models.wire.byte_columns import ByteColumn
from models.wire.score_json import DIGITS, ScoreColumns, put_integer, put_number, score_texts


def _written(write: Any, number: float) -> str:
    data = np.zeros(64, np.uint8)
    return bytes(data[: write(data, 0, number)]).decode()


@given(st.floats(allow_nan=False, allow_infinity=False) | st.decimals(-1000, 1000, places=3).map(float))
def test_numbers_are_json_to_seven_digits(number: float) -> None:
    text = _written(put_number, number)
    assert isinstance(json.loads(text), float)
    assert json.loads(text) == pytest.approx(number, rel=5.1e-7, abs=1e-300)
    assert len(text.split("e")[0].lstrip("-0.").rstrip("0").replace(".", "").rstrip("0")) <= DIGITS


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0.0"),
        (-0.0, "0.0"),
        (1.0, "1.0"),
        (-12.5, "-12.5"),
        (0.00001, "0.00001"),
        (1e-6, "1.0e-6"),
        (999999.95, "1000000.0"),
        (9999999.6, "10000000.0"),
        (1234567890.0, "1234568000.0"),
        (1e16, "1.0e16"),
        (1.7976931348623157e308, "1.797693e308"),
        (5e-324, "0.0"),
        (math.nan, "null"),
        (math.inf, "null"),
    ],
)
def test_numbers_are_written_as_people_write_them(number: float, text: str) -> None:
    assert _written(put_number, number) == text


@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_whole_numbers_are_written_digit_by_digit(number: int) -> None:
    assert _written(put_integer, number) == str(number)


def _columns(causes: list[list[int]], parts: list[list[float]], expected: float) -> ScoreColumns:
    n = len(causes)
    return ScoreColumns(
        entity=np.zeros(n, np.int64),
        ids=ByteColumn.of([b'{"id":"shop/a:']),
        names=ByteColumn.of([b'","service":"shop","entity":"shop/a","tick":']),
        versions=ByteColumn.of([b'"7"']),
        tick_ns=np.arange(n),
        tick=np.zeros(n, np.int64),
        ticks=ByteColumn.of([b'"1970-01-01T00:00:00Z"']),
        score=np.full(n, 1.5),
        is_anomaly=np.ones(n, np.bool_),
        cause=np.array(causes, np.int64).reshape(n, len(causes[0]) if causes else 1),
        part=np.array(parts).reshape(n, len(parts[0]) if parts else 1),
        features=ByteColumn.of([b'"cpu"', b'"latency{le=\\"1\\"}"']),
        value=ByteColumn.of([b"95.25"] * n),
        expected=np.full(n, expected),
        lower=np.full(n, -0.5),
        upper=np.full(n, 12.0),
        readiness=np.zeros(n, np.int64),
        readiness_texts=ByteColumn.of([b'"calibrated"']),
    )


def _event(row: int, texts: ByteColumn) -> ScoreEvent:
    body = texts.at(row)
    assert body is not None
    return msgspec.json.decode(body, type=ScoreEvent)


def test_a_row_is_the_event_of_its_columns() -> None:
    texts = score_texts(_columns([[1, 0], [0, -1]], [[1.0, 0.5], [1.5, 0.0]], math.nan))
    assert _event(0, texts) == ScoreEvent(
        id="shop/a:0",
        service="shop",
        entity="shop/a",
        tick="1970-01-01T00:00:00Z",
        anomaly_score=1.5,
        is_anomaly=True,
        causes=[('latency{le="1"}', 1.0), ("cpu", 0.5)],
        cause_metric='latency{le="1"}',
        value=95.25,
        expected=None,
        expected_lower=-0.5,
        expected_upper=12.0,
        model_version="7",
        readiness="calibrated",
    )
    assert (_event(1, texts).id, _event(1, texts).causes) == ("shop/a:1", [("cpu", 1.5)])


def test_a_row_without_a_cause_names_none() -> None:
    event = _event(0, score_texts(_columns([[-1]], [[0.0]], 1.0)))
    assert (event.causes, event.cause_metric, event.expected) == ([], "", 1.0)


def test_no_rows_are_no_events() -> None:
    assert len(score_texts(_columns([], [], 0.0)).start) == 0
