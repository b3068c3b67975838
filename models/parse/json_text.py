"""JSON as producers really write it: what to do with NaN and Infinity, and how to look at one member at a time."""

from __future__ import annotations

import re

import msgspec
from msgspec import Raw

from models.errors import Rejected
from models.reasons import RejectReason

# errors that mean "this text is not what the decoder wants", whatever bytes it is given
DECODE_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError)

decode_members = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_number = msgspec.json.Decoder(float).decode
_decode_text = msgspec.json.Decoder(str).decode
_TIMESTAMP: msgspec.json.Decoder[int | float | str | None] = msgspec.json.Decoder(int | float | str | None)
_decode_any = msgspec.json.Decoder().decode
# A string (skipped; its closing quote is optional so that an unterminated one is scanned once, not once per quote), or
# a constant that Python, JavaScript and Go encoders are known to write although JSON has none.
_STRING_OR_CONSTANT = re.compile(rb'"(?:[^"\\]|\\.)*+"?|([-+]?\b(?:NaN|nan|Infinity|Inf|inf)\b)', re.DOTALL)
_MALFORMED = "malformed text"
_NOT_FINITE_TEXTS = frozenset({"nan", "inf", "infinity"})
_KINDS = {
    dict: "object",
    list: "array",
    str: "text",
    bool: "boolean",
    type(None): "null",
    int: "number",
    float: "number",
}


def with_constants_out_of_range(body: bytes) -> bytes:
    """The text with bare NaN and Infinity replaced by 1e999: valid JSON, refused as a number wherever it stands.

    >>> with_constants_out_of_range(b'{"NaN":NaN,"b":-Infinity}')
    b'{"NaN":1e999,"b":1e999}'
    """
    return _STRING_OR_CONSTANT.sub(lambda match: b"1e999" if match[1] else match[0], body)


def kind_of(raw: Raw | bytes) -> str:
    """What a JSON value is, in a word a producer's author knows."""
    if bytes(raw)[:1].lstrip(b"-").isdigit() or bytes(raw)[:1] == b"-":
        return "number"
    try:
        return _KINDS[type(_decode_any(raw))]
    except DECODE_ERRORS:
        return _MALFORMED


def finite_number(raw: Raw, name: str) -> float:
    """The number that `raw` is; raises `Rejected` (`not-finite` or `wrong-type`) naming the member."""
    try:
        return _decode_number(raw)
    except DECODE_ERRORS:
        text = bytes(raw)
        if kind_of(raw) == "number" or text.strip(b'"+-').decode("ascii", "replace").lower() in _NOT_FINITE_TEXTS:
            raise Rejected(RejectReason.NOT_FINITE, f"{name} is {text[:40].decode('ascii', 'replace')}") from None
        raise Rejected(RejectReason.WRONG_TYPE, f"{name}: expected a number, got {kind_of(raw)}") from None


def text(raw: Raw, name: str) -> str:
    """The text that `raw` is; raises `Rejected` (`wrong-type`) naming the member."""
    try:
        return _decode_text(raw)
    except DECODE_ERRORS:
        kind = kind_of(raw)
        reason = RejectReason.UNPARSABLE if kind == _MALFORMED else RejectReason.WRONG_TYPE
        raise Rejected(reason, f"{name}: expected a text, got {kind}") from None


def timestamp(raw: Raw) -> int | float | str | None:
    """The time stamp that `raw` is, not read yet; raises `Rejected` (`bad-timestamp`) for other types."""
    try:
        return _TIMESTAMP.decode(raw)
    except DECODE_ERRORS:
        raise Rejected(RejectReason.BAD_TIMESTAMP, f"timestamp is {bytes(raw)[:60]!r}") from None
