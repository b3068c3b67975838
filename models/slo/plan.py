"""What an evaluation changes: which burn alerts begin and end, and why. Nothing is read or written here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from models.names import Severity
from models.reasons import AlertDecision, AlertState, TransitionReason
from models.slo.burn_alert import NOTHING_BURNS, BurnAlertKey, BurnDecision, FiringAlert, judge
from models.slo.exclusions import SloExclusion, held_by
from models.slo.view import SloView
from models.timestamps import SECOND_NS

BurningSince = Mapping[tuple[str, str], Mapping[tuple[Severity, str], float]]
"""Since when pairs have been above their factor (epoch seconds), by service and SLO, then by severity and window."""

ENDED_BY: Final = {
    AlertDecision.HELD_PAUSED: TransitionReason.PAUSED,
    AlertDecision.HELD_MAINTENANCE: TransitionReason.IN_MAINTENANCE,
    AlertDecision.HELD_SILENCED: TransitionReason.SILENCED,
}


class Judged(NamedTuple):
    """A pair of windows of one SLO, and what was decided about it."""

    view: SloView
    verdict: BurnDecision
    key: BurnAlertKey


@dataclass(frozen=True, slots=True)
class Transition:
    """An alert that begins or ends.

    Attributes:
        judged: what was decided on; None where its SLO or its pair of windows is no more.
        fired: the alert as it fires; None where it begins.
    """

    key: BurnAlertKey
    reason: TransitionReason
    judged: Judged | None
    fired: FiringAlert | None

    @property
    def state(self) -> AlertState:
        """What the alert is in from now on."""
        return AlertState.FIRING if self.fired is None else AlertState.RESOLVED

    @property
    def decision(self) -> AlertDecision:
        """The same as a decision."""
        return AlertDecision.FIRED if self.fired is None else AlertDecision.RESOLVED


class Plan(NamedTuple):
    """Everything that one evaluation decides.

    Attributes:
        judged: every pair of windows of every SLO.
        transitions: alerts that begin or end, in the order in which they are told.
        burning_since: of the pairs whose burn has to last (`alertAfter`); for the next evaluation.
    """

    judged: Sequence[Judged]
    transitions: Sequence[Transition]
    burning_since: BurningSince


def plan(
    views: Iterable[SloView],
    firing: Mapping[BurnAlertKey, FiringAlert],
    exclusions: Mapping[str, Sequence[SloExclusion]],
    now_ns: int,
    *,
    newest_minute_s: float,
    burning_since: BurningSince,
) -> Plan:
    """Decide about every pair of windows, and about alerts that no pair stands for any more.

    Args:
        views: every SLO at `now_ns`.
        firing: the alerts that fire.
        exclusions: pauses, silences and maintenance by name of the SLO.
        newest_minute_s: the newest minute counted for any SLO, epoch seconds.
        burning_since: as the last evaluation's plan has it.
    """
    firing_pairs: dict[tuple[str, str], set[tuple[Severity, str]]] = defaultdict(set)
    for service, name, severity, burn_window in firing:
        firing_pairs[service, name].add((severity, burn_window))
    judged: list[Judged] = []
    transitions: list[Transition] = []
    for view in views:
        owner = view.slo.service, view.slo.name
        hold = held_by(exclusions.get(view.slo.name, ()), now_ns)
        for verdict in judge(
            view.slo,
            view.windows,
            firing=firing_pairs.get(owner, ()),
            now_s=now_ns / SECOND_NS,
            newest_minute_s=newest_minute_s,
            burning_since=burning_since.get(owner, NOTHING_BURNS),
        ):
            key = BurnAlertKey(*owner, verdict.reading.pair.severity, verdict.reading.pair.name)
            judgement = Judged(view, held(verdict, hold), key)
            judged.append(judgement)
            if (transition := transition_of(judgement, firing.get(key), hold)) is not None:
                transitions.append(transition)
    evaluated = {judgement.key for judgement in judged}
    transitions += [
        Transition(key, TransitionReason.NO_LONGER_EVALUATED, None, fired)
        for key, fired in firing.items()
        if key not in evaluated
    ]
    return Plan(judged, transitions, lasting(judged, burning_since, now_ns / SECOND_NS))


def held(verdict: BurnDecision, hold: AlertDecision | None) -> BurnDecision:
    """The verdict on an SLO that is paused, silenced or in maintenance: nothing fires, and what fires ends."""
    if hold is None or verdict.decision not in (AlertDecision.FIRED, AlertDecision.RENEWED):
        return verdict
    return replace(verdict, decision=hold if verdict.decision is AlertDecision.FIRED else AlertDecision.RESOLVED)


def transition_of(judged: Judged, fired: FiringAlert | None, hold: AlertDecision | None) -> Transition | None:
    """The transition that a decision makes, with its reason; None where nothing changes."""
    decision = judged.verdict.decision
    if decision is AlertDecision.FIRED:
        return Transition(judged.key, TransitionReason.BURNS_TOO_FAST, judged, None)
    if decision is AlertDecision.RESOLVED and fired is not None:
        reason = TransitionReason.BURN_OVER if hold is None else ENDED_BY[hold]
        return Transition(judged.key, reason, judged, fired)
    return None


def lasting(judged: Iterable[Judged], before: BurningSince, now_s: float) -> BurningSince:
    """Since when the pairs that burn now have been burning, of those that have to last."""
    since: dict[tuple[str, str], dict[tuple[Severity, str], float]] = defaultdict(dict)
    for _, verdict, (service, name, severity, burn_window) in judged:
        if verdict.reading.pair.after_s and verdict.reading.burning:
            began_s = before.get((service, name), NOTHING_BURNS).get((severity, burn_window), now_s)
            since[service, name][severity, burn_window] = began_s
    return since
