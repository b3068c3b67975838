"""Holds what Tidewatch told against what on-call expects; every complaint is a sentence under one heading."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.ordinary.play import Alert, Outcome, Track
from tests.ordinary.weeks import DAY_S, HOUR_S, MONDAY_S, Feed, Incident, Metric, Weeks

FOUND, HELD, OVER, CAUSE, QUIET, MISSING, BAND = "found", "held", "over", "cause", "quiet", "missing", "band"

HELD_SHARE = 0.8
"""Share of an incident's rows, from the alert on, that are anomalous where it has to be held."""

ROWS_OUTSIDE = 0.95
ROWS_INSIDE = 0.99
WIDEST = 3.0
"""Of a band: times the range from the 1st to the 99th percentile of what is left of the values without their hour."""

QUIET_ROWS = 0.01
"""Share of rows outside of incidents that may be anomalous."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong, under its heading."""

    about: str
    text: str


def judge(w: Weeks, outcome: Outcome) -> list[Complaint]:
    """Everything that on-call would complain about."""
    found: list[Complaint] = []
    for incident in w.incidents:
        found += _silence(incident, outcome) if incident.missing else _incident(w, incident, outcome)
    found += _quiet(w, outcome)
    if w.checks_band:
        for feed in w.feeds:
            found += _band(w, feed, outcome)
    return found


def _at(time_s: float) -> str:
    return str(np.datetime_as_string(np.datetime64(int(time_s), "s"), unit="m"))


def _name(entity: tuple[str, str]) -> str:
    return "/".join(entity)


def _incident(w: Weeks, incident: Incident, outcome: Outcome) -> list[Complaint]:
    entity, when = _name(incident.entity), _at(incident.start_s)
    alerts = [alert for alert in outcome.alerts if alert.entity == entity]
    track = outcome.tracks[entity]
    latest = incident.start_s + incident.within_s
    over = incident.end_s + incident.over_s
    mine = [
        alert
        for alert in alerts
        if alert.decided_s <= latest and alert.end_s > incident.start_s and alert.started_s >= incident.start_s - 1
    ]
    if not mine:
        later = [alert for alert in alerts if incident.start_s <= alert.decided_s < over]
        said = f"told {(later[0].decided_s - incident.start_s) / 60:.0f} min after it began" if later else "not told"
        return [Complaint(FOUND, f"{when} {incident.metric}: {said}")]
    complaints = []
    if incident.held:
        inside = (track.time_s >= mine[0].decided_s) & (track.time_s < incident.end_s)
        share = float(track.anomalous[inside].mean()) if inside.any() else 1.0
        if share < HELD_SHARE:
            complaints.append(Complaint(HELD, f"{when} {incident.metric}: {share:.0%} of its rows are anomalous"))
    after = (track.time_s >= over) & (track.time_s < over + 6 * HOUR_S) & ~_expected(w, track.time_s)
    if after.any() and track.anomalous[after].mean() > 0.05:
        complaints.append(Complaint(OVER, f"{when} {incident.metric}: still anomalous hours after it ended"))
    several = len([feed for feed in w.feeds if feed.entity == incident.entity and len(feed.metrics) > 1])
    if several and incident.metric and not any(alert.cause == incident.metric for alert in mine):
        complaints.append(Complaint(CAUSE, f"{when}: named {mine[0].cause}, not {incident.metric}"))
    return complaints


def _silence(incident: Incident, outcome: Outcome) -> list[Complaint]:
    entity, when = _name(incident.entity), _at(incident.start_s)
    told = [
        at for name, at, _ in outcome.silences if name == entity and incident.start_s <= at <= incident.end_s + 60.0
    ]
    if not told:
        return [Complaint(MISSING, f"{when}: nobody said that {entity} is missing")]
    if told[0] > incident.start_s + incident.within_s:
        return [Complaint(MISSING, f"{when}: told after {(told[0] - incident.start_s) / 60:.0f} min")]
    return []


