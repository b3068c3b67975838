"""Which change of an SLO the feedback on its alerts asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from models.labels import LabelWindow
from models.reasons import AlertState
from models.slo.burn import Floats, Recorded
from models.slo.definition import Slo
from models.slo.exclusions import SloExclusion
from models.slo.numbers import percent
from models.slo.simulate.replay import BurnTransition, replay
from models.slo.simulate.what_if import suggest_target
from models.timestamps import MINUTE_S, SECOND_NS

TIGHTER: Final = (0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9998, 0.9999)
"""Targets that are tried where an alert was missed, as people write them."""


@dataclass(frozen=True, slots=True)
class Proposed:
    """A definition to put in the place of the present one, and why in a sentence."""

    slo: Slo
    reason: str


def propose(
    slo: Slo,
    recorded: Recorded,
    *,
    noise: Sequence[LabelWindow],
    wanted: Sequence[LabelWindow],
    exclusions: Sequence[SloExclusion] = (),
) -> Proposed | None:
    """The least change of the target that agrees with what people said; None where there is nothing to change, or no
    target tells the two apart.

    Args:
        recorded: counts by minute that reach over what was marked; marks outside of them say nothing.
        noise: time ranges of alerts of the SLO that were noise. wanted: of those that were useful, or missed.
        exceptions: pauses, silences and maintenance of the SLO.
    """
    moments_s = _moments(recorded)

    def alerts_in_all(tried: Slo) -> bool:
        transitions = replay(tried, recorded, moments_s, exclusions)
        return _covered(transitions, moments_s, wanted)

    noise, wanted = ([w for w in windows if _reaches(moments_s, w)] for windows in (noise, wanted))
    if noise:
        target = suggest_target(slo, recorded, moments_s, noise, exclusions)
        if target is None or target >= slo.target_ratio:
            return None
        looser: Slo = msgspec.structs.replace(slo, target_ratio=target)
        if not alerts_in_all(looser):
            return None
        reason = f"{percent(target)} is the tightest target that pages for none of {_times(noise)} of noise"
        return Proposed(looser, reason)
    for target in TIGHTER if wanted else ():
        tighter: Slo = msgspec.structs.replace(slo, target_ratio=target)
        if target > slo.target_ratio and alerts_in_all(tighter):
            if alerts_in_all(slo):
                return None
            return Proposed(tighter, f"{percent(target)} is the first target that alerts in all of {_times(wanted)}")
    return None


def _times(windows: Sequence[LabelWindow]) -> str:
    return f"{len(windows)} marked time{'s' if len(windows) > 1 else ''}"


def _moments(recorded: Recorded) -> Floats:
    """Every minute from the first counted to the last."""
    if len(recorded.minute_s) == 0:
        return np.empty(0)
    return np.arange(recorded.minute_s[0], recorded.minute_s[-1] + 2 * MINUTE_S, MINUTE_S, dtype=np.float64)


def _reaches(moments_s: Floats, window: LabelWindow) -> bool:
    return (
        len(moments_s) > 0
        and window.end_ns / SECOND_NS >= moments_s[0]
        and window.start_ns / SECOND_NS <= moments_s[-1]
    )


def _covered(transitions: Sequence[BurnTransition], moments_s: Floats, windows: Sequence[LabelWindow]) -> bool:
    """Whether some burn alert fires during each of the windows."""
    change = np.zeros(len(moments_s), np.int64)
    for transition in transitions:
        change[np.searchsorted(moments_s, transition.at_s)] += 1 if transition.state is AlertState.FIRING else -1
    firing = np.cumsum(change) > 0
    return all(
        bool(firing[(moments_s >= w.start_ns / SECOND_NS) & (moments_s <= w.end_ns / SECOND_NS + MINUTE_S)].any())
        for w in windows
    )
