"""Prometheus' samples as prometheus-kafka-adapter writes them: `{"timestamp","value":"<text>","name","labels"}`.

The value is a text because JSON has no word for NaN. Source: Telefonica/prometheus-kafka-adapter, README.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Raw

from models.errors import Rejected
from models.parse.collected import Collected
from models.parse.json_text import DECODE_ERRORS, kind_of, number_of, text, timestamp
from models.reasons import RejectReason

NAME_LABEL = "__name__"
_decode_labels = msgspec.json.Decoder(dict[str, str]).decode


def recognises(members: Mapping[str, Raw]) -> bool:
    """Whether a JSON object with these members is meant to come from the adapter."""
    return "name" in members and "value" in members and "fields" not in members


def read(body: bytes, members: Mapping[str, Raw], record: int, record_time_ns: int, out: Collected) -> None:
    """Put the one sample of a record into `out`, or a reject."""
    try:
        name = text(members["name"], "name")
        time_ns = out.time_ns(timestamp(members.get("timestamp", Raw(b"null"))), record_time_ns)
        value = _value(members["value"])
        labels = _labels(members.get("labels", Raw(b"{}")))
    except Rejected as error:
        out.reject(record, error)
    else:
        out.add(record, (name, labels), value, time_ns)


def _value(raw: Raw) -> float:
    try:
        return number_of(text(raw, "value") if kind_of(raw) == "text" else bytes(raw).decode())
    except ValueError:
        detail = f"value: expected a number, got {bytes(raw)[:40].decode('utf-8', 'replace')}"
        raise Rejected(RejectReason.WRONG_TYPE, detail) from None


def _labels(raw: Raw) -> bytes:
    """Raw JSON of the labels without the metric's name, which the adapter repeats among them."""
    try:
        labels = _decode_labels(raw)
    except DECODE_ERRORS as error:
        raise Rejected(RejectReason.WRONG_TYPE, f"labels must be texts: {error}") from error
    labels.pop(NAME_LABEL, None)
    return msgspec.json.encode(labels)
