"""Prometheus remote write, 1.0 and 2.0: protobuf, compressed with snappy, one request a record.

The messages are described here, as far as they are read, so that nothing has to be generated: `remote.proto` and
`types.proto` of Prometheus, `io.prometheus.write.v2` of the specification. A stale marker is the end of a series, no
value, and passed over. Native histograms give their count and sum.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from math import isnan
from typing import Any, Final

import cramjam
import msgspec
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from models.errors import Rejected
from models.parse.collected import Collected
from models.reasons import RejectReason
from models.series import MetricKind
from models.timestamps import MILLISECOND_NS

_F = descriptor_pb2.FieldDescriptorProto
_STALE: Final = 0x7FF0000000000002
"""Bits of the NaN with which Prometheus ends a series."""

_NAME: Final = "__name__"
_STARTS: Final = {0x0A: "WriteRequest", 0x1A: "WriteRequest", 0x22: "Request"}
"""First byte of a request: time series or metadata of 1.0, symbols of 2.0."""

_SINGLE, _MANY = _F.LABEL_OPTIONAL, _F.LABEL_REPEATED
_MESSAGES: Final[Mapping[str, Sequence[tuple[str, int, int, int, str]]]] = {
    "Label": [("name", 1, _SINGLE, _F.TYPE_STRING, ""), ("value", 2, _SINGLE, _F.TYPE_STRING, "")],
    "Sample": [("value", 1, _SINGLE, _F.TYPE_DOUBLE, ""), ("timestamp", 2, _SINGLE, _F.TYPE_INT64, "")],
    "Histogram": [
        ("count_int", 1, _SINGLE, _F.TYPE_UINT64, ""),
        ("count_float", 2, _SINGLE, _F.TYPE_DOUBLE, ""),
        ("sum", 3, _SINGLE, _F.TYPE_DOUBLE, ""),
        ("timestamp", 15, _SINGLE, _F.TYPE_INT64, ""),
    ],
    "TimeSeries": [
        ("labels", 1, _MANY, _F.TYPE_MESSAGE, "Label"),
        ("samples", 2, _MANY, _F.TYPE_MESSAGE, "Sample"),
        ("histograms", 4, _MANY, _F.TYPE_MESSAGE, "Histogram"),
    ],
    "Metadata": [("type", 1, _SINGLE, _F.TYPE_INT32, ""), ("name", 2, _SINGLE, _F.TYPE_STRING, "")],
    "WriteRequest": [
        ("timeseries", 1, _MANY, _F.TYPE_MESSAGE, "TimeSeries"),
        ("metadata", 3, _MANY, _F.TYPE_MESSAGE, "Metadata"),
    ],
    "MetadataRef": [("type", 1, _SINGLE, _F.TYPE_INT32, "")],
    "TimeSeriesRef": [
        ("labels_refs", 1, _MANY, _F.TYPE_UINT32, ""),
        ("samples", 2, _MANY, _F.TYPE_MESSAGE, "Sample"),
        ("histograms", 3, _MANY, _F.TYPE_MESSAGE, "Histogram"),
        ("metadata", 5, _SINGLE, _F.TYPE_MESSAGE, "MetadataRef"),
    ],
    "Request": [
        ("symbols", 4, _MANY, _F.TYPE_STRING, ""),
        ("timeseries", 5, _MANY, _F.TYPE_MESSAGE, "TimeSeriesRef"),
    ],
}

_KINDS: Final = {1: MetricKind.COUNTER, 2: MetricKind.GAUGE}
_DISTRIBUTIONS: Final = frozenset({3, 5})
"""Types whose `_count`, `_sum` and `_bucket` are cumulative: histogram, summary."""

_CUMULATIVE_PARTS: Final = ("_count", "_sum", "_bucket")


def _classes() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="remote_write.proto", package="remote_write", syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, label, kind, of in fields:
            message.field.add(
                name=field, number=number, label=label, type=kind, type_name=f".remote_write.{of}" if of else None
            )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"remote_write.{name}")) for name in _MESSAGES
    }


_CLASSES: Final = _classes()


def message(name: str) -> Any:
    """Class of a message by its name here, `WriteRequest` (1.0) or `Request` (2.0); for who writes them."""
    return _CLASSES[name]


def decoded(body: bytes, limit: int) -> Any | None:
    """The request in a record; None where it is something else. Raises `Rejected` (`too-large`) beyond `limit`."""
    try:
        size = cramjam.snappy.decompress_raw_len(body)
    except cramjam.DecompressionError:
        return None
    if size > limit:
        # no snappy body grows more than 64-fold: what says so is something else
        if size > 64 * len(body):
            return None
        raise Rejected(RejectReason.TOO_LARGE, f"snappy of {size} bytes, {limit} are allowed")
    try:
        plain = bytes(cramjam.snappy.decompress_raw(body))
        return _CLASSES[_STARTS[plain[0]]].FromString(plain)
    except (cramjam.DecompressionError, DecodeError, KeyError, IndexError):
        return None


def read(request: Any, record: int, record_time_ns: int, out: Collected) -> None:
    """Put the samples of a request into `out`."""
    by_reference = request.DESCRIPTOR.name == "Request"
    for labels, type_, series in _by_reference(request, record, out) if by_reference else _by_value(request):
        name = labels.pop(_NAME, "")
        if not name:
            out.reject(record, Rejected(RejectReason.MISSING_FIELD, f"no {_NAME}"))
            continue
        kind = _kind(name, type_)
        raw = msgspec.json.encode(labels)
        for sample in series.samples:
            if not _is_stale(sample.value):
                time_ns = sample.timestamp * MILLISECOND_NS
                out.add(record, (name, raw), sample.value, _bounded(time_ns, record_time_ns), kind)
        for histogram in series.histograms:
            count = histogram.count_float or float(histogram.count_int)
            time_ns = _bounded(histogram.timestamp * MILLISECOND_NS, record_time_ns)
            if not _is_stale(histogram.sum):
                out.add(record, (f"{name}_count", raw), count, time_ns, MetricKind.COUNTER)
                out.add(record, (f"{name}_sum", raw), histogram.sum, time_ns, MetricKind.COUNTER)


def _by_value(request: Any) -> Iterator[tuple[dict[str, str], int, Any]]:
    """Series of a 1.0 request: labels, type and samples; types are said by family, mostly in requests of their own."""
    types = {metadata.name: metadata.type for metadata in request.metadata}
    for series in request.timeseries:
        labels = {label.name: label.value for label in series.labels}
        name = labels.get(_NAME, "")
        yield labels, types.get(name, types.get(_family(name), 0)), series


def _by_reference(request: Any, record: int, out: Collected) -> Iterator[tuple[dict[str, str], int, Any]]:
    """Series of a 2.0 request: labels, type and samples; what refers beyond the symbols is refused."""
    symbols = list(request.symbols)
    for series in request.timeseries:
        references = list(series.labels_refs)
        if len(references) % 2 or any(reference >= len(symbols) for reference in references):
            out.reject(record, Rejected(RejectReason.UNPARSABLE, "remote write 2.0: labels beyond the symbols"))
            continue
        texts = [symbols[reference] for reference in references]
        yield dict(zip(texts[::2], texts[1::2], strict=True)), series.metadata.type, series


def _family(name: str) -> str:
    return next((name.removesuffix(part) for part in _CUMULATIVE_PARTS if name.endswith(part)), name)


def _kind(name: str, type_: int) -> MetricKind:
    """What a series is, from the type of its family."""
    if type_ in _DISTRIBUTIONS:
        return MetricKind.COUNTER if _family(name) != name else MetricKind.GAUGE
    return _KINDS.get(type_, MetricKind.UNKNOWN)


def _is_stale(value: float) -> bool:
    return isnan(value) and struct.unpack("<Q", struct.pack("<d", value))[0] == _STALE


def _bounded(time_ns: int, record_time_ns: int) -> int:
    """The time as int64 can hold it; absurd ones stay absurd, and are refused as such."""
    return max(min(time_ns, 2**63 - 1), -(2**63)) if time_ns else record_time_ns
