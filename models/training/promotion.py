"""Challenger against champion: promote what is better, or what fits where the other no longer does."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from models.reasons import PromotionReason, RetrainReason, TrainingOutcome
from models.service_model.model import ServiceModel
from models.timestamps import DAY_NS, to_datetime
from models.training.fitness import Fitness, HeldBackRows
from models.training.table import TrainingTable
from models.training.triggers import CHANGED

MIN_SEPARATION: Final = 0.6
"""A model that tells faults from quiet rows worse than this (0.5 is a coin) is not served, whatever else it does."""

BETTER_BY: Final = 0.01
"""Difference in separation that counts: about one standard error with a thousand rows."""

NEWER_BY_NS: Final = DAY_NS
"""A challenger that has learnt a day more takes over unless it is worse: what is normal wanders, and what a champion is
held against is the history that both know. While trying policies on one machine, keeping the champion lost .17 VUS-PR
against always promoting. So does one that has learnt `TWICE` as long, and the first that knows a day."""

TWICE: Final = 1.8
"""A model is asked for when its champion has served as long as it has learnt; the newest minutes are still on their
way."""

NO_WORSE_THAN: Final = 0.05
"""Separation that a day of news may cost: five times what counts as a difference, as faults are put in at random."""

FITS_BETTER_BY: Final = 0.3
"""Difference in |ln alarm ratio| that counts: a factor of 1.35 in the false-alarm rate."""


@dataclass(frozen=True, slots=True)
class PromotionDecision:
    """A decision with its sentence for people, and the figures it rests on (finite, for the registry)."""

    reason: PromotionReason
    sentence: str
    figures: Mapping[str, float]

    @property
    def promote(self) -> bool:
        """Whether the challenger takes over."""
        return self.reason.promotes

    @property
    def outcome(self) -> TrainingOutcome:
        """How the request ends."""
        return self.reason.outcome


def judge(
    challenger: ServiceModel,
    champion: ServiceModel | None,
    quiet: TrainingTable,
    incidents: TrainingTable,
    reason: RetrainReason,
    *,
    alerts_per_entity_week: float,
    seed: int,
    since_ns: int | None = None,
) -> PromotionDecision:
    """Whether the challenger takes over.

    Args:
        quiet: held-back quiet rows, from all of the history that counts now, the newest included.
        incidents: rows of known incidents; may be empty.
        reason: why it was trained. Where the world is known to have changed (drift, features), fitting the new quiet is
            enough when the champion does not; else the challenger has to be better.
        alerts_per_entity_week: the false-alarm rate asked for.
        seed: of the faults that are put in; the same seed judges the same.
        since_ns: event time of a known change: what fits has to fit the rows since then. None: all quiet rows.
    """
    models = [challenger] if champion is None else [challenger, champion]
    rows = HeldBackRows(
        quiet, incidents, models, since_ns=since_ns, alerts_per_entity_week=alerts_per_entity_week, seed=seed
    )
    new = rows.fitness(challenger)
    old = None if champion is None else rows.fitness(champion)
    newer = champion is not None and _has_learnt_more(challenger, champion)
    why, sentence = decide(new, old, reason, newer=newer)
    figures = {f"challenger_{name}": value for name, value in new.figures.items()}
    if old is not None:
        figures |= {f"champion_{name}": value for name, value in old.figures.items()}
    figures |= {"judged_rows": float(len(quiet)), "incident_rows": float(len(incidents)), "judged_rate": rows.rate}
    return PromotionDecision(why, sentence, figures)


def _has_learnt_more(challenger: ServiceModel, champion: ServiceModel) -> bool:
    a_day = challenger.trained_to_ns - champion.trained_to_ns >= NEWER_BY_NS
    twice = challenger.learnt_ns >= TWICE * champion.learnt_ns
    return a_day or twice or (champion.is_young and not challenger.is_young)


def decide(new: Fitness, old: Fitness | None, asked: RetrainReason, *, newer: bool) -> tuple[PromotionReason, str]:
    """Whether the challenger takes over and why, with a sentence for people.

    Args:
        new: the challenger's fitness.
        old: the champion's; None where there is none.
        asked: why the challenger was trained.
        newer: whether the challenger has learnt more.
    """
    why = _reason(new, old, asked, newer=newer)
    return why, _sentence(why, new, old)


def _reason(new: Fitness, old: Fitness | None, asked: RetrainReason, *, newer: bool) -> PromotionReason:
    if not new.worst_separation >= MIN_SEPARATION:
        return PromotionReason.DOES_NOT_SEPARATE
    if old is None:
        return PromotionReason.FIRST_MODEL if new.fits else PromotionReason.FIRST_DOES_NOT_FIT
    changed = asked in CHANGED or asked is RetrainReason.COLD_START
    if changed and new.fits and not old.fits:
        return PromotionReason.FITS_NEW_NORMAL
    if not new.fits and old.fits:
        return PromotionReason.DOES_NOT_FIT
    if new.coverage > old.coverage + 0.05 and new.worst_separation >= old.worst_separation - BETTER_BY and new.fits:
        return PromotionReason.COVERS_MORE
    gain = new.worst_separation - old.worst_separation
    fit_gain = abs(math.log(old.alarm_ratio)) - abs(math.log(new.alarm_ratio))
    if gain > BETTER_BY and fit_gain > -FITS_BETTER_BY:
        return PromotionReason.SEPARATES_BETTER
    if fit_gain > FITS_BETTER_BY and gain > -BETTER_BY:
        return PromotionReason.ALARM_RATE_CLOSER
    if newer and new.fits and gain >= -NO_WORSE_THAN:
        return PromotionReason.LEARNT_MORE
    return PromotionReason.NO_BETTER


def _sentence(why: PromotionReason, new: Fitness, old: Fitness | None) -> str:
    """The reason in words, with the figures that it rests on."""
    match why:
        case PromotionReason.DOES_NOT_SEPARATE:
            return f"the challenger does not tell faults from quiet rows (separation {new.worst_separation:.2f})"
        case PromotionReason.FIRST_DOES_NOT_FIT:
            return f"the first model does not fit the history it comes from (surprise {new.surprise:.2f}, not 1)"
        case PromotionReason.DOES_NOT_FIT:
            return f"the challenger does not fit the history (surprise {new.surprise:.2f}, not 1); the champion does"
    if old is None:
        return f"first model: separation {new.worst_separation:.2f}, alarm ratio {new.alarm_ratio:.2f}"
    separations = f"{new.worst_separation:.3f} against {old.worst_separation:.3f}"
    ratios = f"{new.alarm_ratio:.2f} against {old.alarm_ratio:.2f}"
    match why:
        case PromotionReason.FITS_NEW_NORMAL:
            return (
                f"fits the new normal (surprise {new.surprise:.2f}, 1 is perfect), where the champion does not "
                f"({old.surprise:.2f}{_since(old)})"
            )
        case PromotionReason.COVERS_MORE:
            return f"looks at {new.coverage:.0%} of the features alive, the champion at {old.coverage:.0%}"
        case PromotionReason.SEPARATES_BETTER:
            return f"separates better ({separations})"
        case PromotionReason.ALARM_RATE_CLOSER:
            return f"its false-alarm rate is closer to the one asked for (ratio {ratios})"
        case PromotionReason.LEARNT_MORE:
            return f"has learnt more and is no worse: separation {separations}"
    return f"no better than the champion: separation {separations}, alarm ratio {ratios}"


def _since(fitness: Fitness) -> str:
    """The end of a sentence on a model that does not fit."""
    if fitness.unfit_since_ns is None:
        return ""
    return f" since {to_datetime(fitness.unfit_since_ns):%Y-%m-%d %H:%M} UTC"
