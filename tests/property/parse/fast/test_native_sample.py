"""The compiled reader of native samples against the parser that it saves the work."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.parse import Limits, Parsed, Parser
from models.parse.fast import native_sample as native_json
from models.parse.fast.native_batch import read_batches
from models.series import EntityRule
from models.wire.byte_columns import ByteColumn

NOW_S = 1_763_632_800
NOW_NS = NOW_S * 10**9
RULE = EntityRule(("service",), ("instance",), "host")
LABELS = (
    "",
    ',"labels":{}',
    ',"labels":{"a":"x"}',
    ',"labels":{"a":"x y","b":"\\u00fc\\"}"}',
    ', "labels" : {"b":"}{"}',
)


def both(records: list[bytes]) -> tuple[Parsed, Parsed, int]:
    """By a parser that knows no series, by one that has seen them all, and how many records the latter read at once."""
    parser = Parser(Limits(), RULE)
    slow = parser.parse(records, [NOW_NS] * len(records), NOW_NS)
    again = parser.parse(records, [NOW_NS] * len(records), NOW_NS)
    quick = native_json.read(
        ByteColumn.of(records), np.full(len(records), NOW_NS), Limits().max_record_bytes, parser.known.raw_keys.table
    )
    return slow, again, int(np.count_nonzero(quick.state))


def rows(parsed: Parsed) -> list[tuple[str, int, bytes, int]]:
    c = parsed.columns
    names = [c.series_ids[number] for number in c.series]
    return list(
        zip(names, c.event_time_ns.tolist(), [v.tobytes() for v in c.values], parsed.record.tolist(), strict=True)
    )


def same(records: list[bytes]) -> int:
    slow, again, quick = both(records)
    assert rows(slow) == rows(again)
    assert slow.rejected == again.rejected
    assert slow.empty == again.empty
    return quick


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize(
    "value",
    ["1", "0", "-7", "231.5", "1e3", "1.5E-7", "0.1", "123456789.123456789", "-0.000", "5e-324", "1e22", "1e23"],
)
@pytest.mark.parametrize(
    "time", ["", f',"timestamp":{NOW_S}', f',"timestamp": {NOW_S}.25', ',"timestamp":"2025-11-20T10:00:00Z"']
)
def test_plain_samples_of_known_series_are_read_at_once_and_alike(labels: str, value: str, time: str) -> None:
    quick = same([f' {{"metric":"m","value":{value}{time}{labels}}} \n'.encode()])
    assert quick == (0 if value.startswith("-0") else 1)


TIMES = st.one_of(
    st.integers(-(10**20), 10**20),
    st.integers(NOW_S - 10**6, NOW_S + 300),
    st.integers(NOW_NS - 10**15, NOW_NS),
    st.floats(NOW_S - 10**6, NOW_S),
    st.floats(allow_nan=False, allow_infinity=False),
    st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
    st.from_regex(r"20(24|25)-[01]\d-[0-3]\dT[0-2]\d:[0-6]\d:[0-6]\d(\.\d{0,11})?Z", fullmatch=True),
)


@settings(max_examples=300)
@given(
    st.lists(
        st.fixed_dictionaries(
            {"value": st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers())},
            optional={
                "metric": st.sampled_from(["m", "n", "ü"]),
                "timestamp": TIMES,
                "extra": st.none(),
                "labels": st.dictionaries(st.sampled_from("ab"), st.text(max_size=4)),
            },
        ),
        max_size=4,
    ),
    st.sampled_from([None, 1]),
    st.booleans(),
)
def test_whatever_a_producer_writes_is_read_alike_before_and_after_its_series_are_known(
    samples: list[dict[str, object]], indent: int | None, ascii_only: bool
) -> None:
    same([json.dumps(sample, indent=indent, ensure_ascii=ascii_only).encode() for sample in samples])


@settings(max_examples=300)
@given(
    st.lists(
        st.lists(
            st.fixed_dictionaries(
                {"value": st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers())},
                optional={
                    "metric": st.sampled_from(["m", "n", "ü"]),
                    "timestamp": TIMES,
                    "labels": st.dictionaries(st.sampled_from("ab"), st.text(max_size=4)),
                },
            ),
            max_size=4,
        ),
        max_size=3,
    ),
    st.sampled_from([None, 1]),
)
def test_batches_are_read_alike_before_and_after_their_series_are_known(
    batches: list[list[dict[str, object]]], indent: int | None
) -> None:
    single = b'{"metric":"m","value":1}'
    wrapped = [json.dumps({"samples": samples}, indent=indent).encode() for samples in batches]
    same([record for batch in wrapped for record in (single, batch)])


def damaged(data: st.DataObject, good: bytes, pieces: list[bytes]) -> bytes:
    """A text with one to three of its places, of up to two bytes, replaced."""
    text = bytearray(good)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at : at + data.draw(st.integers(0, 2))] = data.draw(st.sampled_from(pieces))
    return bytes(text)


@settings(max_examples=400)
@given(st.data())
def test_damaged_batches_are_judged_alike_before_and_after_their_series_are_known(data: st.DataObject) -> None:
    sample = b'{"metric":"m","value":-12.5e1,"timestamp":"2025-11-20T10:00:00.125Z","labels":{"a":"x","b":"}{\\"y"}}'
    good = b'{"samples":[' + sample + b"," + sample.replace(b"12.5", b"7") + b"]}"
    pieces = [b"", b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\", b"0", b"-", b".", b" ", b"\xff", b"Z", b"s"]
    same([good, damaged(data, good, pieces), sample])


def test_plain_batches_of_known_series_are_read_at_once() -> None:
    samples = [b'{"metric":"m%d","value":%d,"labels":{"n":"%d"}}' % (n % 7, n, n) for n in range(100)]
    records = [b' { "samples" : [ ' + b" , ".join(samples[i : i + 8]) + b" ] } " for i in range(0, 100, 8)]
    records.append(b'{"samples":[' + samples[0] + b"," + samples[1][:-1] + b',"unit":"ms"}]}')
    assert same(records) == 0
    parser = Parser(Limits(), RULE)
    parser.parse(records, [NOW_NS] * len(records), NOW_NS)
    read = read_batches(
        ByteColumn.of(records),
        np.arange(len(records)),
        np.full(len(records), NOW_NS),
        Limits().max_record_bytes,
        parser.known.raw_keys.table,
    )
    assert np.bincount(read.record, minlength=14).tolist() == [8] * 12 + [4, 0]
    assert read.value.tolist() == list(range(100))


@settings(max_examples=400)
@given(st.data())
def test_damaged_samples_are_judged_alike_before_and_after_their_series_are_known(data: st.DataObject) -> None:
    good = b'{"metric":"m","value":-12.5e1,"timestamp":"2025-11-20T10:00:00.125Z","labels":{"a":"x","b":"\\"y"}}'
    pieces = [b"", b'"', b"{", b"}", b",", b":", b"\\", b"0", b"9", b"-", b".", b"e", b" ", b"\xff", b"Z", b"m"]
    same([good, damaged(data, good, pieces)])


@pytest.mark.parametrize(
    ("text", "reason"),
    {
        "a name twice": (b'{"metric":"m","metric":"m","value":1}', "msgspec decides which counts"),
        "another member": (b'{"metric":"m","value":1,"unit":"ms"}', "it may be anything"),
        "an escape in the metric": (b'{"metric":"\\u006d","value":1}', "its bytes are not its name"),
        "a date that is none": (b'{"metric":"m","value":1,"timestamp":"2025-02-29T10:00:00Z"}', "a reject"),
        "more than one document": (b'{"metric":"m","value":1} {}', "a reject"),
    }.values(),
)
def test_what_is_not_plain_is_left_to_the_parser(text: bytes, reason: str) -> None:
    plain = b'{"metric":"m","value":1}'
    assert same([plain, text]) == 1, reason


def test_a_record_that_is_too_long_is_not_read() -> None:
    record = b'{"metric":"m","value":1' + b" " * 1_000_000 + b"}"
    assert same([b'{"metric":"m","value":1}', record]) == 1


def test_thousands_of_series_are_told_apart() -> None:
    records = [b'{"metric":"m%d","value":%d,"labels":{"n":"%d"}}' % (n % 7, n, n) for n in range(5000)]
    assert same(records) == 5000
