"""OTLP metrics as JSON, as the OpenTelemetry Collector's Kafka exporter writes them with `encoding: otlp_json`.

A record holds a whole scrape. 64-bit integers are texts; members that have their default value are left out. What OTLP
adds to these messages later is not an error (protobuf's JSON mapping says so), hence unknown members are passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import msgspec
from msgspec import Raw

from models.errors import Rejected
from models.parse.collected import Collected
from models.parse.formats.otlp import NO_RECORDED_VALUE, Distribution, Points, Quantiles, counted
from models.parse.json_text import DECODE_ERRORS, number_of
from models.reasons import RejectReason
from models.series import MetricKind

Integer: TypeAlias = int | str
Number: TypeAlias = int | float | str


class _Struct(msgspec.Struct, rename="camel", gc=False):
    """Members in OTLP's camelCase."""


class _Value(_Struct):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: Integer | None = None
    double_value: Number | None = None
    bytes_value: str | None = None
    array_value: Raw | None = None
    kvlist_value: Raw | None = None


class _Attribute(_Struct):
    key: str
    value: _Value = msgspec.field(default_factory=_Value)


class _Point(_Struct):
    time_unix_nano: Integer = 0
    flags: int = 0
    attributes: tuple[_Attribute, ...] = ()


class _NumberPoint(_Point):
    as_int: Integer | None = None
    as_double: Number | None = None


class _HistogramPoint(_Point):
    count: Integer = 0
    sum: Number | None = None
    min: Number | None = None
    max: Number | None = None
    bucket_counts: tuple[Integer, ...] = ()
    explicit_bounds: tuple[Number, ...] = ()


class _Quantile(_Struct):
    quantile: Number = 0
    value: Number = 0


class _SummaryPoint(_Point):
    count: Integer = 0
    sum: Number = 0
    quantile_values: tuple[_Quantile, ...] = ()


class _Gauge(_Struct):
    data_points: tuple[_NumberPoint, ...] = ()


class _Sum(_Struct):
    data_points: tuple[_NumberPoint, ...] = ()
    aggregation_temporality: int = 0
    is_monotonic: bool = False


class _Histogram(_Struct):
    data_points: tuple[_HistogramPoint, ...] = ()
    aggregation_temporality: int = 0


class _Summary(_Struct):
    data_points: tuple[_SummaryPoint, ...] = ()


class _Metric(_Struct):
    name: str
    gauge: _Gauge | None = None
    sum: _Sum | None = None
    histogram: _Histogram | None = None
    exponential_histogram: _Histogram | None = None
    summary: _Summary | None = None


class _ScopeMetrics(_Struct):
    metrics: tuple[_Metric, ...] = ()


class _Resource(_Struct):
    attributes: tuple[_Attribute, ...] = ()


class _ResourceMetrics(_Struct):
    resource: _Resource = msgspec.field(default_factory=_Resource)
    scope_metrics: tuple[_ScopeMetrics, ...] = ()


_decode = msgspec.json.Decoder(tuple[_ResourceMetrics, ...]).decode


def recognises(members: Mapping[str, Raw]) -> bool:
    """Whether a JSON object with these members is a request of OTLP's metrics service."""
    return "resourceMetrics" in members


def read(body: bytes, members: Mapping[str, Raw], record: int, record_time_ns: int, out: Collected) -> None:
    """Put the data points of one record into `out`."""
    points = Points(record, record_time_ns, out)
    try:
        resources = _decode(members["resourceMetrics"])
    except msgspec.ValidationError as error:
        points.reject(Rejected(RejectReason.WRONG_TYPE, f"OTLP JSON: {error}"))
        return
    except DECODE_ERRORS as error:
        points.reject(Rejected(RejectReason.UNPARSABLE, f"OTLP JSON: {error}"))
        return
    for resource in resources:
        labels = dict(_labels(resource.resource.attributes))
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                _read_metric(metric, labels, points)


