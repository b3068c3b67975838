"""What OTLP's metrics mean as series, whether they came as JSON or as protobuf.

A data point is a series of the metric's name with the attributes of its resource and its own as labels. Histograms and
summaries become the series that Prometheus makes of them: `_count`, `_sum`, `_min`, `_max`, `_bucket{le}`,
`{quantile}`. Numbers stay as they were sent; what they are is said by the series' kind. A point without a recorded
value is none.

Source: opentelemetry-proto 1.5, `metrics.proto`; OpenTelemetry's "Prometheus and OpenMetrics compatibility".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, TypeAlias

import msgspec

from models.errors import Rejected
from models.parse.collected import Collected
from models.reasons import RejectReason
from models.series import MetricKind

DELTA: Final = 1
CUMULATIVE: Final = 2
"""Aggregation temporality, as OTLP numbers it."""

NO_RECORDED_VALUE: Final = 1
"""Bit of a data point's flags."""

END_NS: Final = 2**63
"""OTLP's times are unsigned, ours are not."""

Labels: TypeAlias = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Distribution:
    """What a histogram's data point holds.

    Attributes:
        count: of observations. sum, smallest, largest: None where they were not sent.
        counts: of each bucket, one more than `bounds`, or none. bounds: upper ones, rising.
    """

    count: float
    sum: float | None
    smallest: float | None
    largest: float | None
    counts: Sequence[float]
    bounds: Sequence[float]


@dataclass(frozen=True, slots=True)
class Quantiles:
    """What a summary's data point holds: observations, their sum, and values by quantile (0 to 1)."""

    count: float
    sum: float
    values: Mapping[float, float]


class Points:
    """Puts data points of one record into `out`."""

    def __init__(self, record: int, record_time_ns: int, out: Collected) -> None:
        self._record = record
        self._record_time_ns = record_time_ns
        self._out = out

    def reject(self, error: Rejected) -> None:
        """Refuse one data point."""
        self._out.reject(self._record, error)

    def add(self, name: str, labels: Labels, value: float, time_ns: int, kind: MetricKind) -> None:
        """One number; a time of 0 means that none was sent: the record's own stands in."""
        if time_ns >= END_NS:
            self.reject(Rejected(RejectReason.BAD_TIMESTAMP, f"{name[:60]}: time {time_ns} is after the year 2262"))
            return
        key = (name, msgspec.json.encode(labels))
        self._out.add(self._record, key, value, time_ns or self._record_time_ns, kind)

    def distribution(self, name: str, labels: Labels, found: Distribution, time_ns: int, temporality: int) -> None:
        """One histogram."""
        kind = counted(temporality, monotonic=True)
        self.add(f"{name}_count", labels, found.count, time_ns, kind)
        if found.sum is not None:
            self.add(f"{name}_sum", labels, found.sum, time_ns, kind)
        for part, value in (("min", found.smallest), ("max", found.largest)):
            if value is not None:
                self.add(f"{name}_{part}", labels, value, time_ns, MetricKind.GAUGE)
        if not found.counts:
            return
        if len(found.counts) != len(found.bounds) + 1:
            detail = f"{name[:60]}: {len(found.counts)} buckets for {len(found.bounds)} bounds"
            self.reject(Rejected(RejectReason.WRONG_TYPE, detail))
            return
        for bound, below in zip((*found.bounds, float("inf")), accumulate(found.counts), strict=True):
            self.add(f"{name}_bucket", {**labels, "le": bound_text(bound)}, below, time_ns, kind)

    def summary(self, name: str, labels: Labels, found: Quantiles, time_ns: int) -> None:
        """One summary; its count and sum are cumulative."""
        self.add(f"{name}_count", labels, found.count, time_ns, MetricKind.COUNTER)
        self.add(f"{name}_sum", labels, found.sum, time_ns, MetricKind.COUNTER)
        for quantile, value in found.values.items():
            self.add(name, {**labels, "quantile": bound_text(quantile)}, value, time_ns, MetricKind.GAUGE)


def counted(temporality: int, *, monotonic: bool) -> MetricKind:
    """What a sum is."""
    if temporality == DELTA:
        return MetricKind.DELTA
    return MetricKind.COUNTER if monotonic and temporality == CUMULATIVE else MetricKind.GAUGE


def bound_text(bound: float) -> str:
    """A bucket's bound or a quantile as Prometheus writes it.

    >>> [bound_text(bound) for bound in (0.005, 1.0, 2.5, float("inf"))]
    ['0.005', '1', '2.5', '+Inf']
    """
    return "+Inf" if bound == float("inf") else repr(float(bound)).removesuffix(".0")
