"""Whether a burn alert fires, goes on or ends, and why.

The condition is the workbook's: the burn rate of the long and of the short window is above the factor. The two windows
are their own hysteresis: the long one keeps a blip from firing, the short one ends the alert soon after the burn. So
Prometheus, evaluating the workbook's rules over the same samples, fires and resolves with us.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

from models.alerting.alert import fingerprint
from models.names import AlertLabel, AlertName, Annotation, Severity
from models.reasons import AlertDecision
from models.slo.burn import Counts, window_start_s
from models.slo.definition import Slo
from models.slo.windows import RESOLUTION_S, BurnPair

NOTHING_BURNS: Final[Mapping[tuple[Severity, str], float]] = MappingProxyType({})


class BurnAlertKey(NamedTuple):
    """Identity of a burn alert; `burn_window` is the long window of its pair."""

    service: str
    slo_name: str
    severity: Severity
    burn_window: str

    @property
    def fingerprint(self) -> str:
        """Of the alert's labels, as `alert_event` computes it."""
        return fingerprint(
            {
                AlertLabel.ALERTNAME.value: AlertName.SLO_BURN_RATE.value,
                AlertLabel.SERVICE.value: self.service,
                AlertLabel.SEVERITY.value: self.severity.value,
                AlertLabel.SLO.value: self.slo_name,
                AlertLabel.BURN_WINDOW.value: self.burn_window,
            }
        )


@dataclass(frozen=True, slots=True)
class FiringAlert:
    """Since when an alert fires, and what it says."""

    started_at_ns: int
    annotations: Mapping[Annotation, str]


@dataclass(frozen=True, slots=True)
class BurnReading:
    """What one pair of windows shows."""

    pair: BurnPair
    long: Counts
    short: Counts
    target_ratio: float

    @property
    def long_burn(self) -> float:
        return self.long.burn_rate(self.target_ratio)

    @property
    def short_burn(self) -> float:
        return self.short.burn_rate(self.target_ratio)

    @property
    def burning(self) -> bool:
        """Whether both windows are above the factor; a window without events is not."""
        windows = (self.long, self.short)
        return all(counts.burns_above(self.pair.factor, self.target_ratio) for counts in windows)


def decide(
    reading: BurnReading, *, firing: bool, min_events: float, stream_flows: bool, burning_for_s: float = 0.0
) -> AlertDecision:
    """What to do about one pair of windows.

    Args:
        firing: whether the alert fires at present.
        min_events: fewest events in the long window for an alert to begin.
        stream_flows: whether samples of any SLO were counted in the short window. If not, silence says nothing about
            this service: the stream itself has stopped, and an alert that fires is kept.
        burning_for_s: for how long both windows have been above the factor without a break.
    """
    if reading.burning:
        if firing:
            return AlertDecision.RENEWED
        if burning_for_s < reading.pair.after_s:
            return AlertDecision.HELD_TOO_SHORT
        return AlertDecision.FIRED if reading.long.total >= min_events else AlertDecision.HELD_TOO_FEW_EVENTS
    if not stream_flows:
        return AlertDecision.HELD_NO_DATA
    if firing:
        return AlertDecision.RESOLVED
    return AlertDecision.HELD_BELOW_THRESHOLD if reading.short.total > 0 else AlertDecision.HELD_NO_DATA


@dataclass(frozen=True, slots=True)
class BurnDecision:
    """A reading and what was decided on it."""

    reading: BurnReading
    decision: AlertDecision


def window(windows: Mapping[int, Counts], length_s: int) -> Counts:
    """Counts of a window; where one of a single minute holds nothing, of the two minutes that end with it."""
    counts = windows[length_s]
    return windows[2 * RESOLUTION_S] if length_s == RESOLUTION_S and not counts.total > 0 else counts


def judge(
    slo: Slo,
    windows: Mapping[int, Counts],
    *,
    firing: Collection[tuple[Severity, str]],
    now_s: float,
    newest_minute_s: float,
    burning_since: Mapping[tuple[Severity, str], float] = NOTHING_BURNS,
) -> list[BurnDecision]:
    """Verdicts on every pair of an SLO.

    Args:
        windows: counts by length of the window in seconds; see `Slo.window_lengths`.
        firing: severity and burn window of the SLO's alerts that fire at present.
        now_s: the moment of the counts, epoch seconds.
        newest_minute_s: the newest minute counted for any SLO.
        burning_since: since when pairs have been above their factor, by severity and burn window, epoch seconds;
            those that were not at the last evaluation are not in it.
    """
    verdicts = []
    for pair in slo.pairs:
        reading = BurnReading(pair, window(windows, pair.long_s), window(windows, pair.short_s), slo.target_ratio)
        key = (pair.severity, pair.name)
        decision = decide(
            reading,
            firing=key in firing,
            min_events=slo.min_events,
            stream_flows=newest_minute_s >= window_start_s(now_s, max(pair.short_s, 2 * RESOLUTION_S)),
            burning_for_s=now_s - burning_since.get(key, now_s),
        )
        verdicts.append(BurnDecision(reading, decision))
    return verdicts


def out_of_reach(slo: Slo) -> list[BurnPair]:
    """Pairs that can never fire: when every event is bad the burn rate is 1 / (1 - target), and they ask for more."""
    outage = Counts(0.0, 1.0)
    return [p for p in slo.pairs if not outage.burns_above(p.factor, slo.target_ratio)]
