"""Native records: single samples and batches, and what becomes of a bad one."""

from __future__ import annotations

import pytest

from models.parse.collected import Collected
from models.parse.formats import native
from models.parse.json_text import decode_members
from models.parse.known_series import KnownSeries
from models.parse.outcome import Limits
from models.reasons import RejectReason
from models.series import EntityRule
from tests.unit.parse.formats.one_record import NOW_NS, Outcome, outcome

RECOGNISED = [
    pytest.param(b'{"metric":"m","value":1}', True, id="a sample"),
    pytest.param(b'{"samples":[]}', True, id="a batch"),
    pytest.param(b'{"value":1}', True, id="a sample that forgot its metric"),
    pytest.param(b'{"name":"cpu","value":1}', False, id="somebody else's"),
    pytest.param(b'{"x":1}', False, id="nobody's"),
]
READ = [
    pytest.param(
        b'{"metric":"m","value":2.5,"timestamp":1700000000,"labels":{"a":"1"}}',
        ([('m{a="1"}', NOW_NS, 2.5)], []),
        id="a single sample",
    ),
    pytest.param(
        b'{"samples":[{"metric":"a","value":1},{"metric":"b","value":2}]}',
        ([("a{}", NOW_NS, 1.0), ("b{}", NOW_NS, 2.0)], []),
        id="a batch",
    ),
    pytest.param(b'{"samples":[]}', ([], []), id="an empty batch"),
    pytest.param(
        b'{"samples":[{"metric":"a","value":"x"},{"metric":"b","value":2}]}',
        ([("b{}", NOW_NS, 2.0)], [(RejectReason.WRONG_TYPE, "value: expected a number, got text")]),
        id="a bad sample of a batch is a reject of its own",
    ),
    pytest.param(
        b'{"samples":7}',
        ([], [(RejectReason.WRONG_TYPE, "samples: expected an array, got number")]),
        id="a batch that is no array",
    ),
    pytest.param(b'{"metric":"m"}', ([], [(RejectReason.MISSING_FIELD, "no value")]), id="no value"),
    pytest.param(b'{"value":1}', ([], [(RejectReason.MISSING_FIELD, "no metric")]), id="no metric"),
    pytest.param(
        b'{"metric":7,"value":1}',
        ([], [(RejectReason.WRONG_TYPE, "metric: expected a text, got number")]),
        id="a metric that is no text",
    ),
    pytest.param(
        b'{"metric":"m","value":1,"timestamp":[]}',
        ([], [(RejectReason.BAD_TIMESTAMP, "timestamp is b'[]'")]),
        id="a time of another type",
    ),
    pytest.param(
        b'{"samples":[7]}',
        ([], [(RejectReason.WRONG_TYPE, "a sample must be an object, got number")]),
        id="a sample that is no object",
    ),
]


@pytest.mark.parametrize(("body", "expected"), RECOGNISED)
def test_which_records_are_meant_to_be_native(body: bytes, expected: bool) -> None:
    assert native.recognises(decode_members(body)) is expected


@pytest.mark.parametrize(("body", "expected"), READ)
def test_what_a_record_becomes(body: bytes, expected: Outcome) -> None:
    assert outcome(native.read, body) == expected


def test_labels_stay_bytes_until_a_series_is_new() -> None:
    out = Collected(KnownSeries(Limits(), EntityRule(("service",), (), "host")))
    for _ in range(2):
        body = b'{"metric":"m","value":1,"labels":{ "a":"1"}}'
        native.read(body, decode_members(body), 0, NOW_NS, out)
    assert list(out.known.numbers) == [("m", b'{ "a":"1"}')]
