"""What every input format must hold: one good record of each, and real messages where they are at hand."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.parse import Limits, Parsed, Parser
from models.parse.parser import FORMATS
from models.series import EntityRule, parse_series

RULE = EntityRule(("service",), ("instance", "host"), "host")
NOW_NS = 1_763_632_800 * 10**9
SHARED = Path(os.environ.get("TIDEWATCH_SHARED", Path(__file__).parents[2].parent / "shared"))

# format -> a record of it with three series of one entity
RECORDS = {
    "native": b'{"samples":[{"metric":"a","value":1,"timestamp":1763632790,"labels":{"host":"h"}},'
    b'{"metric":"b","value":2.5,"timestamp":1763632790,"labels":{"host":"h"}},'
    b'{"metric":"c","value":-3,"timestamp":1763632790,"labels":{"host":"h"}}]}',
    "telegraf": b'{"fields":{"a":1,"b":2.5,"c":-3},"name":"m","tags":{"host":"h"},"timestamp":1763632790}\n',
}


def parse(values: list[bytes | None], record_time_ns: list[int] | None = None) -> Parsed:
    return Parser(Limits(), RULE).parse(values, record_time_ns or [NOW_NS] * len(values))


def test_every_format_has_a_record_here() -> None:
    assert set(RECORDS) == {format_.__name__.rpartition(".")[2] for format_ in FORMATS}


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_a_record_becomes_typed_finite_columns_of_canonical_series(record: bytes) -> None:
    parsed = parse([record, record])
    assert parsed.rejected == []
    columns = parsed.columns
    arrays = (columns.series, columns.event_time_ns, columns.values, parsed.record)
    assert [array.dtype.name for array in arrays] == ["int32", "int64", "float64", "int32"]
    assert parsed.record.tolist() == [0, 0, 0, 1, 1, 1]
    assert columns.values.tolist() == [1.0, 2.5, -3.0] * 2
    assert set(columns.event_time_ns.tolist()) == {1_763_632_790 * 10**9}
    assert len(columns.series_ids) == len(set(columns.series_ids)) == 3
    assert [parse_series(text)[1] for text in columns.series_ids] == [{"host": "h"}] * 3


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_every_cut_of_a_record_is_refused_and_spoils_nothing(record: bytes) -> None:
    cuts: list[bytes | None] = [record[:length] for length in range(len(record.rstrip()))]
    parsed = parse([*cuts, record])
    assert len(parsed.rejected) == len(cuts)
    assert set(parsed.record.tolist()) == {len(cuts)}


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
@settings(max_examples=50)
@given(data=st.data())
def test_damaged_bytes_never_raise_and_are_accounted_for(record: bytes, data: st.DataObject) -> None:
    damaged = bytearray(record)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    parsed = parse([bytes(damaged), record])
    assert {0, 1} <= set(parsed.record.tolist()) | {reject.record for reject in parsed.rejected} or parsed.empty == 1
    assert np.isfinite(parsed.columns.values).all()


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_formats_may_be_mixed_in_one_batch(record: bytes) -> None:
    others = list(RECORDS.values())
    mixed = parse([*others, record, *others])
    assert mixed.rejected == []
    assert len(mixed.columns) == 3 * (2 * len(others) + 1)


def telegraf_messages() -> tuple[list[bytes | None], list[int]]:
    path = SHARED / "samples" / "telegraf_json.jsonl"
    if not path.exists():
        pytest.skip(f"no captured messages at {path}: set TIDEWATCH_SHARED to the folder that holds samples/")
    records = [json.loads(line) for line in path.read_text().splitlines()]
    return [record["value"].encode() for record in records], [record["ts"][1] * 1_000_000 for record in records]


def test_what_telegraf_really_writes_parses_without_a_reject() -> None:
    values, times = telegraf_messages()
    parsed = parse(values, times)
    assert parsed.rejected == []
    fields = [json.loads(value or b"")["fields"].values() for value in values]
    numbers = [sum(not isinstance(value, str) for value in of_record) for of_record in fields]
    assert np.bincount(parsed.record, minlength=len(values)).tolist() == numbers
    assert 'cpu_usage_user{cpu="cpu0",dc="d1",host="lab-host"}' in parsed.columns.series_ids


def test_what_telegraf_writes_as_a_batch_parses_without_a_reject() -> None:
    path = SHARED / "samples" / "telegraf_json_batch.json"
    if not path.exists():
        pytest.skip(f"no captured messages at {path}: set TIDEWATCH_SHARED to the folder that holds samples/")
    bodies: list[bytes | None] = [*path.read_bytes().splitlines()]
    metrics = [metric for body in bodies for metric in json.loads(body or b"")["metrics"]]
    numbers = [value for metric in metrics for value in metric["fields"].values() if not isinstance(value, str)]
    parsed = parse(bodies, [metrics[0]["timestamp"] * 10**9] * len(bodies))
    assert parsed.rejected == []
    assert parsed.columns.values.tolist() == numbers
