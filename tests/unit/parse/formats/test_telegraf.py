"""Telegraf's records: every numeric field becomes a series, with the tags as labels."""

from __future__ import annotations

import pytest

from models.parse.formats import telegraf
from models.parse.json_text import decode_members
from models.reasons import RejectReason
from tests.unit.parse.formats.one_record import NOW_NS, Outcome, outcome

RECOGNISED = [
    pytest.param(b'{"name":"cpu","fields":{},"tags":{}}', True, id="a metric"),
    pytest.param(b'{"metrics":[]}', True, id="a batch"),
    pytest.param(b'{"name":"cpu","tags":{}}', True, id="a metric that forgot its fields"),
    pytest.param(b'{"metric":"cpu","value":1}', False, id="somebody else's"),
]
CPU = b'{"name":"cpu","tags":{"host":"h"},"fields":{"idle":99.5,"on":true,"is":"up","n":null},"timestamp":1700000000}'
READ = [
    pytest.param(
        CPU,
        ([('cpu_idle{host="h"}', NOW_NS, 99.5), ('cpu_on{host="h"}', NOW_NS, 1.0)], []),
        id="numbers and booleans are samples, texts are states",
    ),
    pytest.param(
        b'{"metrics":[' + CPU + b',{"name":"mem","fields":{"free":1}}]}',
        (
            [('cpu_idle{host="h"}', NOW_NS, 99.5), ('cpu_on{host="h"}', NOW_NS, 1.0), ("mem_free{}", NOW_NS, 1.0)],
            [],
        ),
        id="a batch",
    ),
    pytest.param(
        b'{"name":"m","fields":{"a":1,"b":{},"c":1e400,"d":false}}',
        (
            [("m_a{}", NOW_NS, 1.0), ("m_d{}", NOW_NS, 0.0)],
            [
                (RejectReason.WRONG_TYPE, "field b: expected a number, got object"),
                (RejectReason.NOT_FINITE, "field c is 1e400"),
            ],
        ),
        id="a bad field does not spoil its neighbours",
    ),
    pytest.param(b'{"fields":{"a":1}}', ([], [(RejectReason.MISSING_FIELD, "no name")]), id="no name"),
    pytest.param(b'{"name":"m","tags":{}}', ([], [(RejectReason.MISSING_FIELD, "no fields")]), id="no fields"),
    pytest.param(
        b'{"name":"m","fields":[1]}',
        ([], [(RejectReason.WRONG_TYPE, "fields: expected an object, got array")]),
        id="fields that are no object",
    ),
    pytest.param(
        b'{"metrics":{}}',
        ([], [(RejectReason.WRONG_TYPE, "metrics: expected an array, got object")]),
        id="a batch that is no array",
    ),
    pytest.param(
        b'{"metrics":[7]}',
        ([], [(RejectReason.WRONG_TYPE, "a metric must be an object, got number")]),
        id="a metric that is no object",
    ),
    pytest.param(
        b'{"name":"m","fields":{"a":1},"timestamp":"now"}',
        ([], [(RejectReason.BAD_TIMESTAMP, "timestamp 'now' is neither RFC 3339 nor an epoch time")]),
        id="a time that is none",
    ),
]


@pytest.mark.parametrize(("body", "expected"), RECOGNISED)
def test_which_records_are_meant_to_come_from_telegraf(body: bytes, expected: bool) -> None:
    assert telegraf.recognises(decode_members(body)) is expected


@pytest.mark.parametrize(("body", "expected"), READ)
def test_what_a_record_becomes(body: bytes, expected: Outcome) -> None:
    assert outcome(telegraf.read, body) == expected
