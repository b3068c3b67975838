"""What an SLO is once it is read and checked."""

from __future__ import annotations

import math
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

import msgspec

from models.names import Severity
from models.sli.binding import LabelMatcher, MatchOp, Role, SloBinding, ThresholdOp
from models.slo.windows import (
    RESOLUTION_S,
    SLOTH_WINDOWS_S,
    WORKBOOK_RULES,
    BurnPair,
    burn_pairs,
    window_lengths,
    window_name,
)
from models.timestamps import DAY_S

OUR_ANNOTATIONS: Final = "tidewatch/"
RUNBOOK_ANNOTATION: Final = f"{OUR_ANNOTATIONS}runbook-url"
MIN_EVENTS_ANNOTATION: Final = f"{OUR_ANNOTATIONS}min-events"
GAPS_ANNOTATION: Final = f"{OUR_ANNOTATIONS}telemetry-gaps"
INTERVAL_ANNOTATION: Final = f"{OUR_ANNOTATIONS}telemetry-interval"
ANNOTATIONS: Final = (RUNBOOK_ANNOTATION, MIN_EVENTS_ANNOTATION, GAPS_ANNOTATION, INTERVAL_ANNOTATION)
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
    WindowUnit.DAY: DAY_S,
    WindowUnit.WEEK: 7 * DAY_S,
    WindowUnit.MONTH: 30 * DAY_S,
    WindowUnit.QUARTER: 90 * DAY_S,
    WindowUnit.YEAR: 365 * DAY_S,
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


class RawIndicator(msgspec.Struct, frozen=True, tag="raw"):
    """A ratio that was computed before it came: good/total, or bad/total where `is_failure`; each sample counts as one
    event, good for its share."""

    query: MetricQuery
    is_failure: bool


Indicator = ThresholdIndicator | RatioIndicator | RawIndicator


class Slices(msgspec.Struct, frozen=True):
    """Budgeting by time slices: what counts are slices, not events.

    Attributes:
        length_s: a whole number of minutes that divides an hour.
        target_ratio: share of good events that makes a slice good; None: every slice counts with its share.
    """

    length_s: int
    target_ratio: float | None


class GapPolicy(StrEnum):
    """What a minute without telemetry counts as. Zero traffic is no gap: its samples say so."""

    UNKNOWN = "unknown"
    GOOD = "good"
    BAD = "bad"


class BurnCondition(msgspec.Struct, frozen=True):
    """An alert at a burn rate of one's own choice, in place of the workbook's.

    Attributes:
        factor: burn rate over the last `lookback_s` seconds above which it alerts.
        after_s: how long it has to have been above.
    """

    name: str
    severity: Severity
    factor: float
    lookback_s: int
    after_s: int


class Slo(msgspec.Struct, frozen=True):
    """One objective of one service: the share of good events wanted over a period.

    Attributes:
        name: unique; the `slo` label of alerts and series.
        target_ratio: wanted share of good events, in (0, 1).
        min_events: fewest events in the long burn window for an alert to fire; low traffic is too noisy to page on.
        runbook_url: empty means the configured one.
        slices: None budgets by occurrences.
        gaps, telemetry_interval_s: what minutes without telemetry count as, and how often telemetry is to come.
        conditions: what to alert at; empty means the workbook's four pairs.
    """

    name: str
    service: str
    target_ratio: float
    window: TimeWindow
    indicator: Indicator
    display_name: str = ""
    description: str = ""
    min_events: float = DEFAULT_MIN_EVENTS
    runbook_url: str = ""
    slices: Slices | None = None
    gaps: GapPolicy = GapPolicy.UNKNOWN
    telemetry_interval_s: int = RESOLUTION_S
    conditions: tuple[BurnCondition, ...] = ()

    @property
    def unit_s(self) -> int:
        """Length of what is counted together: a slice, or the minute."""
        return self.slices.length_s if self.slices else RESOLUTION_S

    @property
    def pairs(self) -> tuple[BurnPair, ...]:
        """The burn rates that it alerts at."""
        period_s = self.window.nominal_s
        if not self.conditions:
            return burn_pairs(period_s, WORKBOOK_RULES, self.unit_s)
        return tuple(
            BurnPair(c.severity, c.factor * c.lookback_s / period_s, c.lookback_s, c.lookback_s, c.factor, c.after_s)
            for c in self.conditions
        )

    @property
    def window_lengths(self) -> tuple[int, ...]:
        """Windows, in seconds, that its alerts look at."""
        return window_lengths(self.pairs)

    @property
    def shown_lengths(self) -> tuple[int, ...]:
        """Those and the ones that dashboards ask for, as far as they fit into the period."""
        return _shown_lengths(self.pairs, self.window.nominal_s, self.unit_s)

    def bindings(self, slo_id: int) -> list[SloBinding]:
        """What the watch agent needs to count this SLO."""
        match self.indicator:
            case ThresholdIndicator(query, op, threshold):
                return [SloBinding(slo_id, query.metric, query.matchers, Role.THRESHOLD, op, threshold)]
            case RatioIndicator(part, part_is_bad, total, counter):
                counted = [(total, Role.TOTAL)]
                counted += [(total, Role.GOOD), (part, Role.BAD)] if part_is_bad else [(part, Role.GOOD)]
                return [SloBinding(slo_id, q.metric, q.matchers, role, counter=counter) for q, role in counted]
            case RawIndicator(query, is_failure):
                return _raw_bindings(slo_id, query, is_failure)

    def document(self) -> dict[str, Any]:
        """The SLO as one self-contained OpenSLO v1 document with one objective; parsing it gives an equal SLO."""
        metadata: dict[str, Any] = {"name": self.name}
        if self.display_name:
            metadata["displayName"] = self.display_name
        annotations = self._annotations()
        if annotations:
            metadata["annotations"] = annotations
        objective: dict[str, Any] = {"target": self.target_ratio}
        if isinstance(self.indicator, ThresholdIndicator):
            objective |= {"op": self.indicator.op.value, "value": self.indicator.threshold}
        if self.slices:
            objective["timeSliceWindow"] = f"{self.slices.length_s // RESOLUTION_S}m"
            if self.slices.target_ratio is not None:
                objective["timeSliceTarget"] = self.slices.target_ratio
        return {
            "apiVersion": "openslo/v1",
            "kind": "SLO",
            "metadata": metadata,
            "spec": {
                **({"description": self.description} if self.description else {}),
                "service": self.service,
                "indicator": {"metadata": {"name": self.name}, "spec": _indicator_spec(self.indicator)},
                "timeWindow": [_window_document(self.window)],
                "budgetingMethod": self._budgeting_method(),
                "objectives": [objective],
                **({"alertPolicies": [_policy(condition) for condition in self.conditions]} if self.conditions else {}),
            },
        }

    def _annotations(self) -> dict[str, str]:
        annotations = {RUNBOOK_ANNOTATION: self.runbook_url} if self.runbook_url else {}
        if self.min_events != DEFAULT_MIN_EVENTS:
            annotations[MIN_EVENTS_ANNOTATION] = repr(self.min_events)
        if self.gaps is not GapPolicy.UNKNOWN:
            annotations[GAPS_ANNOTATION] = self.gaps.value
        if self.telemetry_interval_s != RESOLUTION_S:
            annotations[INTERVAL_ANNOTATION] = f"{self.telemetry_interval_s // RESOLUTION_S}m"
        return annotations

    def _budgeting_method(self) -> str:
        if self.slices is None:
            return "Occurrences"
        return "RatioTimeslices" if self.slices.target_ratio is None else "Timeslices"


