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
_decode_list = msgspec.json.Decoder(list[Raw]).decode
_decode_any = msgspec.json.Decoder().decode
# A string (skipped; its closing quote is optional so that an unterminated one is scanned once, not once per quote), or
# a constant that Python, JavaScript and Go encoders are known to write although JSON has none.
_STRING_OR_CONSTANT = re.compile(rb'"(?:[^"\\]|\\.)*+"?|([-+]?\b(?:NaN|nan|Infinity|Inf|inf)\b)', re.DOTALL)
_CONSTANTS = {b"1e999": b"NaN", b"-1e999": b"NaN", b"2e999": b"Infinity", b"-2e999": b"-Infinity"}
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


def objects(body: bytes) -> list[tuple[bytes, dict[str, Raw] | Rejected]]:
    """The JSON objects of a record with their members: one, an array's, or one a line; NaN and Infinity repaired.

    What is no object among them stands there with what is wrong with it, and spoils no neighbour.

    >>> [list(members) for _, members in objects(b'[{"a":1},{"b":2}]')]
    [['a'], ['b']]
    >>> [text for text, _ in objects(b'{"a":1}\\n{"b":NaN}\\n')]
    [b'{"a":1}', b'{"b":1e999}']
    """
    try:
        return _objects(body)
    except DECODE_ERRORS:
        pass
    repaired = with_constants_out_of_range(body)
    try:
        return _objects(repaired)
    except DECODE_ERRORS as error:
        lines = [line for line in repaired.split(b"\n") if line.strip()]
        found = [record for line in lines for record in _objects_of_line(line)]
        # several lines, the first of them whole: else it is one object, broken somewhere
        if len(lines) > 1 and not isinstance(found[0][1], Rejected):
            return found
        return [(body, Rejected(RejectReason.UNPARSABLE, str(error)))]


def _objects_of_line(line: bytes) -> list[tuple[bytes, dict[str, Raw] | Rejected]]:
    try:
        return _objects(line)
    except DECODE_ERRORS as error:
        return [(line, Rejected(RejectReason.UNPARSABLE, f"{error}, in line {line[:60]!r}"))]


def _objects(body: bytes) -> list[tuple[bytes, dict[str, Raw] | Rejected]]:
    if body.lstrip()[:1] == b"[":
        return [(bytes(record), _members(record)) for record in _decode_list(body)]
    return [(body, _members(body))]


def _members(body: bytes | Raw) -> dict[str, Raw] | Rejected:
    try:
        return decode_members(body)
    except msgspec.ValidationError:
        return Rejected(RejectReason.UNKNOWN_FORMAT, f"a JSON {kind_of(body)}")


def with_constants_out_of_range(body: bytes) -> bytes:
    """The text with bare NaN and Infinity replaced by numbers that no float holds: valid JSON, refused as a number
    wherever it stands, and told by its own name in the reason.

    >>> with_constants_out_of_range(b'{"NaN":NaN,"b":-Infinity}')
    b'{"NaN":1e999,"b":-2e999}'
    """
    return _STRING_OR_CONSTANT.sub(_out_of_range, body)


def _out_of_range(match: re.Match[bytes]) -> bytes:
    if not match[1]:
        return match[0]
    sign = b"-" if match[1][:1] == b"-" else b""
    return sign + (b"1e999" if match[1].lstrip(b"+-").lower() == b"nan" else b"2e999")


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
            sent = _CONSTANTS.get(text, text[:40])
            raise Rejected(RejectReason.NOT_FINITE, f"{name} is {sent.decode('ascii', 'replace')}") from None
        raise Rejected(RejectReason.WRONG_TYPE, f"{name}: expected a number, got {kind_of(raw)}") from None


def number_of(text: str) -> float:
    """The number that a text is, `NaN` and `Inf` included; raises `ValueError`.

    >>> number_of("1e3"), number_of("+Inf")
    (1000.0, inf)
    """
    if "_" in text or text.strip() != text:  # Python takes these for numbers; no producer means them
        raise ValueError(text)
    return float(text)


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
