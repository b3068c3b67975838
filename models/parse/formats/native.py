"""Tidewatch's own JSON: `{"metric","value","timestamp","labels"}`, or many of them in `{"samples":[...]}`.

A member that is none of these is never passed over: a text is a label that stands at the wrong place, and is taken for
one; anything else is refused with a hint.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Raw

from models.errors import Rejected
from models.parse.collected import Collected
from models.parse.json_text import DECODE_ERRORS, decode_members, finite_number, kind_of, text, timestamp
from models.reasons import RejectReason


class NativeSample(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """One sample as a producer writes it. `labels` stays raw JSON: its bytes are looked up, decoded once per series."""

    metric: str
    value: float
    timestamp: int | float | str | None = None
    labels: Raw = Raw(b"{}")


MEMBERS: Final = frozenset({"metric", "value", "timestamp", "labels"})
_MEANT: Final = {
    "ts": "timestamp",
    "time": "timestamp",
    "@timestamp": "timestamp",
    "date": "timestamp",
    "datetime": "timestamp",
    "tags": "labels",
    "dimensions": "labels",
    "attributes": "labels",
    "name": "metric",
    "val": "value",
}
"""What other producers call the members; as labels they would be a new series a sample."""

_decode_labels = msgspec.json.Decoder(dict[str, Raw]).decode
decode_sample = msgspec.json.Decoder(NativeSample).decode
_decode_samples = msgspec.json.Decoder(list[NativeSample]).decode
_decode_list = msgspec.json.Decoder(list[Raw]).decode


def recognises(members: Mapping[str, Raw]) -> bool:
    """Whether a JSON object with these members is meant to be native."""
    return "metric" in members or "samples" in members or ("value" in members and "name" not in members)


def read(body: bytes, members: Mapping[str, Raw], record: int, record_time_ns: int, out: Collected) -> None:
    """Put the samples of one native record, single or batch, into `out`; a bad one becomes a reject of its own."""
    if "samples" not in members or "metric" in members:
        _read_one(body, record, record_time_ns, out)
        return
    try:
        for sample in _decode_samples(members["samples"]):
            _take(sample, record, record_time_ns, out)
    except DECODE_ERRORS:
        _read_each(members["samples"], record, record_time_ns, out)


def _read_each(samples: Raw, record: int, record_time_ns: int, out: Collected) -> None:
    try:
        bodies = _decode_list(samples)
    except DECODE_ERRORS:
        out.reject(record, Rejected(RejectReason.WRONG_TYPE, f"samples: expected an array, got {kind_of(samples)}"))
        return
    for body in bodies:
        _read_one(body, record, record_time_ns, out)


def _read_one(body: bytes | Raw, record: int, record_time_ns: int, out: Collected) -> None:
    try:
        _take(decode_sample(body), record, record_time_ns, out)
    except DECODE_ERRORS:
        try:
            _take(_sorted_out(body), record, record_time_ns, out)
        except Rejected as error:
            out.reject(record, error)


def _take(sample: NativeSample, record: int, record_time_ns: int, out: Collected) -> None:
    try:
        time_ns = out.time_ns(sample.timestamp, record_time_ns)
    except Rejected as error:
        out.reject(record, error)
        return
    out.add(record, (sample.metric, bytes(sample.labels)), sample.value, time_ns)


def _sorted_out(body: bytes | Raw) -> NativeSample:
    """A sample whose labels stand beside its members; raises `Rejected` with what is wrong where that is not all."""
    try:
        members = decode_members(body)
    except msgspec.ValidationError:
        raise Rejected(RejectReason.WRONG_TYPE, f"a sample must be an object, got {kind_of(body)}") from None
    except DECODE_ERRORS as error:
        raise Rejected(RejectReason.UNPARSABLE, str(error)) from error
    for name in ("metric", "value"):
        if name not in members:
            raise Rejected(RejectReason.MISSING_FIELD, f"no {name}{_hint(name, members)}")
    value, metric = finite_number(members["value"], "value"), text(members["metric"], "metric")
    time = timestamp(members.get("timestamp", Raw(b"null")))
    return NativeSample(metric, value, time, _with_misplaced(members))


def _hint(missing: str, members: Mapping[str, Raw]) -> str:
    meant = next((name for name in members if _MEANT.get(name) == missing), None)
    return f": is it {meant!r}?" if meant else ""


def _with_misplaced(members: Mapping[str, Raw]) -> Raw:
    """Raw JSON of the labels with those that stand beside the sample's members."""
    raw = members.get("labels", Raw(b"{}"))
    misplaced = {name: value for name, value in members.items() if name not in MEMBERS}
    for name, value in misplaced.items():
        if name in _MEANT:
            raise Rejected(RejectReason.UNKNOWN_MEMBER, f"unknown member {name!r}: did you mean {_MEANT[name]!r}?")
        if kind_of(value) != "text":
            detail = f"unknown member {name[:60]!r}, a {kind_of(value)}: labels go into 'labels', as texts"
            raise Rejected(RejectReason.UNKNOWN_MEMBER, detail)
    if not misplaced:
        return raw
    try:
        labels = _decode_labels(raw)
    except DECODE_ERRORS:
        raise Rejected(RejectReason.WRONG_TYPE, f"labels: expected an object, got {kind_of(raw)}") from None
    for name, value in misplaced.items():
        if bytes(labels.setdefault(name, value)) != bytes(value):
            detail = f"label {name[:60]!r} has one value in 'labels' and another beside it"
            raise Rejected(RejectReason.UNKNOWN_MEMBER, detail)
    return Raw(msgspec.json.encode(labels))
