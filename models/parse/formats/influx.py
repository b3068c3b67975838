"""Influx line protocol, as Telegraf writes it with `data_format="influx"`: `measurement,tag=v field=1,other=2i time`.

Every field is a series `<measurement>_<field>` with the tags as labels, as in Telegraf's JSON. Integers may end in `i`
or `u`; booleans are 0 and 1; text fields are left out. Source: InfluxDB's reference "Line protocol".
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

from models.errors import Rejected
from models.parse.collected import Collected
from models.reasons import RejectReason

# a name, tag or key: anything but what separates, unless a backslash stands before it
_PART: Final = r"(?:\\.|[^,= \\\n])+"
_LINE: Final = re.compile(
    r"((?:\\.|[^, \\\n])+)"  # measurement
    rf"((?:,{_PART}={_PART})*)"  # tags
    r" +((?:\"(?:\\.|[^\"\\])*\"|\\.|[^ \"\\\n])+)"  # fields: blanks only inside quotes
    r"(?: +(-?\d+))?[ \r]*",
    re.DOTALL,
)
_TAG: Final = re.compile(rf",({_PART})=({_PART})")
_FIELD: Final = re.compile(rf"({_PART})=(\"(?:\\.|[^\"\\])*\"|[^,\"]+)(?:,|$)", re.DOTALL)
_NUMBER: Final = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)[iu]?", re.ASCII)
_TRUE, _FALSE = frozenset({"t", "T", "true", "True", "TRUE"}), frozenset({"f", "F", "false", "False", "FALSE"})
_ESCAPED: Final = re.compile(r"\\([,= \\])")
# sets of tags that are remembered: a host has tens, a collector for a cluster thousands
_TAG_SETS: Final = 65_536


class _Line(NamedTuple):
    measurement: str
    tags: str
    fields: str
    time: int | None


def recognises(text: str) -> bool:
    """Whether a text begins with a line of the protocol."""
    return _LINE.match(text.lstrip("\n")) is not None


def read(text: str, record: int, record_time_ns: int, out: Collected) -> None:
    """Put the fields of every line of a record into `out`; a bad line or field becomes a reject of its own."""
    at, end = 0, len(text)
    while at < end:
        if text[at] in "\n\r ":
            at += 1
            continue
        found = None if text[at] == "#" else _LINE.match(text, at)
        if found is not None and (found.end() == end or text[found.end()] == "\n"):
            time = None if found[4] is None else int(found[4])
            _take(_Line(found[1], found[2], found[3], time), record, record_time_ns, out)
            at = found.end()
            continue
        stop = text.find("\n", at)
        stop = end if stop < 0 else stop
        if text[at] != "#":
            detail = f"not a line of influx line protocol: {text[at:stop][:80]!r}"
            out.reject(record, Rejected(RejectReason.UNPARSABLE, detail))
        at = stop


def _take(line: _Line, record: int, record_time_ns: int, out: Collected) -> None:
    try:
        time_ns = out.time_ns(line.time, record_time_ns)
        labels = _labels(line.tags)
    except Rejected as error:
        out.reject(record, error)
        return
    measurement = _plain(line.measurement)
    fields = _plain_fields(line.fields) or _FIELD.findall(line.fields)
    for name, value in fields:
        try:
            number = _number(name, value)
        except Rejected as error:
            out.reject(record, error)
            continue
        if number is not None:
            out.add(record, (measurement, labels, _plain(name)), number, time_ns)


def _plain_fields(text: str) -> list[list[str]]:
    """Names and values where nothing is quoted or escaped, which is nearly always; else none."""
    if '"' in text or "\\" in text:
        return []
    return [part.split("=", 1) if "=" in part else [part, ""] for part in text.split(",")]


def _number(name: str, value: str) -> float | None:
    """The number that a field's value is; None for a text."""
    found = _NUMBER.fullmatch(value)
    if found is not None:
        return float(found[1])
    if value[:1] == '"':
        return None
    if value in _TRUE:
        return 1.0
    if value in _FALSE:
        return 0.0
    raise Rejected(RejectReason.WRONG_TYPE, f"field {name[:60]}: expected a number, got {value[:40]!r}")


@lru_cache(_TAG_SETS)
def _labels(tags: str) -> bytes:
    """Raw JSON of the labels that the tags `,a=b,c=d` are."""
    labels: dict[str, str] = {}
    for name, value in _TAG.findall(tags):
        plain = _plain(name)
        if labels.setdefault(plain, _plain(value)) != _plain(value):
            raise Rejected(RejectReason.BAD_NAME, f"tag {plain[:60]!r} stands twice")
    return msgspec.json.encode(labels)


def _plain(text: str) -> str:
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text
