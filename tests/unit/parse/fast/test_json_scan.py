"""JSON byte by byte: every number and time that is taken is what Python's own readers make of the text."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.parse.event_time import event_time_ns
from models.parse.fast import json_scan


def data(text: str | bytes) -> np.ndarray:
    return np.frombuffer(text.encode() if isinstance(text, str) else text, np.uint8)


NUMBERS = [
    pytest.param("0", (1, True, 0, 0.0), id="nothing"),
    pytest.param("-7 ", (2, True, -7, -7.0), id="a negative integer, up to what follows"),
    pytest.param("231.5,", (5, False, 2315, 231.5), id="a fraction"),
    pytest.param("1.5E-3", (6, False, 15, 0.0015), id="an exponent"),
    pytest.param("1e22", (4, False, 1, 1e22), id="the largest power of ten that a double holds exactly"),
]
NO_NUMBERS = [
    pytest.param("", id="nothing at all"),
    pytest.param("-", id="a sign alone"),
    pytest.param("01", id="a leading zero"),
    pytest.param("1.", id="a point without digits"),
    pytest.param("1e", id="an exponent without digits"),
    pytest.param("+1", id="a plus"),
    pytest.param("-0", id="a negative zero, which the parser reads"),
    pytest.param("NaN", id="what JSON has no word for"),
]


@pytest.mark.parametrize(("text", "expected"), NUMBERS)
def test_numbers(text: str, expected: tuple[int, bool, int, float]) -> None:
    found = json_scan.number(data(text), 0, len(text))
    assert (found.after, found.whole, found.integer, found.value) == expected
    assert found.exact


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_what_is_no_number_has_no_end(text: str) -> None:
    assert json_scan.number(data(text), 0, len(text)).after == -1


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**63 - 1))
@example(0.1)
@example(9007199254740993)
def test_a_number_that_calls_itself_exact_is_python_s(value: float) -> None:
    text = json.dumps(value)
    found = json_scan.number(data(text), 0, len(text))
    if found.after >= 0 and found.exact:
        assert (found.after, found.value) == (len(text), float(text))
    if found.after >= 0 and found.whole:
        assert found.integer == int(text)


TIMES = [
    pytest.param('"2023-11-14T22:13:20Z"', id="whole seconds"),
    pytest.param('"2024-02-29T23:59:59.123456789Z"', id="nanoseconds of a leap day"),
    pytest.param('"1970-01-01T00:00:00.5Z"', id="the epoch's first half second"),
    pytest.param('"1969-12-31T23:59:59Z"', id="before the epoch"),
    pytest.param('"2000-03-01T00:00:00Z"', id="after the leap day of a century that has one"),
    pytest.param("1700000000", id="epoch seconds"),
    pytest.param("1700000000.25", id="fractional epoch seconds"),
    pytest.param("1700000000001", id="epoch milliseconds"),
    pytest.param("1700000000000001", id="epoch microseconds"),
    pytest.param("1700000000000000001", id="epoch nanoseconds"),
]
LEFT_ALONE = [
    pytest.param('"2023-11-14T23:13:20+01:00"', id="an offset"),
    pytest.param('"2023-02-30T00:00:00Z"', id="a day that is none"),
    pytest.param('"2023-11-14T22:13:60Z"', id="a leap second"),
    pytest.param('"2023-11-14 22:13:20Z"', id="a space for the T"),
    pytest.param('"2262-01-01T00:00:00Z"', id="a year in which 64 bits end"),
    pytest.param("9300000000000000000", id="a number beyond the last year"),
    pytest.param("null", id="no time"),
]


@pytest.mark.parametrize("text", TIMES)
def test_a_plain_time_is_what_the_parser_reads(text: str) -> None:
    assert json_scan.time(data(text), 0, len(text)) == (len(text), event_time_ns(json.loads(text)))


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_any_other_time_is_left_to_the_parser(text: str) -> None:
    assert json_scan.time(data(text), 0, len(text))[0] == -1


@pytest.mark.parametrize(
    ("text", "deepest", "expected"),
    [
        pytest.param('{"a":1}x', json_scan.ANY_DEPTH, 7, id="flat"),
        pytest.param('{"a":{"b":{}}}', json_scan.ANY_DEPTH, 14, id="nested"),
        pytest.param('{"a":{"b":1}}', 1, -1, id="deeper than asked for"),
        pytest.param('{"}":"\\"}"}', json_scan.ANY_DEPTH, 11, id="braces and quotes in texts"),
        pytest.param('{"a":1', json_scan.ANY_DEPTH, -1, id="without an end"),
        pytest.param("[1]", json_scan.ANY_DEPTH, -1, id="no object"),
    ],
)
def test_where_an_object_ends(text: str, deepest: int, expected: int) -> None:
    assert json_scan.end_of_object(data(text), 0, len(text), deepest) == expected


def test_small_steps_pass_a_failure_on() -> None:
    text = data(' \t\r\n:"ab"')
    assert json_scan.next_byte(text, 0, len(text)) == 4
    assert json_scan.expect(text, 0, len(text), json_scan.COLON) == 5
    assert json_scan.end_of_text(text, 6, len(text)) == 8
    assert json_scan.is_word(text, 6, 8, b"ab")
    assert [
        json_scan.next_byte(text, -1, len(text)),
        json_scan.expect(text, 0, len(text), json_scan.COMMA),
        json_scan.end_of_text(text, -1, len(text)),
        json_scan.end_of_text(data('a\\"'), 0, 3),
    ] == [-1, -1, -1, -1]
