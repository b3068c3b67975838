"""OTLP metrics as protobuf: the Collector's Kafka exporter with `encoding: otlp_proto`, and CloudWatch metric streams.

CloudWatch writes several requests into one record, each after its length (output format OpenTelemetry 1.0). Its
summaries become the same series as its JSON: see `cloudwatch`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, NumberDataPoint, SummaryDataPoint

from models.parse.collected import Collected
from models.parse.formats import cloudwatch
from models.parse.formats.otlp import NO_RECORDED_VALUE, Distribution, Points, Quantiles, counted
from models.series import MetricKind

_REQUEST_START: Final = 0x0A
"""Field 1 of a request, `resource_metrics`, of wire type 2."""


def decoded(body: bytes) -> list[ExportMetricsServiceRequest]:
    """The requests of a record; none where it is something else.

    Protobuf has no mark of its own and passes over fields that it does not know: what decodes without any metric that
    has a name is taken for something else.
    """
    for requests in (_single, _length_delimited):
        try:
            found = requests(body)
        except DecodeError:
            continue
        if found and all(_is_request(request) for request in found):
            return found
    return []


def read(requests: Iterable[ExportMetricsServiceRequest], record: int, record_time_ns: int, out: Collected) -> None:
    """Put the data points of one record into `out`."""
    points = Points(record, record_time_ns, out)
    for request in requests:
        for resource in request.resource_metrics:
            labels = dict(_labels(resource.resource.attributes))
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    _read_metric(metric, labels, points)


def _single(body: bytes) -> list[ExportMetricsServiceRequest]:
    return [ExportMetricsServiceRequest.FromString(body)] if body[:1] == bytes([_REQUEST_START]) else []


def _length_delimited(body: bytes) -> list[ExportMetricsServiceRequest]:
    requests, at = [], 0
    while at < len(body):
        length, at = _varint(body, at)
        if not 0 < length <= len(body) - at:
            return []
        requests.append(ExportMetricsServiceRequest.FromString(body[at : at + length]))
        at += length
    return requests


def _varint(body: bytes, at: int) -> tuple[int, int]:
    """A number of base 128 and where it ends; 0 where it does not end."""
    value = 0
    for shift in range(0, 35, 7):
        if at >= len(body):
            break
        byte = body[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    return 0, at


def _is_request(request: ExportMetricsServiceRequest) -> bool:
    metrics = [m for resource in request.resource_metrics for scope in resource.scope_metrics for m in scope.metrics]
    return bool(metrics) and all(metric.name and metric.WhichOneof("data") for metric in metrics)


def _read_metric(metric: Metric, resource: dict[str, str], points: Points) -> None:
    match metric.WhichOneof("data"):
        case "gauge":
            _read_numbers(metric.name, metric.gauge.data_points, MetricKind.GAUGE, resource, points)
        case "sum":
            kind = counted(metric.sum.aggregation_temporality, monotonic=metric.sum.is_monotonic)
            _read_numbers(metric.name, metric.sum.data_points, kind, resource, points)
        case "histogram":
            for point in metric.histogram.data_points:
                _add(metric, point, (point.bucket_counts, point.explicit_bounds), resource, points)
        case "exponential_histogram":
            for wide in metric.exponential_histogram.data_points:
                _add(metric, wide, ((), ()), resource, points)
        case "summary":
            _read_summaries(metric.name, metric.summary.data_points, resource, points)


def _read_numbers(
    name: str, found: Iterable[NumberDataPoint], kind: MetricKind, resource: dict[str, str], points: Points
) -> None:
    for point in found:
        which = point.WhichOneof("value")
        if which is None or point.flags & NO_RECORDED_VALUE:
            continue
        value = point.as_double if which == "as_double" else float(point.as_int)
        points.add(name, {**resource, **dict(_labels(point.attributes))}, value, point.time_unix_nano, kind)


def _add(
    metric: Metric,
    point: Any,
    buckets: tuple[Sequence[float], Sequence[float]],
    resource: dict[str, str],
    points: Points,
) -> None:
    """One data point of a histogram of either form; exponential buckets are not read."""
    if point.flags & NO_RECORDED_VALUE:
        return
    smallest, largest, total = (getattr(point, f) if point.HasField(f) else None for f in ("min", "max", "sum"))
    found = Distribution(float(point.count), total, smallest, largest, *buckets)
    labels = {**resource, **dict(_labels(point.attributes))}
    temporality = getattr(metric, metric.WhichOneof("data") or "histogram").aggregation_temporality
    points.distribution(metric.name, labels, found, point.time_unix_nano, temporality)


def _read_summaries(
    name: str, data_points: Iterable[SummaryDataPoint], resource: dict[str, str], points: Points
) -> None:
    for point in data_points:
        if point.flags & NO_RECORDED_VALUE:
            continue
        found = Quantiles(float(point.count), point.sum, {q.quantile: q.value for q in point.quantile_values})
        attributes, time_ns = point.attributes, point.time_unix_nano
        if name.startswith(cloudwatch.OTLP_PREFIX):
            name_there = name.removeprefix(cloudwatch.OTLP_PREFIX)
            account, region = resource.get("cloud.account.id", ""), resource.get("cloud.region", "")
            dimensions = _labels_within(attributes, cloudwatch.DIMENSIONS)
            labels = cloudwatch.labels(name_there.rpartition("/")[0], dimensions, account, region)
            cloudwatch.add(points, name_there, labels, cloudwatch.statistics(found), time_ns)
        else:
            points.summary(name, {**resource, **dict(_labels(attributes))}, found, time_ns)


def _labels(attributes: Iterable[KeyValue]) -> Iterator[tuple[str, str]]:
    for attribute in attributes:
        yield attribute.key, _text(attribute.value)


def _labels_within(attributes: Iterable[KeyValue], key: str) -> dict[str, str]:
    """Labels of a nested attribute; none where it is not there."""
    return next((dict(_labels(a.value.kvlist_value.values)) for a in attributes if a.key == key), {})


def _text(value: AnyValue) -> str:
    """An attribute's value as a label's."""
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value
        case "bool_value":
            return "true" if value.bool_value else "false"
        case None:
            return ""
        case "array_value":
            return "[" + ",".join(_text(member) for member in value.array_value.values) + "]"
        case "kvlist_value":
            return "{" + ",".join(f"{member.key}={_text(member.value)}" for member in value.kvlist_value.values) + "}"
        case "bytes_value":
            return value.bytes_value.hex()
        case which:
            return str(getattr(value, which))