def _read_metric(metric: _Metric, resource: dict[str, str], points: Points) -> None:
    if metric.gauge is not None:
        _read_numbers(metric.name, metric.gauge.data_points, MetricKind.GAUGE, resource, points)
    if metric.sum is not None:
        kind = counted(metric.sum.aggregation_temporality, monotonic=metric.sum.is_monotonic)
        _read_numbers(metric.name, metric.sum.data_points, kind, resource, points)
    for histogram in (metric.histogram, metric.exponential_histogram):
        if histogram is not None:
            _read_histograms(metric.name, histogram, resource, points)
    if metric.summary is not None:
        _read_summaries(metric.name, metric.summary, resource, points)


def _read_numbers(
    name: str, found: Iterable[_NumberPoint], kind: MetricKind, resource: dict[str, str], points: Points
) -> None:
    for point in found:
        value = point.as_double if point.as_double is not None else point.as_int
        if value is None or point.flags & NO_RECORDED_VALUE:
            continue
        try:
            points.add(name, _labels_of(point, resource), _number(value, name), _integer(point.time_unix_nano), kind)
        except Rejected as error:
            points.reject(error)


def _read_histograms(name: str, histogram: _Histogram, resource: dict[str, str], points: Points) -> None:
    for point in histogram.data_points:
        if point.flags & NO_RECORDED_VALUE:
            continue
        try:
            found = Distribution(
                _number(point.count, name),
                _if_sent(point.sum, name),
                _if_sent(point.min, name),
                _if_sent(point.max, name),
                [_number(count, name) for count in point.bucket_counts],
                [_number(bound, name) for bound in point.explicit_bounds],
            )
            time_ns = _integer(point.time_unix_nano)
        except Rejected as error:
            points.reject(error)
        else:
            labels = _labels_of(point, resource)
            points.distribution(name, labels, found, time_ns, histogram.aggregation_temporality)


def _read_summaries(name: str, summary: _Summary, resource: dict[str, str], points: Points) -> None:
    for point in summary.data_points:
        if point.flags & NO_RECORDED_VALUE:
            continue
        try:
            quantiles = {_number(q.quantile, name): _number(q.value, name) for q in point.quantile_values}
            found = Quantiles(_number(point.count, name), _number(point.sum, name), quantiles)
            time_ns = _integer(point.time_unix_nano)
        except Rejected as error:
            points.reject(error)
        else:
            points.summary(name, _labels_of(point, resource), found, time_ns)


def _labels_of(point: _Point, resource: dict[str, str]) -> dict[str, str]:
    """Labels of a data point; its own attributes come before those of its resource."""
    return {**resource, **dict(_labels(point.attributes))} if point.attributes else resource


def _labels(attributes: Iterable[_Attribute]) -> Iterable[tuple[str, str]]:
    for attribute in attributes:
        yield attribute.key, _text(attribute.value)


def _text(value: _Value) -> str:
    """An attribute's value as a label's."""
    if value.string_value is not None:
        return value.string_value
    if value.bool_value is not None:
        return "true" if value.bool_value else "false"
    for one in (value.int_value, value.double_value, value.bytes_value):
        if one is not None:
            return str(one)
    nested = value.array_value or value.kvlist_value
    return "" if nested is None else bytes(nested).decode("utf-8", "replace")


def _number(value: Any, name: str) -> float:
    """A number as protobuf's JSON mapping writes it: also as a text, with `NaN` and `Infinity` among them."""
    try:
        return number_of(value) if isinstance(value, str) else float(value)
    except (ValueError, OverflowError):
        detail = f"{name[:60]}: expected a number, got {str(value)[:40]!r}"
        raise Rejected(RejectReason.WRONG_TYPE, detail) from None


def _if_sent(value: Number | None, name: str) -> float | None:
    return None if value is None else _number(value, name)


def _integer(value: Integer) -> int:
    try:
        return int(value)
    except ValueError:
        detail = f"timeUnixNano: expected nanoseconds, got {str(value)[:40]!r}"
        raise Rejected(RejectReason.BAD_TIMESTAMP, detail) from None
