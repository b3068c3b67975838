"""From samples to a verdict: what is left out of a training, and what a challenger is held against."""

import pytest

from models.challenger import TrainingOrder, TrainingRules, train
from models.reasons import RetrainReason, TrainingOutcome
from models.training_table import IncidentWindow
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
