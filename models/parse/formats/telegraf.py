"""Telegraf with `data_format="json"`: single `{"name","tags","fields","timestamp"}` and batch `{"metrics":[...]}`.

Every field is a series `<name>_<field>` with the tags as labels. Booleans are 0 and 1; text fields are left out:
they are states, not measurements.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Raw

from models.errors import Rejected
from models.parse.collected import Collected
from models.parse.json_text import DECODE_ERRORS, decode_members, finite_number, kind_of, text, timestamp
from models.reasons import RejectReason


class TelegrafMetric(msgspec.Struct, gc=False):
    """One metric; `tags` stay raw JSON, as the labels of a native sample do."""

    name: str
    fields: dict[str, bool | int | float | str | None]
    tags: Raw = Raw(b"{}")
    timestamp: int | float | str | None = None


class _LooseMetric(msgspec.Struct, gc=False):
    """The same with every member raw, to find out which of them is wrong."""

    name: Raw = Raw(b"")
    fields: Raw = Raw(b"")
    tags: Raw = Raw(b"{}")
    timestamp: Raw = Raw(b"null")


_decode_metric = msgspec.json.Decoder(TelegrafMetric).decode
_decode_loose = msgspec.json.Decoder(_LooseMetric).decode
_decode_list = msgspec.json.Decoder(list[Raw]).decode


def recognises(members: Mapping[str, Raw]) -> bool:
    """Whether a JSON object with these members is meant to come from Telegraf."""
    return "fields" in members or "metrics" in members or ("name" in members and "tags" in members)


def read(body: bytes, members: Mapping[str, Raw], record: int, record_time_ns: int, out: Collected) -> None:
    """Put the samples of one Telegraf record, single or batch, into `out`; a bad one becomes a reject of its own."""
    if "metrics" not in members or "fields" in members:
        _read_one(body, record, record_time_ns, out)
        return
    try:
        bodies = _decode_list(members["metrics"])
    except DECODE_ERRORS:
        detail = f"metrics: expected an array, got {kind_of(members['metrics'])}"
        out.reject(record, Rejected(RejectReason.WRONG_TYPE, detail))
        return
    for one in bodies:
        _read_one(one, record, record_time_ns, out)


def _read_one(body: bytes | Raw, record: int, record_time_ns: int, out: Collected) -> None:
    try:
        metric = _decode_metric(body)
        numbers = {name: float(value) for name, value in metric.fields.items() if isinstance(value, bool | int | float)}
    except (*DECODE_ERRORS, OverflowError):
        try:
            _read_field_by_field(body, record, record_time_ns, out)
        except Rejected as error:
            out.reject(record, error)
        return
    try:
        time_ns = out.time_ns(metric.timestamp, record_time_ns)
    except Rejected as error:
        out.reject(record, error)
        return
    tags = bytes(metric.tags)
    for field, value in numbers.items():
        out.add(record, (metric.name, tags, field), value, time_ns)


def _read_field_by_field(body: bytes | Raw, record: int, record_time_ns: int, out: Collected) -> None:
    """Save the good fields of a metric that did not decode as a whole; raises `Rejected` where nothing can be saved."""
    try:
        loose = _decode_loose(body)
    except msgspec.ValidationError:
        raise Rejected(RejectReason.WRONG_TYPE, f"a metric must be an object, got {kind_of(body)}") from None
    except DECODE_ERRORS as error:
        raise Rejected(RejectReason.UNPARSABLE, str(error)) from error
    for member in ("name", "fields"):
        if not bytes(getattr(loose, member)):
            raise Rejected(RejectReason.MISSING_FIELD, f"no {member}")
    name = text(loose.name, "name")
    time_ns = out.time_ns(timestamp(loose.timestamp), record_time_ns)
    try:
        fields = decode_members(loose.fields)
    except DECODE_ERRORS:
        raise Rejected(RejectReason.WRONG_TYPE, f"fields: expected an object, got {kind_of(loose.fields)}") from None
    tags = bytes(loose.tags)
    for field, raw in fields.items():
        kind = kind_of(raw)
        if kind in ("text", "null"):
            continue
        try:
            value = float(bytes(raw) == b"true") if kind == "boolean" else finite_number(raw, f"field {field[:60]}")
        except Rejected as error:
            out.reject(record, error)
        else:
            out.add(record, (name, tags, field), value, time_ns)