@lru_cache(maxsize=256)
def _shown_lengths(pairs: tuple[BurnPair, ...], period_s: int, unit_s: int) -> tuple[int, ...]:
    asked = {s for s in SLOTH_WINDOWS_S if s <= period_s and s % unit_s == 0}
    return tuple(sorted({*window_lengths(pairs), *asked}))


def _raw_bindings(slo_id: int, query: MetricQuery, is_failure: bool) -> list[SloBinding]:
    """A threshold that every sample meets, or none, makes each one event; its value is taken from the good events, or
    added to them."""
    op = ThresholdOp.LT if not is_failure else ThresholdOp.GTE
    whole = SloBinding(slo_id, query.metric, query.matchers, Role.THRESHOLD, op, -math.inf)
    return [whole, SloBinding(slo_id, query.metric, query.matchers, Role.BAD if is_failure else Role.GOOD)]


def _policy(condition: BurnCondition) -> dict[str, Any]:
    """A condition as an inline AlertPolicy."""
    name = {"name": condition.name}
    burn = {
        "kind": "burnrate",
        "threshold": condition.factor,
        "lookbackWindow": window_name(condition.lookback_s),
        "alertAfter": window_name(condition.after_s),
    }
    stated = {"kind": "AlertCondition", "metadata": name, "spec": {"severity": condition.severity, "condition": burn}}
    return {"kind": "AlertPolicy", "metadata": name, "spec": {"alertWhenBreaching": True, "conditions": [stated]}}


def _indicator_spec(indicator: Indicator) -> dict[str, Any]:
    if isinstance(indicator, ThresholdIndicator):
        return {"thresholdMetric": _source(indicator.query)}
    if isinstance(indicator, RawIndicator):
        kind = "failure" if indicator.is_failure else "success"
        return {"ratioMetric": {"rawType": kind, "raw": _source(indicator.query)}}
    part = "bad" if indicator.part_is_bad else "good"
    return {
        "ratioMetric": {
            "counter": indicator.counter,
            part: _source(indicator.part),
            "total": _source(indicator.total),
        }
    }


def _source(query: MetricQuery) -> dict[str, Any]:
    conditions: dict[str, dict[str, str]] = {}
    for matcher in query.matchers:
        conditions.setdefault(matcher.label, {})[matcher.op.value] = matcher.value
    equal = MatchOp.EQUAL.value
    labels = {label: found[equal] if found.keys() == {equal} else found for label, found in conditions.items()}
    return {"metricSource": {"type": "tidewatch", "spec": {"metric": query.metric, "labels": labels}}}


def _window_document(window: TimeWindow) -> dict[str, Any]:
    if window.calendar_start is None:
        return {"duration": window.text, "isRolling": True}
    calendar = {"startTime": window.calendar_start, "timeZone": window.time_zone}
    return {"duration": window.text, "isRolling": False, "calendar": calendar}
