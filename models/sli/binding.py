"""Which series an SLO counts, and what one of its samples adds to the SLO's minute."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from models.series import SeriesIdentity
from models.sli import expressions

SERVICE_LABEL: Final = "service"


class Role(StrEnum):
    """What a sample of value `v` adds. Counts of a minute are sums, so order and split of the samples do not matter.

    ===========  ====================================  ========
    role         good                                  total
    ===========  ====================================  ========
    THRESHOLD    1 if `v op threshold` holds, else 0   1
    GOOD         v                                     0
    BAD          -v                                    0
    TOTAL        0                                     v
    ===========  ====================================  ========

    `v` is the sample itself, or the increase since the series' previous sample where the binding is a counter.
    A bad/total ratio has three bindings: TOTAL and GOOD on the total metric, BAD on the bad one (good = total - bad).
    """

    THRESHOLD = "threshold"
    GOOD = "good"
    BAD = "bad"
    TOTAL = "total"


class ThresholdOp(StrEnum):
    """OpenSLO's `op`: a sample is good if `value op threshold`."""

    LT = "lt"
    LTE = "lte"
    GT = "gt"
    GTE = "gte"


class MatchOp(StrEnum):
    """Prometheus' label matchers: a missing label counts as empty, regular expressions match the whole value."""

    EQUAL = "="
    NOT_EQUAL = "!="
    MATCHES = "=~"
    NOT_MATCHES = "!~"


class LabelMatcher(msgspec.Struct, frozen=True, array_like=True):
    """One condition on one label."""

    label: str
    op: MatchOp
    value: str

    def matches(self, actual: str) -> bool:
        """Whether a label value (empty where the label is missing) satisfies the condition."""
        if self.op is MatchOp.EQUAL:
            return actual == self.value
        if self.op is MatchOp.NOT_EQUAL:
            return actual != self.value
        found = expressions.fully_matches(self.value, actual)
        return found if self.op is MatchOp.MATCHES else not found


class SloBinding(msgspec.Struct, frozen=True):
    """Samples of `metric` whose labels satisfy every matcher count for SLO `slo_id` in `role`.

    Attributes:
        slo_id: row of table `slo`.
        metric: metric name, matched exactly.
        matchers: all have to hold. Where a series has no label `service`, the service that Tidewatch put it in counts;
            `service: host` finds series that came without one.
        role: what a sample adds, see `Role`. One series may be bound to one SLO in two roles.
        op, threshold: set for `Role.THRESHOLD` only; the threshold is in the metric's unit.
        counter: the metric is cumulative and monotonic; its increase counts, and a decrease is a reset.
    """

    slo_id: int
    metric: str
    matchers: tuple[LabelMatcher, ...]
    role: Role
    op: ThresholdOp | None = None
    threshold: float | None = None
    counter: bool = False

    def matches(self, identity: SeriesIdentity) -> bool:
        """Whether a series counts for this SLO. Depends on the identity only: decide once per series."""
        if identity.metric != self.metric:
            return False
        return all(matcher.matches(_label(identity, matcher.label)) for matcher in self.matchers)

    def is_good(self, value: float) -> bool:
        """Whether a sample meets the threshold; for `Role.THRESHOLD` only."""
        if self.threshold is None:
            raise ValueError(f"a {self.role.value} binding has no threshold")
        if self.op is ThresholdOp.LT:
            return value < self.threshold
        if self.op is ThresholdOp.LTE:
            return value <= self.threshold
        if self.op is ThresholdOp.GT:
            return value > self.threshold
        return value >= self.threshold


def _label(identity: SeriesIdentity, label: str) -> str:
    actual = identity.labels.get(label, "")
    return identity.service if not actual and label == SERVICE_LABEL else actual
