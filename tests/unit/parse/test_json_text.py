"""JSON as producers really write it, one member at a time."""

from __future__ import annotations

import pytest
from msgspec import Raw

from models.errors import Rejected
from models.parse.json_text import finite_number, kind_of, text, timestamp, with_constants_out_of_range
from models.reasons import RejectReason

CONSTANTS = [
    pytest.param(b'{"v":NaN}', b'{"v":1e999}', id="NaN"),
    pytest.param(b'{"v":-Infinity,"w":+Inf}', b'{"v":-2e999,"w":2e999}', id="infinities with a sign"),
    pytest.param(b'{"NaN":"inf"}', b'{"NaN":"inf"}', id="texts stay"),
    pytest.param(b'{"a\\"NaN":nan}', b'{"a\\"NaN":1e999}', id="a quote in a text does not end it"),
    pytest.param(b'{"v":NaNo}', b'{"v":NaNo}', id="words that begin so stay"),
    pytest.param(b'{"v":"NaN', b'{"v":"NaN', id="a text that does not end"),
]
KINDS = [
    pytest.param(b"{}", "object", id="an object"),
    pytest.param(b"[1]", "array", id="an array"),
    pytest.param(b'"x"', "text", id="a text"),
    pytest.param(b"true", "boolean", id="a boolean"),
    pytest.param(b"null", "null", id="null"),
    pytest.param(b"-1.5", "number", id="a number"),
    pytest.param(b"9" * 400, "number", id="a number beyond double"),
    pytest.param(b"nonsense", "malformed text", id="nothing of these"),
]
NUMBERS = [
    pytest.param(b"1e400", RejectReason.NOT_FINITE, "value is 1e400", id="beyond double"),
    pytest.param(b"-2e999", RejectReason.NOT_FINITE, "value is -Infinity", id="a constant that was replaced"),
    pytest.param(b'"NaN"', RejectReason.NOT_FINITE, 'value is "NaN"', id="NaN in quotes"),
    pytest.param(b'"12"', RejectReason.WRONG_TYPE, "value: expected a number, got text", id="a number in quotes"),
    pytest.param(b"true", RejectReason.WRONG_TYPE, "value: expected a number, got boolean", id="a boolean"),
    pytest.param(b"{}", RejectReason.WRONG_TYPE, "value: expected a number, got object", id="an object"),
]


@pytest.mark.parametrize(("body", "expected"), CONSTANTS)
def test_constants_that_json_lacks_become_numbers_out_of_range(body: bytes, expected: bytes) -> None:
    assert with_constants_out_of_range(body) == expected


@pytest.mark.parametrize(("raw", "expected"), KINDS)
def test_a_kind_is_a_word_that_an_author_knows(raw: bytes, expected: str) -> None:
    assert kind_of(raw) == kind_of(Raw(raw)) == expected


def test_a_finite_number_is_itself() -> None:
    assert [finite_number(Raw(raw), "value") for raw in (b"1", b"-2.5", b"1e3")] == [1.0, -2.5, 1000.0]


@pytest.mark.parametrize(("raw", "reason", "detail"), NUMBERS)
def test_what_is_no_finite_number_is_rejected_by_name(raw: bytes, reason: RejectReason, detail: str) -> None:
    with pytest.raises(Rejected) as caught:
        finite_number(Raw(raw), "value")
    assert (caught.value.reason, caught.value.detail) == (reason, detail)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        pytest.param(b"7", RejectReason.WRONG_TYPE, id="a number"),
        pytest.param(b'"\xff"', RejectReason.UNPARSABLE, id="bytes that are no text"),
    ],
)
def test_what_is_no_text_is_rejected(raw: bytes, reason: RejectReason) -> None:
    assert text(Raw(b'"x\\u00fc"'), "name") == "xü"
    with pytest.raises(Rejected) as caught:
        text(Raw(raw), "name")
    assert caught.value.reason is reason


def test_a_time_stamp_is_not_read_yet_but_has_the_type_of_one() -> None:
    assert [timestamp(Raw(raw)) for raw in (b"1", b"1.5", b'"now"', b"null")] == [1, 1.5, "now", None]
    for raw in (b"{}", b"true"):
        with pytest.raises(Rejected) as caught:
            timestamp(Raw(raw))
        assert caught.value.reason is RejectReason.BAD_TIMESTAMP
