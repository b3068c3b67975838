"""CloudWatch metric streams as JSON: an object for each metric and minute, one a line.

`CPUUtilization` of `AWS/EC2` becomes `aws_ec2_cpuutilization_average`, `_sum`, `_count`, `_min`, `_max` and `_p99`
where a percentile was asked for; the names are those of Prometheus' cloudwatch_exporter. The namespace is the
service, the values of the dimensions are the instance. Source: AWS, "CloudWatch metric streams: output formats".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Raw

from models.errors import Rejected
from models.parse.collected import Collected
from models.parse.formats.otlp import Points, Quantiles
from models.parse.json_text import DECODE_ERRORS
from models.reasons import RejectReason
from models.series import MetricKind

OTLP_PREFIX: Final = "amazonaws.com/"
"""What CloudWatch's metrics begin with where they come as OTLP."""

DIMENSIONS: Final = "Dimensions"
"""The attribute that holds a metric's dimensions there."""

_DELTAS: Final = frozenset({"count", "sum"})
_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9_]+")


class _Metric(msgspec.Struct, gc=False):
    namespace: str
    metric_name: str
    value: dict[str, float]
    timestamp: int
    dimensions: dict[str, str] = {}
    account_id: str = ""
    region: str = ""


_decode = msgspec.json.Decoder(_Metric).decode


def recognises(members: Mapping[str, Raw]) -> bool:
    """Whether a JSON object with these members is a metric of CloudWatch."""
    return "namespace" in members and "metric_name" in members


def read(body: bytes, members: Mapping[str, Raw], record: int, record_time_ns: int, out: Collected) -> None:
    """Put the statistics of one metric into `out`, or a reject."""
    points = Points(record, record_time_ns, out)
    try:
        metric = _decode(body)
        time_ns = out.time_ns(metric.timestamp, record_time_ns)
    except Rejected as error:
        points.reject(error)
    except msgspec.ValidationError as error:
        points.reject(Rejected(RejectReason.WRONG_TYPE, f"CloudWatch: {error}"))
    except DECODE_ERRORS as error:
        points.reject(Rejected(RejectReason.UNPARSABLE, f"CloudWatch: {error}"))
    else:
        found = labels(metric.namespace, metric.dimensions, metric.account_id, metric.region)
        add(points, f"{metric.namespace}/{metric.metric_name}", found, metric.value, time_ns)


def add(points: Points, name: str, found: Mapping[str, str], statistics: Mapping[str, float], time_ns: int) -> None:
    """Put a metric's statistics into `points`, and its average, which CloudWatch leaves to the reader.

    Args:
        name: namespace and metric, `AWS/EC2/CPUUtilization`. found: labels.
    """
    name = _NOT_IN_NAMES.sub("_", name).lower()
    for statistic, value in statistics.items():
        kind = MetricKind.DELTA if statistic in _DELTAS else MetricKind.GAUGE
        points.add(f"{name}_{_NOT_IN_NAMES.sub('_', statistic).lower()}", found, value, time_ns, kind)
    count = statistics.get("count", 0.0)
    if count > 0 and "sum" in statistics:
        points.add(f"{name}_average", found, statistics["sum"] / count, time_ns, MetricKind.GAUGE)


def labels(namespace: str, dimensions: Mapping[str, str], account: str, region: str) -> dict[str, str]:
    """Labels of a metric: its dimensions, and where it runs; what is empty is left out."""
    instance = ",".join(dimensions[name] for name in sorted(dimensions))
    found = {**dimensions, "service": namespace, "instance": instance, "account_id": account, "region": region}
    return {name: value for name, value in found.items() if value}


def statistics(found: Quantiles) -> dict[str, float]:
    """The statistics that CloudWatch sends as a summary.

    >>> statistics(Quantiles(2.0, 6.0, {0.0: 1.0, 0.99: 4.9, 1.0: 5.0}))
    {'count': 2.0, 'sum': 6.0, 'min': 1.0, 'p99': 4.9, 'max': 5.0}
    """
    named = {0.0: "min", 1.0: "max"}
    parts = {named.get(q, f"p{round(q * 100, 6):g}"): value for q, value in found.values.items()}
    return {"count": found.count, "sum": found.sum, **parts}
