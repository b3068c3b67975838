"""What an SLO is once it is read and checked."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

import msgspec

from models.slo.binding import LabelMatcher, MatchOp, Role, SloBinding, ThresholdOp

RUNBOOK_ANNOTATION: Final = "tidewatch/runbook-url"
MIN_EVENTS_ANNOTATION: Final = "tidewatch/min-events"
DEFAULT_MIN_EVENTS: Final = 1.0


class WindowUnit(StrEnum):
    """Units of OpenSLO's duration shorthand."""

    MINUTE = "m"
    HOUR = "h"
    DAY = "d"
    WEEK = "w"
    MONTH = "M"
    QUARTER = "Q"
    YEAR = "Y"


# A month has no fixed length; where one is needed (rolling and burn windows) it is the workbook's 30 days.
NOMINAL_UNIT_S: Final = {
    WindowUnit.MINUTE: 60,
    WindowUnit.HOUR: 3600,
    WindowUnit.DAY: 86_400,
    WindowUnit.WEEK: 7 * 86_400,
    WindowUnit.MONTH: 30 * 86_400,
    WindowUnit.QUARTER: 90 * 86_400,
    WindowUnit.YEAR: 365 * 86_400,
}


class TimeWindow(msgspec.Struct, frozen=True):
    """The period that the error budget is for: the last `amount` units, or a calendar's.

    Attributes:
        calendar_start: local wall-clock time, ISO 8601, at which one of the calendar's periods begins;
            None for rolling windows.
        time_zone: IANA name, for calendar windows.
    """

    amount: int
    unit: WindowUnit
    calendar_start: str | None = None
    time_zone: str = "UTC"

    @property
    def nominal_s(self) -> int:
        """Length in seconds, a month counted as 30 days."""
        return self.amount * NOMINAL_UNIT_S[self.unit]

    @property
    def text(self) -> str:
        """OpenSLO's shorthand, `30d`."""
        return f"{self.amount}{self.unit.value}"


class MetricQuery(msgspec.Struct, frozen=True):
    """Series of one metric that satisfy every matcher."""

    metric: str
    matchers: tuple[LabelMatcher, ...]


class ThresholdIndicator(msgspec.Struct, frozen=True, tag="threshold"):
    """A sample is good if `value op threshold`; the threshold is in the metric's unit."""

    query: MetricQuery
    op: ThresholdOp
    threshold: float


class RatioIndicator(msgspec.Struct, frozen=True, tag="ratio"):
    """good/total, or bad/total where `part_is_bad`; `counter` says that the metrics are cumulative."""

    part: MetricQuery
    part_is_bad: bool
    total: MetricQuery
    counter: bool


class Slo(msgspec.Struct, frozen=True):
    """One objective of one service: the share of good events wanted over a period.

    Attributes:
        name: unique; the `slo` label of alerts and series.
        target_ratio: wanted share of good events, in (0, 1).
        min_events: fewest events in the long burn window for an alert to fire; low traffic is too noisy to page on.
        runbook_url: empty means the configured one.
    """

    name: str
    service: str
    target_ratio: float
    window: TimeWindow
    indicator: ThresholdIndicator | RatioIndicator
    display_name: str = ""
    description: str = ""
    min_events: float = DEFAULT_MIN_EVENTS
    runbook_url: str = ""

    def bindings(self, slo_id: int) -> list[SloBinding]:
        """What the watch agent needs to count this SLO."""
        match self.indicator:
            case ThresholdIndicator(query, op, threshold):
                return [SloBinding(slo_id, query.metric, query.matchers, Role.THRESHOLD, op, threshold)]
            case RatioIndicator(part, part_is_bad, total, counter):
                counted = [(total, Role.TOTAL)]
                counted += [(total, Role.GOOD), (part, Role.BAD)] if part_is_bad else [(part, Role.GOOD)]
                return [SloBinding(slo_id, q.metric, q.matchers, role, counter=counter) for q, role in counted]

    def document(self) -> dict[str, Any]:
        """The SLO as one self-contained OpenSLO v1 document with one objective; parsing it gives an equal SLO."""
        metadata: dict[str, Any] = {"name": self.name}
        if self.display_name:
            metadata["displayName"] = self.display_name
        annotations = {RUNBOOK_ANNOTATION: self.runbook_url} if self.runbook_url else {}
        if self.min_events != DEFAULT_MIN_EVENTS:
            annotations[MIN_EVENTS_ANNOTATION] = repr(self.min_events)
        if annotations:
            metadata["annotations"] = annotations
        objective: dict[str, Any] = {"target": self.target_ratio}
        if isinstance(self.indicator, ThresholdIndicator):
            objective |= {"op": self.indicator.op.value, "value": self.indicator.threshold}
        return {
            "apiVersion": "openslo/v1",
            "kind": "SLO",
            "metadata": metadata,
            "spec": {
                **({"description": self.description} if self.description else {}),
                "service": self.service,
                "indicator": {"metadata": {"name": self.name}, "spec": _indicator_spec(self.indicator)},
                "timeWindow": [_window_document(self.window)],
                "budgetingMethod": "Occurrences",
                "objectives": [objective],
            },
        }


def _indicator_spec(indicator: ThresholdIndicator | RatioIndicator) -> dict[str, Any]:
    if isinstance(indicator, ThresholdIndicator):
        return {"thresholdMetric": _source(indicator.query)}
    part = "bad" if indicator.part_is_bad else "good"
    return {
        "ratioMetric": {
            "counter": indicator.counter,
            part: _source(indicator.part),
            "total": _source(indicator.total),
        }
    }


def _source(query: MetricQuery) -> dict[str, Any]:
    labels: dict[str, Any] = {}
    for matcher in query.matchers:
        if matcher.op is MatchOp.EQUAL and matcher.label not in labels:
            labels[matcher.label] = matcher.value
        else:
            conditions = labels.setdefault(matcher.label, {})
            conditions[matcher.op.value] = matcher.value
    return {"metricSource": {"type": "tidewatch", "spec": {"metric": query.metric, "labels": labels}}}


def _window_document(window: TimeWindow) -> dict[str, Any]:
    if window.calendar_start is None:
        return {"duration": window.text, "isRolling": True}
    calendar = {"startTime": window.calendar_start, "timeZone": window.time_zone}
    return {"duration": window.text, "isRolling": False, "calendar": calendar}
