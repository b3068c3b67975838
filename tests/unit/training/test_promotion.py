"""Who is promoted: decisions on simulated tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from models.reasons import PromotionReason, RetrainReason, TrainingOutcome
from models.service_model.model import ServiceModel
from models.training.fit import fit
from models.training.fitness import Fitness
from models.training.promotion import NEWER_BY_NS, PromotionDecision, decide, judge
from models.training.table import TrainingTable, cut
from tests.unit.training.test_fit import table

NO_INCIDENTS = table().take(np.zeros(2000, bool))


def verdict(
    challenger: ServiceModel,
    champion: ServiceModel | None,
    quiet: TrainingTable,
    reason: RetrainReason,
    incidents: TrainingTable = NO_INCIDENTS,
) -> PromotionDecision:
    return judge(challenger, champion, quiet, incidents, reason, alerts_per_entity_week=1.0, seed=7)


@pytest.fixture(scope="module")
def champion() -> ServiceModel:
    return fit(table(), "shop", seed=1)


@pytest.fixture(scope="module")
def shifted() -> ServiceModel:
    return fit(table(seed=3, shift=400.0), "shop", seed=2)


def garbage(model: ServiceModel) -> ServiceModel:
    """A model that looks at nothing: every row is the same to it."""
    return replace(model, whitening=model.whitening._replace(matrix=np.zeros_like(model.whitening.matrix)))


def test_a_first_model_that_fits_is_promoted(champion: ServiceModel) -> None:
    result = verdict(champion, None, table(seed=5), RetrainReason.COLD_START)
    assert result.promote
    assert result.reason is PromotionReason.FIRST_MODEL
    assert result.sentence.startswith("first model: separation 1.00, ")


def test_after_a_shift_the_champion_is_judged_worse_and_replaced(champion: ServiceModel, shifted: ServiceModel) -> None:
    result = verdict(shifted, champion, table(seed=5, shift=400.0), RetrainReason.DRIFT)
    assert result.outcome is TrainingOutcome.PROMOTED
    assert result.figures["champion_surprise"] > 4 * result.figures["challenger_surprise"]
    assert (result.figures["champion_fits"], result.figures["challenger_fits"]) == (0.0, 1.0)


def one_after_another(first: TrainingTable, then: TrainingTable) -> tuple[TrainingTable, int]:
    """Both as one table, and when the second begins."""
    since_ns = int(first.tick_ns[-1]) + 1
    rows = TrainingTable(
        first.features,
        first.entities,
        np.concatenate([first.x, then.x]),
        np.concatenate([first.entity, then.entity]),
        np.concatenate([first.tick_ns, then.tick_ns + since_ns]),
        first.interval_s,
    )
    return rows, since_ns


def test_the_verdict_says_since_when_the_champion_no_longer_fits(champion: ServiceModel) -> None:
    rows, since_ns = one_after_another(table(1000, seed=3), table(500, seed=4, shift=400.0))
    parts = cut(rows)
    challenger = fit(rows, "shop", seed=1, parts=parts)
    result = verdict(challenger, champion, parts.judge, RetrainReason.DRIFT)
    assert result.promote, result.sentence
    since_s = result.figures["champion_unfit_since_s"]
    assert since_s == pytest.approx(since_ns / 1e9, abs=600)
    assert f" since {datetime.fromtimestamp(since_s, UTC):%Y-%m-%d %H:%M} UTC)" in result.sentence
    assert "challenger_unfit_since_s" not in result.figures


def test_a_shift_that_only_the_last_rows_show_is_learnt_and_judged_by_them(champion: ServiceModel) -> None:
    rows, since_ns = one_after_another(table(90, seed=3), table(30, seed=4, shift=400.0))
    parts = cut(rows)
    challenger = fit(rows, "shop", seed=1, parts=parts)
    result = judge(
        challenger,
        champion,
        parts.judge,
        NO_INCIDENTS,
        RetrainReason.DRIFT,
        alerts_per_entity_week=1.0,
        seed=7,
        since_ns=since_ns,
    )
    assert (result.figures["champion_fits"], result.figures["challenger_fits"]) == (0.0, 1.0)
    assert result.sentence.startswith("fits the new normal (surprise ")


def test_without_a_shift_a_challenger_from_elsewhere_is_not_promoted(
    champion: ServiceModel, shifted: ServiceModel
) -> None:
    result = verdict(shifted, champion, table(seed=5), RetrainReason.DRIFT)
    assert result.outcome is TrainingOutcome.KEPT_CHAMPION


@pytest.mark.parametrize("reason", list(RetrainReason))
def test_garbage_is_never_promoted(champion: ServiceModel, reason: RetrainReason) -> None:
    for present in (champion, None):
        result = verdict(garbage(champion), present, table(seed=5), reason)
        assert result.outcome is TrainingOutcome.KEPT_CHAMPION
        assert "does not tell faults from quiet rows" in result.sentence


@pytest.mark.parametrize("reason", [RetrainReason.STALE, RetrainReason.REQUESTED, RetrainReason.DRIFT])
def test_an_equal_is_not_promoted(champion: ServiceModel, reason: RetrainReason) -> None:
    result = verdict(fit(table(seed=4), "shop", seed=9), champion, table(seed=5), reason)
    assert result.outcome is TrainingOutcome.KEPT_CHAMPION
    assert result.sentence.startswith("no better than the champion")


def test_an_equal_that_has_learnt_a_day_more_is_promoted(champion: ServiceModel) -> None:
    newer = replace(fit(table(seed=4), "shop", seed=9), trained_to_ns=champion.trained_to_ns + NEWER_BY_NS)
    result = verdict(newer, champion, table(seed=5), RetrainReason.STALE)
    assert result.promote
    assert result.sentence.startswith("has learnt more and is no worse")


def test_an_equal_that_has_learnt_twice_as_long_is_promoted(champion: ServiceModel) -> None:
    longer = fit(table(seed=4), "shop", seed=9)
    longer = replace(longer, trained_from_ns=longer.trained_to_ns - 2 * champion.learnt_ns)
    result = verdict(longer, champion, table(seed=5), RetrainReason.STALE)
    assert result.promote


def test_a_challenger_that_looks_at_a_new_feature_is_promoted(champion: ServiceModel) -> None:
    narrow_table = table()
    narrow = fit(replace(narrow_table, features=narrow_table.features[:2], x=narrow_table.x[:, :2]), "shop", seed=1)
    result = verdict(champion, narrow, table(seed=5), RetrainReason.FEATURES_CHANGED)
    assert result.promote


def test_known_incidents_count(champion: ServiceModel) -> None:
    incidents = table(50, seed=6)
    incidents.x[:, 0] *= 20.0
    matrix = champion.whitening.matrix.copy()
    matrix[champion.features.index("latency_ms"), :] = 0.0
    blind = replace(champion, whitening=champion.whitening._replace(matrix=matrix))
    result = verdict(champion, blind, table(seed=5), RetrainReason.REQUESTED, incidents)
    assert result.promote
    assert result.figures["challenger_separation_incidents"] > 0.95
    assert result.figures["champion_separation_incidents"] < 0.7


def test_the_figures_are_finite_and_the_same_twice(champion: ServiceModel, shifted: ServiceModel) -> None:
    first = verdict(shifted, champion, table(seed=5), RetrainReason.STALE)
    assert np.isfinite(list(first.figures.values())).all()
    assert first == verdict(shifted, champion, table(seed=5), RetrainReason.STALE)


def fitness(
    separation: float = 0.9, *, fits: bool = True, alarms: float = 1.0, coverage: float = 1.0, surprise: float = 1.0
) -> Fitness:
    return Fitness(alarms, surprise, fits, separation, float("nan"), coverage)


DRIFT, STALE = RetrainReason.DRIFT, RetrainReason.STALE


@pytest.mark.parametrize(
    ("new", "old", "asked", "newer", "expected"),
    [
        (
            fitness(0.55),
            fitness(),
            DRIFT,
            True,
            (
                PromotionReason.DOES_NOT_SEPARATE,
                "the challenger does not tell faults from quiet rows (separation 0.55)",
            ),
        ),
        (
            fitness(),
            None,
            STALE,
            False,
            (PromotionReason.FIRST_MODEL, "first model: separation 0.90, alarm ratio 1.00"),
        ),
        (
            fitness(fits=False, surprise=4.0),
            None,
            STALE,
            False,
            (
                PromotionReason.FIRST_DOES_NOT_FIT,
                "the first model does not fit the history it comes from (surprise 4.00, not 1)",
            ),
        ),
        (
            fitness(),
            fitness(fits=False, surprise=4.0),
            DRIFT,
            False,
            (
                PromotionReason.FITS_NEW_NORMAL,
                "fits the new normal (surprise 1.00, 1 is perfect), where the champion does not (4.00)",
            ),
        ),
        (
            fitness(fits=False, surprise=4.0),
            fitness(),
            DRIFT,
            True,
            (
                PromotionReason.DOES_NOT_FIT,
                "the challenger does not fit the history (surprise 4.00, not 1); the champion does",
            ),
        ),
        (
            fitness(),
            fitness(coverage=0.9),
            STALE,
            False,
            (PromotionReason.COVERS_MORE, "looks at 100% of the features alive, the champion at 90%"),
        ),
        (
            fitness(0.95),
            fitness(0.9),
            STALE,
            False,
            (PromotionReason.SEPARATES_BETTER, "separates better (0.950 against 0.900)"),
        ),
        (
            fitness(alarms=1.0),
            fitness(alarms=2.0),
            STALE,
            False,
            (
                PromotionReason.ALARM_RATE_CLOSER,
                "its false-alarm rate is closer to the one asked for (ratio 1.00 against 2.00)",
            ),
        ),
        (
            fitness(0.89),
            fitness(0.9),
            STALE,
            True,
            (PromotionReason.LEARNT_MORE, "has learnt more and is no worse: separation 0.890 against 0.900"),
        ),
        (
            fitness(),
            fitness(),
            STALE,
            False,
            (
                PromotionReason.NO_BETTER,
                "no better than the champion: separation 0.900 against 0.900, alarm ratio 1.00 against 1.00",
            ),
        ),
    ],
    ids=lambda value: value[0].value if isinstance(value, tuple) else "",
)
def test_every_reason_has_its_outcome_and_its_sentence(
    new: Fitness,
    old: Fitness | None,
    asked: RetrainReason,
    newer: bool,
    expected: tuple[PromotionReason, str],
) -> None:
    assert decide(new, old, asked, newer=newer) == expected


def test_a_reason_promotes_or_the_champion_stays() -> None:
    promoting = {why for why in PromotionReason if why.promotes}
    assert len(promoting) == 6
    assert {why.outcome for why in promoting} == {TrainingOutcome.PROMOTED}
    assert {why.outcome for why in set(PromotionReason) - promoting} == {TrainingOutcome.KEPT_CHAMPION}
