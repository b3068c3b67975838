"""Tidewatch's own JSON: `{"metric","value","timestamp","labels"}`, or many of them in `{"samples":[...]}`."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Raw

from models.errors import Rejected
from models.parse.collected import Collected
from models.parse.json_text import DECODE_ERRORS, decode_members, finite_number, kind_of, text, timestamp
from models.reasons import RejectReason


class NativeSample(msgspec.Struct, gc=False):
    """One sample as a producer writes it. `labels` stays raw JSON: its bytes are looked up, decoded once per series."""

    metric: str
    value: float
    timestamp: int | float | str | None = None
    labels: Raw = Raw(b"{}")


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
        out.reject(record, _what_is_wrong(body))


def _take(sample: NativeSample, record: int, record_time_ns: int, out: Collected) -> None:
    try:
        time_ns = out.time_ns(sample.timestamp, record_time_ns)
    except Rejected as error:
        out.reject(record, error)
        return
    out.add(record, (sample.metric, bytes(sample.labels)), sample.value, time_ns)


def _what_is_wrong(body: bytes | Raw) -> Rejected:
    """The reason why a sample did not decode, found member by member."""
    try:
        members = decode_members(body)
        _check(members)
    except Rejected as error:
        return error
    except msgspec.ValidationError:
        return Rejected(RejectReason.WRONG_TYPE, f"a sample must be an object, got {kind_of(body)}")
    except DECODE_ERRORS as error:
        return Rejected(RejectReason.UNPARSABLE, str(error))
    return Rejected(RejectReason.UNPARSABLE, "not a native sample")


def _check(members: Mapping[str, Raw]) -> None:
    for name in ("metric", "value"):
        if name not in members:
            raise Rejected(RejectReason.MISSING_FIELD, f"no {name}")
    finite_number(members["value"], "value")
    text(members["metric"], "metric")
    timestamp(members.get("timestamp", Raw(b"null")))