def _expected(w: Weeks, time_s: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where alerts are asked for or allowed."""
    inside = np.zeros(len(time_s), bool)
    for start, end in _spans(w):
        inside |= (time_s >= start) & (time_s < end)
    return inside


def _spans(w: Weeks) -> list[tuple[float, float]]:
    spans = [(incident.start_s - w.interval_s, incident.end_s + incident.over_s) for incident in w.incidents]
    return spans + [(span.start_s, span.end_s) for span in w.allowed]


def _unexpected(w: Weeks, alert: Alert) -> bool:
    return not any(start <= alert.started_s < end for start, end in _spans(w))


def _quiet(w: Weeks, outcome: Outcome) -> list[Complaint]:
    complaints = []
    for why in dict.fromkeys(span.why for span in w.quiet):
        spans = [span for span in w.quiet if span.why == why]
        open_ = [
            a for a in outcome.alerts if any(span.start_s - w.interval_s <= a.started_s < span.end_s for span in spans)
        ]
        if len(open_) > _by_chance(sum(span.end_s - span.start_s for span in spans)):
            text = f"{_at(open_[0].started_s)}: an alert for {open_[0].cause} where there is {why}"
            complaints.append(Complaint(QUIET, text))
    false = [alert for alert in outcome.alerts if _unexpected(w, alert)]
    early = [alert for alert in false if alert.decided_s < w.judged_from_s]
    late = [alert for alert in false if alert.decided_s >= w.judged_from_s]
    if len(early) > w.first_days_alerts:
        complaints.append(Complaint(QUIET, f"{len(early)} false alerts while it learns ({_list(early)})"))
    end_s = w.start_s + w.days * DAY_S
    weeks = max(end_s - w.judged_from_s, 0.0) / (7 * DAY_S)
    allowed = int(np.ceil(weeks * w.false_alarms_a_week * len(w.feeds)))
    if len(late) > allowed:
        complaints.append(Complaint(QUIET, f"{len(late)} false alerts where {allowed} are allowed ({_list(late)})"))
    for entity, track in outcome.tracks.items():
        rest = (track.time_s >= w.judged_from_s) & ~_expected(w, track.time_s)
        if rest.any() and track.anomalous[rest].mean() > QUIET_ROWS:
            share = track.anomalous[rest].mean()
            complaints.append(Complaint(QUIET, f"{entity}: {share:.1%} of the quiet rows are anomalous"))
    missing = [at for entity, at, _ in outcome.silences if not _asked_missing(w, entity, at)]
    if missing:
        complaints.append(Complaint(QUIET, f"{_at(missing[0])}: missing telemetry told where nothing was missing"))
    return complaints


def _by_chance(length_s: float) -> int:
    """False alarms that the rate asked for, one a week, allows in so long a time; none in less than half a week."""
    return int(length_s / (7 * DAY_S) + 0.5)


def _asked_missing(w: Weeks, entity: str, at_s: float) -> bool:
    asked = any(i.missing and _name(i.entity) == entity and i.start_s <= at_s <= i.end_s + 60.0 for i in w.incidents)
    return asked or any(span.start_s <= at_s < span.end_s for span in w.allowed)


def _list(alerts: list[Alert]) -> str:
    return ", ".join(_at(alert.decided_s) for alert in alerts[:4])


def _band(w: Weeks, feed: Feed, outcome: Outcome) -> list[Complaint]:
    track = outcome.tracks.get(_name(feed.entity))
    if track is None:
        return []
    complaints = []
    known = ~np.isnan(track.value) & ~np.isnan(track.low)
    outside = (track.value < track.low) | (track.value > track.high)
    odd = known & track.anomalous & (track.time_s >= w.judged_from_s)
    if odd.sum() >= 5 and outside[odd].mean() < ROWS_OUTSIDE:
        complaints.append(Complaint(BAND, f"the value is outside of its band in {outside[odd].mean():.0%} of odd rows"))
    calm = known & ~track.anomalous & (track.time_s >= w.judged_from_s)
    if calm.sum() >= 100 and (~outside[calm]).mean() < ROWS_INSIDE:
        complaints.append(
            Complaint(BAND, f"the value is inside its band in {(~outside[calm]).mean():.1%} of calm rows")
        )
    for name, metric in feed.metrics.items():
        rows = np.flatnonzero(known & (np.array(track.cause) == name) & (track.time_s >= w.judged_from_s))
        complaints += _range(name, metric, track, rows)
        complaints += _width(feed, name, metric, track, rows[~track.anomalous[rows]])
    return complaints


def _range(name: str, metric: Metric, track: Track, rows: NDArray[np.int64]) -> list[Complaint]:
    if len(rows) == 0:
        return []
    low, high = float(track.low[rows].min()), float(track.high[rows].max())
    slack = 1e-9 * max(abs(low), abs(high))
    if low < metric.low - slack:
        return [Complaint(BAND, f"{name}: a lower bound of {low:.4g} where {metric.low:g} is the least there is")]
    if high > metric.high + slack:
        return [Complaint(BAND, f"{name}: an upper bound of {high:.4g} where {metric.high:g} is the most there is")]
    return []


def _width(feed: Feed, name: str, metric: Metric, track: Track, rows: NDArray[np.int64]) -> list[Complaint]:
    if len(rows) < 200:
        return []
    residual = metric.plain - metric.usual
    hour = ((feed.time_s - MONDAY_S) % DAY_S // HOUR_S).astype(int)
    spread = np.array([np.subtract(*np.nanpercentile(residual[hour == h], [99, 1])) if (hour == h).any() else np.nan
                       for h in range(24)])  # fmt: skip
    here = ((track.time_s[rows] - MONDAY_S) % DAY_S // HOUR_S).astype(int)
    width = track.high[rows] - track.low[rows]
    # a tenth of its level is narrow enough for what never moves
    least = np.where(spread[here] > 0, spread[here], 0.1 * np.median(np.abs(metric.usual)) / WIDEST)
    ratio = float(np.median(width[least > 0] / least[least > 0])) if (least > 0).any() else 0.0
    if ratio > WIDEST:
        return [Complaint(BAND, f"{name}: its band is {ratio:.1f} times as wide as what is ordinary")]
    return []
