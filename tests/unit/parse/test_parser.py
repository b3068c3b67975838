"""The parser record by record: what is taken, what is refused and why, what is remembered."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.limits import MAX_SAMPLES_BYTES, SAMPLE_BYTES
from models.parse import Limits, Parsed, Parser
from models.parse import known_series as known_series_module
from models.reasons import RejectReason
from models.series import EntityRule

RULE = EntityRule(("service", "job"), ("instance", "host"), "host")
NOW_S = 1_763_632_800  # 2025-11-20T10:00:00Z
NOW_NS = NOW_S * 10**9


def parse(*values: bytes | str | None, limits: Limits | None = None, parser: Parser | None = None) -> Parsed:
    parser = parser or Parser(limits or Limits(), RULE)
    return parser.parse([v.encode() if isinstance(v, str) else v for v in values], [NOW_NS] * len(values))


def samples(parsed: Parsed) -> list[tuple[str, int, float]]:
    columns = parsed.columns
    ids = [columns.series_ids[number] for number in columns.series]
    return list(zip(ids, columns.event_time_ns.tolist(), columns.values.tolist(), strict=True))


GOOD = {
    "a native sample with an RFC 3339 time": (
        '{"metric":"latency_ms","value":231.5,"timestamp":"2025-11-20T10:00:00Z",'
        '"labels":{"service":"checkout","instance":"i-1"}}',
        [('latency_ms{instance="i-1",service="checkout"}', NOW_NS, 231.5)],
    ),
    "fractions of a second and an offset from UTC": (
        '{"metric":"m","value":1,"timestamp":"2025-11-20T11:00:00.1234567891+01:00"}',
        [("m{}", NOW_NS + 123_456_789, 1.0)],
    ),
    "milliseconds in the time": (
        '{"metric":"m","value":1,"timestamp":"2025-11-20T10:00:00.250Z"}',
        [("m{}", NOW_NS + 250_000_000, 1.0)],
    ),
    "no time means the record's own": ('{"metric":"m","value":-1e-3}', [("m{}", NOW_NS, -0.001)]),
    "a null time means the record's own": ('{"metric":"m","value":1,"timestamp":null}', [("m{}", NOW_NS, 1.0)]),
    "epoch seconds": (f'{{"metric":"m","value":1,"timestamp":{NOW_S}}}', [("m{}", NOW_NS, 1.0)]),
    "fractional epoch seconds": (
        f'{{"metric":"m","value":1,"timestamp":{NOW_S}.5}}',
        [("m{}", NOW_NS + 500_000_000, 1.0)],
    ),
    "epoch milliseconds": (f'{{"metric":"m","value":1,"timestamp":{NOW_S}001}}', [("m{}", NOW_NS + 10**6, 1.0)]),
    "epoch microseconds": (f'{{"metric":"m","value":1,"timestamp":{NOW_S}000001}}', [("m{}", NOW_NS + 1000, 1.0)]),
    "epoch nanoseconds": (f'{{"metric":"m","value":1,"timestamp":{NOW_S}000000001}}', [("m{}", NOW_NS + 1, 1.0)]),
    "texts beside the members are labels": (
        '{"metric":"m","value":1,"service":"one","labels":{"host":"h"}}',
        [('m{host="h",service="one"}', NOW_NS, 1.0)],
    ),
    "a label that stands in both places is one": (
        '{"metric":"m","value":1,"host":"h","labels":{"host":"h"}}',
        [('m{host="h"}', NOW_NS, 1.0)],
    ),
    "an epoch time as text": (f'{{"metric":"m","value":1,"timestamp":"{NOW_S}"}}', [("m{}", NOW_NS, 1.0)]),
    "an offset without a colon": (
        '{"metric":"m","value":1,"timestamp":"2025-11-20T11:00:00+0100"}',
        [("m{}", NOW_NS, 1.0)],
    ),
    "an array of samples": (
        '[{"metric":"a","value":1},{"name":"b","fields":{"x":2}}]',
        [("a{}", NOW_NS, 1.0), ("b_x{}", NOW_NS, 2.0)],
    ),
    "a sample a line": (
        '{"metric":"a","value":1}\n\n{"metric":"b","value":2}\n',
        [("a{}", NOW_NS, 1.0), ("b{}", NOW_NS, 2.0)],
    ),
    "a byte order mark": ('\ufeff{"metric":"m","value":1}', [("m{}", NOW_NS, 1.0)]),
    "labels in another order are the same series": (
        '{"labels":{"b":"2","a":"1"},"value":1,"metric":"m"}',
        [('m{a="1",b="2"}', NOW_NS, 1.0)],
    ),
    "labels with quotes, backslashes and other scripts": (
        json.dumps({"metric": "m", "value": 1, "labels": {"path": 'C:\\x "y"\n', "city": "Zürich"}}),
        [('m{city="Zürich",path="C:\\\\x \\"y\\"\\n"}', NOW_NS, 1.0)],
    ),
    "an integer too long for 64 bits": ('{"metric":"m","value":18446744073709551616}', [("m{}", NOW_NS, 2.0**64)]),
    "a native batch": (
        '{"samples":[{"metric":"a","value":1},{"metric":"b","value":2,"labels":{"x":"y"}}]}',
        [("a{}", NOW_NS, 1.0), ('b{x="y"}', NOW_NS, 2.0)],
    ),
    "white space around everything": (' \n{ "metric" : "m" , "value" : 1 } \n', [("m{}", NOW_NS, 1.0)]),
    "a Telegraf metric, a series per field": (
        f'{{"fields":{{"usage_idle":99.5,"usage_user":1}},"name":"cpu","tags":{{"cpu":"cpu0"}},"timestamp":{NOW_S}}}\n',
        [('cpu_usage_idle{cpu="cpu0"}', NOW_NS, 99.5), ('cpu_usage_user{cpu="cpu0"}', NOW_NS, 1.0)],
    ),
    "Telegraf's booleans are numbers, its texts are left out": (
        '{"name":"net","fields":{"up":true,"down":false,"state":"ok","none":null,"n":3},"tags":{}}',
        [("net_up{}", NOW_NS, 1.0), ("net_down{}", NOW_NS, 0.0), ("net_n{}", NOW_NS, 3.0)],
    ),
    "a Telegraf metric without tags": ('{"name":"cpu","fields":{"idle":1}}', [("cpu_idle{}", NOW_NS, 1.0)]),
    "a Telegraf batch": (
        f'{{"metrics":[{{"name":"a","fields":{{"x":1}},"tags":{{}},"timestamp":{NOW_S}}},'
        f'{{"name":"b","fields":{{"y":2}},"tags":{{}},"timestamp":{NOW_S}000}}]}}',
        [("a_x{}", NOW_NS, 1.0), ("b_y{}", NOW_NS, 2.0)],
    ),
}


@pytest.mark.parametrize(("record", "expected"), GOOD.values(), ids=GOOD)
def test_good_records_become_samples(record: str, expected: list[tuple[str, int, float]]) -> None:
    parsed = parse(record)
    assert parsed.rejected == []
    assert samples(parsed) == expected
    assert parsed.record.tolist() == [0] * len(expected)


MANY_LABELS = json.dumps({f"l{n}": "x" for n in range(41)})
BAD = {
    "no value (tombstone)": (None, RejectReason.UNPARSABLE),
    "an empty record": ("", RejectReason.UNPARSABLE),
    "not JSON": ("hello", RejectReason.UNPARSABLE),
    "cut off in the middle": ('{"metric":"m","val', RejectReason.UNPARSABLE),
    "two documents in one record": ('{"metric":"m","value":1}{"metric":"m","value":1}', RejectReason.UNPARSABLE),
    "bytes that are not UTF-8 in the name": (b'{"metric":"\xff","value":1}', RejectReason.UNPARSABLE),
    "bytes that are not UTF-8 in a label": (b'{"metric":"m","value":1,"labels":{"a":"\xff"}}', RejectReason.UNPARSABLE),
    "nested beyond reason": (
        '{"metric":"m","value":1,"x":' + "[" * 100_000 + "]" * 100_000 + "}",
        RejectReason.UNPARSABLE,
    ),
    "quotes without end": ("\\" + '"\\' * 50_000, RejectReason.UNPARSABLE),
    "a JSON array": ("[1,2]", RejectReason.UNKNOWN_FORMAT),
    "a JSON number": ("12", RejectReason.UNPARSABLE),
    "an empty JSON array": ("[]", RejectReason.UNKNOWN_FORMAT),
    "labels under another name": ('{"metric":"m","value":1,"tags":{"a":"b"}}', RejectReason.UNKNOWN_MEMBER),
    "time under another name": ('{"metric":"m","value":1,"ts":1763632800}', RejectReason.UNKNOWN_MEMBER),
    "a member that is a number": ('{"metric":"m","value":1,"shard":3}', RejectReason.UNKNOWN_MEMBER),
    "a label with two values": (
        '{"metric":"m","value":1,"host":"a","labels":{"host":"b"}}',
        RejectReason.UNKNOWN_MEMBER,
    ),
    "an object of another program": ('{"event":"login","user":7}', RejectReason.UNKNOWN_FORMAT),
    "an empty object": ("{}", RejectReason.UNKNOWN_FORMAT),
    "value as text": ('{"metric":"m","value":"12"}', RejectReason.WRONG_TYPE),
    "value as boolean": ('{"metric":"m","value":true}', RejectReason.WRONG_TYPE),
    "value null": ('{"metric":"m","value":null}', RejectReason.WRONG_TYPE),
    "value an object": ('{"metric":"m","value":{}}', RejectReason.WRONG_TYPE),
    "name a number": ('{"metric":5,"value":1}', RejectReason.WRONG_TYPE),
    "labels an array": ('{"metric":"m","value":1,"labels":["a"]}', RejectReason.WRONG_TYPE),
    "a label that is a number": ('{"metric":"m","value":1,"labels":{"a":1}}', RejectReason.WRONG_TYPE),
    "samples not an array": ('{"samples":{"metric":"m","value":1}}', RejectReason.WRONG_TYPE),
    "a sample not an object": ('{"samples":[7]}', RejectReason.WRONG_TYPE),
    "no value member": ('{"metric":"m","timestamp":1}', RejectReason.MISSING_FIELD),
    "no metric member": ('{"value":1,"labels":{}}', RejectReason.MISSING_FIELD),
    "NaN": ('{"metric":"m","value":NaN}', RejectReason.NOT_FINITE),
    "Infinity": ('{"metric":"m","value":-Infinity,"labels":{"NaN":"NaN"}}', RejectReason.NOT_FINITE),
    "a number beyond double": ('{"metric":"m","value":1e999}', RejectReason.NOT_FINITE),
    "an integer beyond double": ('{"metric":"m","value":' + "9" * 400 + "}", RejectReason.NOT_FINITE),
    "NaN in quotes": ('{"metric":"m","value":"NaN"}', RejectReason.NOT_FINITE),
    "time in the future": (f'{{"metric":"m","value":1,"timestamp":{NOW_S + 301}}}', RejectReason.IN_THE_FUTURE),
    "time too long ago": (f'{{"metric":"m","value":1,"timestamp":{NOW_S - 15 * 86_400}}}', RejectReason.TOO_OLD),
    "time before 1970": ('{"metric":"m","value":1,"timestamp":-5}', RejectReason.TOO_OLD),
    "time without an offset": (
        '{"metric":"m","value":1,"timestamp":"2025-11-20T10:00:00"}',
        RejectReason.BAD_TIMESTAMP,
    ),
    "time that is no date": ('{"metric":"m","value":1,"timestamp":"2025-02-30T10:00:00Z"}', RejectReason.BAD_TIMESTAMP),
    "time that is prose": ('{"metric":"m","value":1,"timestamp":"yesterday"}', RejectReason.BAD_TIMESTAMP),
    "time with other scripts' digits": (
        '{"metric":"m","value":1,"timestamp":"2025-11-20T10:00:0٥Z"}',
        RejectReason.BAD_TIMESTAMP,
    ),
    "time beyond 64 bits": ('{"metric":"m","value":1,"timestamp":' + "9" * 30 + "}", RejectReason.BAD_TIMESTAMP),
    "time beyond the year 2262": (
        '{"metric":"m","value":1,"timestamp":"9999-01-01T00:00:00Z"}',
        RejectReason.BAD_TIMESTAMP,
    ),
    "time as boolean": ('{"metric":"m","value":1,"timestamp":true}', RejectReason.BAD_TIMESTAMP),
    "time NaN": ('{"metric":"m","value":1,"timestamp":NaN}', RejectReason.BAD_TIMESTAMP),
    "time infinite": ('{"metric":"m","value":1,"timestamp":1e999}', RejectReason.BAD_TIMESTAMP),
    "an empty name": ('{"metric":"","value":1}', RejectReason.BAD_NAME),
    "a name with a space": ('{"metric":"a b","value":1}', RejectReason.BAD_NAME),
    "a label name with a brace": ('{"metric":"m","value":1,"labels":{"a}":"x"}}', RejectReason.BAD_NAME),
    "an empty label name": ('{"metric":"m","value":1,"labels":{"":"x"}}', RejectReason.BAD_NAME),
    "NUL in a label": ('{"metric":"m","value":1,"labels":{"a":"x\\u0000"}}', RejectReason.BAD_NAME),
    "a record too long": ('{"metric":"m","value":1,"x":"' + "x" * 1_000_000 + '"}', RejectReason.TOO_LARGE),
    "a label too long": ('{"metric":"m","value":1,"labels":{"a":"' + "x" * 5000 + '"}}', RejectReason.NAME_TOO_LONG),
    "an entity too long": (
        '{"metric":"m","value":1,"labels":{"service":"s","host":"' + "x" * 600 + '"}}',
        RejectReason.NAME_TOO_LONG,
    ),
    "a service too long for a folder of the lake": (
        '{"metric":"m","value":1,"labels":{"service":"' + "x" * 241 + '"}}',
        RejectReason.NAME_TOO_LONG,
    ),
    "a service too long once percent-encoded": (
        '{"metric":"m","value":1,"labels":{"service":"' + "日" * 27 + '"}}',
        RejectReason.NAME_TOO_LONG,
    ),
    "a value whose sums would overflow": ('{"metric":"m","value":1.7e308}', RejectReason.VALUE_TOO_LARGE),
    "half of a surrogate pair in a label": (
        '{"metric":"m","value":1,"labels":{"a":"\\udc00x"}}',
        RejectReason.UNPARSABLE,
    ),
    "too many labels": (f'{{"metric":"m","value":1,"labels":{MANY_LABELS}}}', RejectReason.TOO_MANY_LABELS),
    "Telegraf without a name": ('{"fields":{"x":1},"tags":{}}', RejectReason.MISSING_FIELD),
    "Telegraf without fields": ('{"name":"cpu","tags":{}}', RejectReason.MISSING_FIELD),
    "Telegraf's fields an array": ('{"name":"cpu","fields":[1],"tags":{}}', RejectReason.WRONG_TYPE),
    "Telegraf's name a number": ('{"name":1,"fields":{"x":1},"tags":{}}', RejectReason.WRONG_TYPE),
    "Telegraf's tags a text": ('{"name":"cpu","fields":{"x":1},"tags":"a"}', RejectReason.WRONG_TYPE),
    "a Telegraf tag that is a number": ('{"name":"cpu","fields":{"x":1},"tags":{"a":1}}', RejectReason.WRONG_TYPE),
    "a Telegraf field that is an object": ('{"name":"cpu","fields":{"x":{}},"tags":{}}', RejectReason.WRONG_TYPE),
    "a Telegraf field that is NaN": ('{"name":"cpu","fields":{"x":NaN},"tags":{}}', RejectReason.NOT_FINITE),
    "a Telegraf field beyond double": ('{"name":"cpu","fields":{"x":1e999},"tags":{}}', RejectReason.NOT_FINITE),
    "a Telegraf integer beyond double": (
        '{"name":"cpu","fields":{"x":' + "9" * 400 + '},"tags":{}}',
        RejectReason.NOT_FINITE,
    ),
    "a Telegraf field with a bad name": ('{"name":"cpu","fields":{"x y":1},"tags":{}}', RejectReason.BAD_NAME),
    "Telegraf's time a text": ('{"name":"cpu","fields":{"x":1},"timestamp":"now"}', RejectReason.BAD_TIMESTAMP),
    "Telegraf's time an object": ('{"name":"cpu","fields":{"x":1},"timestamp":{}}', RejectReason.BAD_TIMESTAMP),
    "metrics not an array": ('{"metrics":7}', RejectReason.WRONG_TYPE),
    "a metric not an object": ('{"metrics":[7]}', RejectReason.WRONG_TYPE),
}


@pytest.mark.parametrize(("record", "reason"), BAD.values(), ids=BAD)
def test_bad_records_are_refused_with_a_reason(record: bytes | str | None, reason: RejectReason) -> None:
    parsed = parse('{"metric":"before","value":1}', record, '{"metric":"after","value":1}')
    assert [(reject.record, reject.reason) for reject in parsed.rejected] == [(1, reason)]
    assert parsed.rejected[0].detail
    assert len(parsed.rejected[0].detail) <= 200
    assert samples(parsed) == [("before{}", NOW_NS, 1.0), ("after{}", NOW_NS, 1.0)]
    assert parsed.record.tolist() == [0, 2]


def test_shared_tags_may_not_grow_beyond_what_one_record_of_samples_takes() -> None:
    record = json.dumps({"name": "m", "tags": {"t": "x" * 2000}, "fields": {f"f{n}": 1 for n in range(7000)}})
    parsed = parse(record, '{"metric":"after","value":1}')
    ((number, reason, _, refused),) = parsed.rejected
    assert (number, reason) == (0, RejectReason.TOO_LARGE)
    assert len(parsed.columns) + refused == 7001
    taken = parsed.columns.series_ids[:-1]
    assert 0.99 * MAX_SAMPLES_BYTES < sum(map(len, taken)) + SAMPLE_BYTES * len(taken) <= MAX_SAMPLES_BYTES
    assert samples(parsed)[-1] == ("after{}", NOW_NS, 1.0)


def test_every_reason_that_parsing_can_give_is_in_the_table() -> None:
    crowded = {RejectReason.TOO_MANY_SERIES, RejectReason.TOO_MANY_SERVICES}
    of_stores = {RejectReason.UNSTORABLE}
    assert {reason for _, reason in BAD.values()} | crowded | of_stores == set(RejectReason)


@pytest.mark.parametrize("whole", ["2262-04-11T23:47:14", "2262-04-11T23:47:15", "2262-04-11T23:47:16"])
def test_the_last_times_that_64_bits_hold_do_not_overflow(whole: str) -> None:
    parsed = parse(*(f'{{"metric":"m","value":1,"timestamp":"{whole}{end}"}}' for end in ("Z", ".999Z", ".9999999Z")))
    reasons = {reject.reason for reject in parsed.rejected}
    assert len(parsed.rejected) == 3
    assert reasons <= {RejectReason.IN_THE_FUTURE, RejectReason.BAD_TIMESTAMP}


DETAILS = {
    "NaN by its name": ('{"metric":"m","value":NaN}', "value is NaN"),
    "minus infinity by its name": ('{"metric":"m","value":-Infinity}', "value is -Infinity"),
    "a time without an offset, and what to add": (
        '{"metric":"m","value":1,"timestamp":"2025-11-20T10:00:00"}',
        "timestamp '2025-11-20T10:00:00' has no offset from UTC: end it with Z or +01:00",
    ),
    "what a member was meant to be": (
        '{"metric":"m","value":1,"tags":{}}',
        "unknown member 'tags': did you mean 'labels'?",
    ),
    "what a missing member is called": ('{"metric":"m","val":1}', "no value: is it 'val'?"),
    "a frame of the Schema Registry": (
        b"\x00\x00\x00\x00\x07{}",
        "Schema Registry frame (schema 7): Avro and framed messages are not read, send plain JSON",
    ),
    "UTF-16": ('{"metric":"m"}'.encode("utf-16"), "UTF-16 text: write UTF-8"),
    "Avro": (b"Obj\x01\x04", "an Avro file: send JSON, OTLP or line protocol"),
    "prose": ("hello", "text that is neither JSON nor influx line protocol: 'hello'"),
    "bytes of nobody": (
        b"\x01\x02\x03",
        "binary that is neither OTLP nor Prometheus remote write: starts with bytes 01 02 03",
    ),
    "nothing": ("  ", "the record is empty"),
}


@pytest.mark.parametrize(("record", "detail"), DETAILS.values(), ids=DETAILS)
def test_the_reason_names_what_the_producer_sent_and_what_to_change(record: bytes | str, detail: str) -> None:
    assert [reject.detail for reject in parse(record).rejected] == [detail]


def test_one_bad_line_or_element_does_not_spoil_its_neighbours() -> None:
    lines = parse('{"metric":"a","value":1}\n{"metric":"b","va\n{"metric":"c","value":3}')
    assert [series for series, _, _ in samples(lines)] == ["a{}", "c{}"]
    assert [reject.reason for reject in lines.rejected] == [RejectReason.UNPARSABLE]
    elements = parse('[{"metric":"a","value":1},7,{"metric":"c","value":3}]')
    assert [series for series, _, _ in samples(elements)] == ["a{}", "c{}"]
    assert [reject.reason for reject in elements.rejected] == [RejectReason.UNKNOWN_FORMAT]


NEIGHBOURS = {
    "a value that is text": '{"metric":"b","value":"x"}',
    "a value that is NaN": '{"metric":"b","value":NaN}',
    "a time of another century": '{"metric":"b","value":1,"timestamp":"2225-01-01T00:00:00Z"}',
    "labels of the wrong type": '{"metric":"b","value":1,"labels":3}',
    "no object at all": "null",
}


@pytest.mark.parametrize("bad", NEIGHBOURS.values(), ids=NEIGHBOURS)
def test_one_bad_sample_does_not_spoil_its_neighbours(bad: str) -> None:
    parsed = parse(f'{{"samples":[{{"metric":"a","value":1}},{bad},{{"metric":"c","value":3}}]}}')
    assert samples(parsed) == [("a{}", NOW_NS, 1.0), ("c{}", NOW_NS, 3.0)]
    assert [reject.samples for reject in parsed.rejected] == [1]


def test_one_bad_telegraf_field_does_not_spoil_its_neighbours() -> None:
    parsed = parse('{"name":"m","fields":{"a":1,"b":NaN,"c":3,"d":{},"s":"text","t":true},"tags":{"host":"h"}}')
    assert [(series, value) for series, _, value in samples(parsed)] == [
        ('m_a{host="h"}', 1.0),
        ('m_c{host="h"}', 3.0),
        ('m_t{host="h"}', 1.0),
    ]
    assert [reject.reason for reject in parsed.rejected] == [RejectReason.NOT_FINITE, RejectReason.WRONG_TYPE]


def test_bad_samples_of_one_record_and_reason_are_one_reject_with_their_number() -> None:
    parsed = parse('{"samples":[{"metric":"a","value":"x"},{"metric":"b","value":"y"},{"metric":"c"}]}')
    assert [(reject.reason, reject.samples) for reject in parsed.rejected] == [
        (RejectReason.WRONG_TYPE, 2),
        (RejectReason.MISSING_FIELD, 1),
    ]


@pytest.mark.parametrize("record", ['{"samples":[]}', '{"metrics":[]}', '{"name":"a","fields":{"s":"x"},"tags":{}}'])
def test_records_without_a_number_are_counted_as_empty(record: str) -> None:
    parsed = parse(record)
    assert (len(parsed.columns), parsed.rejected, parsed.empty) == (0, [], 1)


def test_the_future_is_measured_from_when_a_record_was_read() -> None:
    record = f'{{"metric":"m","value":1,"timestamp":{NOW_S + 86_400}}}'.encode()
    day_ahead_ns = NOW_NS + 86_400 * 10**9
    parsed = Parser(Limits(), RULE).parse([record], [day_ahead_ns], seen_at_ns=NOW_NS)
    assert [reject.reason for reject in parsed.rejected] == [RejectReason.IN_THE_FUTURE]


def test_a_service_has_a_bounded_number_of_series_and_others_are_not_touched() -> None:
    parser = Parser(Limits(max_series_per_service=3), RULE)
    record = '{{"metric":"m","value":1,"labels":{{"service":"{}","n":"{}"}}}}'
    parsed = parse(*(record.format("a", n) for n in range(5)), record.format("b", 0), parser=parser)
    assert [(reject.record, reject.reason) for reject in parsed.rejected] == [
        (3, RejectReason.TOO_MANY_SERIES),
        (4, RejectReason.TOO_MANY_SERIES),
    ]
    assert parsed.record.tolist() == [0, 1, 2, 5]
    assert parse(record.format("a", 1), parser=parser).rejected == [], "known series stay welcome"


def test_one_series_in_several_notations_counts_once() -> None:
    parser = Parser(Limits(max_series_per_service=1), RULE)
    notations = ['{"a":"1","b":"2"}', '{"b":"2","a":"1"}', '{ "a": "1", "b": "\\u0032"}']
    parsed = parse(*(f'{{"metric":"m","value":1,"labels":{labels}}}' for labels in notations), parser=parser)
    assert parsed.rejected == []
    assert parsed.columns.series_ids == ['m{a="1",b="2"}']


def test_series_silent_for_two_hours_free_their_place() -> None:
    parser = Parser(Limits(max_series_per_service=1), RULE)
    hour_ns = 3600 * 10**9

    def rejected(name: str, hours: int) -> list[RejectReason]:
        record = f'{{"metric":"{name}","value":1}}'.encode()
        return [reject.reason for reject in parser.parse([record], [NOW_NS + hours * hour_ns]).rejected]

    assert rejected("old", 0) == []
    assert rejected("new", 0) == [RejectReason.TOO_MANY_SERIES]
    assert rejected("old", 1) == [], "still alive, and seen again in the new generation"
    assert rejected("new", 2) == [RejectReason.TOO_MANY_SERIES]
    assert rejected("new", 3) == []


def test_what_is_remembered_of_series_is_bounded_and_learnt_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_series_module, "MAX_KEYS", 100)
    parser = Parser(Limits(), RULE)
    for start in range(0, 1000, 10):
        numbers = range(start, start + 10)
        parsed = parse(*(f'{{"metric":"m","value":{n},"labels":{{"n":"{n}"}}}}' for n in numbers), parser=parser)
        assert samples(parsed) == [(f'm{{n="{n}"}}', NOW_NS, float(n)) for n in numbers]
        assert len(parser.known.numbers) <= 110
        assert len(parser.known.book.texts) <= 110


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "metric",
                    "value",
                    "timestamp",
                    "labels",
                    "samples",
                    "name",
                    "tags",
                    "fields",
                    "metrics",
                    "service",
                    "",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=8,
)
RECORDS = st.none() | st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode())


@settings(max_examples=60)
@given(st.lists(RECORDS, max_size=6))
def test_whatever_the_bytes_nothing_raises_and_every_record_is_accounted_for(values: list[bytes | None]) -> None:
    parsed = parse(*values)
    accounted = set(parsed.record.tolist()) | {reject.record for reject in parsed.rejected}
    assert len(accounted) + parsed.empty == len(values)
    assert len(parsed.record) == len(parsed.columns)


@given(st.lists(RECORDS, max_size=8), st.integers(0, 8))
def test_records_parse_the_same_in_any_split(values: list[bytes | None], at: int) -> None:
    whole, parser = parse(*values), Parser(Limits(), RULE)
    parts = [parse(*values[:at], parser=parser), parse(*values[at:], parser=parser)]
    assert [sample for part in parts for sample in samples(part)] == samples(whole)
    assert [r.reason for part in parts for r in part.rejected] == [r.reason for r in whole.rejected]
