"""From samples to a verdict: what is left out of a training, and what a challenger is held against."""

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from models.labels import IncidentWindow
from models.reasons import RetrainReason, TrainingOutcome
from models.training import train as challenger
from models.training.train import TrainingOrder, TrainingRules, train
from tests.unit.streams import RULE, SECOND_NS, START_NS, noise, series, table

N = 1500
RULES = TrainingRules(RULE, lateness_s=60.0, alerts_per_entity_week=1.0, min_rows=240, max_rows=200_000)


def _trained(window: IncidentWindow):
    columns = {series(metric): noise(N, seed) for seed, metric in enumerate(("cpu", "load", "queue"))}
    order = TrainingOrder("shop", "request", RetrainReason.COLD_START, incidents=(window,))
    return train(table(columns), order, None, RULES)


@pytest.mark.parametrize(
    ("suspected", "outcome"),
    [
        pytest.param(True, TrainingOutcome.PROMOTED, id="what only a detector suspected is no yardstick"),
        pytest.param(False, TrainingOutcome.KEPT_CHAMPION, id="what people or an SLO confirmed is one"),
    ],
)
def test_a_model_is_judged_by_confirmed_incidents_only(suspected, outcome):
    """The rows of the window are as ordinary as all others: a sound model cannot tell them apart."""
    window = IncidentWindow("shop/a", START_NS + 100 * SECOND_NS, START_NS + 200 * SECOND_NS, suspected)
    trained = _trained(window)
    assert trained.verdict.outcome is outcome
    assert (trained.incident_rows, trained.quiet_rows) == (100, N - 100)


def test_a_training_takes_one_core_and_gives_the_others_back(monkeypatch):
    seen = []

    def linear_algebra_threads():
        return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

    def fit(*arguments, **keywords):
        seen.extend(linear_algebra_threads())
        return whole(*arguments, **keywords)

    whole = challenger.fit
    monkeypatch.setattr(challenger, "fit", fit)
    with threadpool_limits(limits=2, user_api="blas"):
        before = linear_algebra_threads()
        _trained(IncidentWindow("shop/a", START_NS, START_NS + 100 * SECOND_NS, suspected=True))
        assert linear_algebra_threads() == before
    assert set(before) == {2}
    assert set(seen) == {1}


@pytest.mark.parametrize(
    ("hours", "suspected", "left_out"),
    [
        pytest.param(10, True, 600, id="some hours are not learnt"),
        pytest.param(14, True, 0, id="most of a day is not abnormal"),
        pytest.param(14, False, 840, id="but where somebody has confirmed it"),
    ],
)
def test_what_only_a_detector_suspects_is_left_out_of_no_more_than_half_of_a_day(hours, suspected, left_out):
    minute_ns, minutes = 60 * SECOND_NS, 3 * 1440
    columns = {series(metric): noise(minutes, seed) for seed, metric in enumerate(("cpu", "load", "queue"))}
    newest_ns = START_NS + (minutes - 1) * minute_ns
    window = IncidentWindow(
        "shop/a", newest_ns - 26 * 60 * minute_ns - hours * 60 * minute_ns, newest_ns - 26 * 60 * minute_ns, suspected
    )
    order = TrainingOrder("shop", "request", RetrainReason.COLD_START, incidents=(window,))
    trained = train(table(columns, interval_ns=minute_ns), order, None, RULES)
    assert (trained.incident_rows, trained.quiet_rows) == (left_out, minutes - left_out)
