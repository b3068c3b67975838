"""What follows from verdicts: thresholds within bounds, labels, windows for training."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.alerting.feedback import HIGHEST, LOWEST, STEP, Mark, Verdict, label_windows, threshold_factor, with_marks
from models.labels import IncidentWindow, LabelWindow
from tests.unit.streams import make, noise, scores, series, table

NOISE, USEFUL, MISSED = Verdict.NOISE, Verdict.USEFUL, Verdict.MISSED


def marks(*verdicts: tuple[Verdict, float | None], slo: str = "") -> list[Mark]:
    return [Mark(n, verdict, "shop", "shop/a", slo, 10, 20, peak) for n, (verdict, peak) in enumerate(verdicts)]


@pytest.mark.parametrize(
    ("said", "factor"),
    [
        pytest.param([], 1.0, id="nothing was said"),
        pytest.param([(NOISE, 3.0)], STEP, id="noise raises it by a step at most"),
        pytest.param([(NOISE, 1.02)], 1.071, id="weak noise raises it just above itself"),
        pytest.param([(NOISE, 0.8)], 1.0, id="noise that the present threshold would not alert on changes nothing"),
        pytest.param([(MISSED, None)], 1 / STEP, id="what was missed lowers it by a step"),
        pytest.param([(NOISE, 3.0), (MISSED, None)], 1.0, id="one of each cancel out"),
        pytest.param([(NOISE, 3.0)] * 30, HIGHEST, id="it never gets deaf"),
        pytest.param([(MISSED, None)] * 30, LOWEST, id="nor hysterical"),
        pytest.param([(NOISE, 3.0)] * 5 + [(USEFUL, 1.2)], 1.08, id="it stays below what was useful"),
        pytest.param([(USEFUL, 5.0)], 1.0, id="what was useful alone changes nothing"),
    ],
)
def test_a_threshold_follows_what_was_said(said: list[tuple[Verdict, float | None]], factor: float) -> None:
    assert threshold_factor(marks(*said)) == pytest.approx(factor)


def test_verdicts_on_burn_alerts_leave_the_anomaly_threshold_alone() -> None:
    assert threshold_factor(marks((NOISE, None), (MISSED, None), (MISSED, None), slo="latency")) == 1.0


verdicts = st.lists(st.tuples(st.sampled_from(list(Verdict)), st.none() | st.floats(0.5, 50.0)), max_size=12)


@given(verdicts, st.randoms())
def test_a_factor_is_bounded_and_depends_on_the_verdicts_that_stand_only(
    said: list[tuple[Verdict, float | None]], chance: object
) -> None:
    found = marks(*said)
    factor = threshold_factor(found)
    assert LOWEST <= factor <= HIGHEST
    shuffled = list(found)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert threshold_factor(shuffled) == factor


def test_a_higher_factor_lowers_every_later_score_and_no_earlier_one() -> None:
    values = {series("latency_ms"): noise(400, 1, 100.0, 3.0)}
    values[series("latency_ms")][300:320] += 60
    samples = table(values)
    usual, raised = make(), make()
    first, second = usual.fold(samples), []
    cut = 305
    for part in (slice(0, cut), slice(cut, None)):
        if part.start:
            raised.use_threshold("shop", 2.0)
        ticks = table({text: column[part] for text, column in values.items()}, first_tick=part.start or 0)
        second.append(raised.fold(ticks))
    one, other = scores([first], usual), scores(second, raised)
    assert one[: cut - 1].tobytes() == other[: cut - 1].tobytes()
    assert (other[cut + 1 : cut + 10] < one[cut + 1 : cut + 10]).all()
    assert raised.thresholds == {"shop": 2.0}


def test_a_threshold_survives_a_snapshot() -> None:
    pipeline = make()
    pipeline.fold(table({series("latency_ms"): noise(50, 1)}))
    pipeline.use_threshold("shop", 1.3)
    assert type(pipeline).restore(pipeline.config, pipeline.snapshot()).thresholds == {"shop": 1.3}


def test_training_learns_noise_and_leaves_out_what_was_missed() -> None:
    windows = [IncidentWindow("shop/a", 5, 15), IncidentWindow("shop/b", 5, 15), IncidentWindow("", 12, 30)]
    said = [
        Mark(1, NOISE, "shop", "shop/a", "", 10, 20),
        Mark(2, MISSED, "shop", "shop/c", "", 40, 50),
        Mark(3, USEFUL, "shop", "", "latency", 60, 70),
    ]
    assert with_marks(windows, said) == [
        IncidentWindow("shop/b", 5, 15),
        IncidentWindow("", 12, 30),
        IncidentWindow("shop/c", 40, 51),
        IncidentWindow("", 60, 71),
    ]
    whole_service = [Mark(1, NOISE, "shop", "", "latency", 10, 20)]
    assert with_marks(windows, whole_service) == []


def test_labels_name_entities_and_noise_names_its_slo() -> None:
    said = [
        Mark(1, NOISE, "shop", "", "latency", 10, 20),
        Mark(2, MISSED, "shop", "shop/c", "", 40, 50),
        Mark(3, USEFUL, "shop", "", "latency", 60, 70),
    ]
    assert label_windows(said, noise=True) == [LabelWindow("latency", 10, 20)]
    assert label_windows(said, noise=False) == [LabelWindow("shop/c", 40, 50), LabelWindow("shop", 60, 70)]
