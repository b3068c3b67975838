"""The demo's failing payments are anomalous at whatever hour it is started."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from infra.demo.production import BACKFILL_S, INTERVAL_S, SEED
from infra.demo.run import DEMO_SETTINGS, FAILING_RATIO, FAILING_SERVICE, FAULT_S
from models.pipeline.config import PipelineConfig
from models.pipeline.pipeline import Pipeline
from models.reasons import RetrainReason, TrainingOutcome
from models.records import SampleColumns
from models.synthetic.incidents import Incident, IncidentKind
from models.synthetic.services import SERVICES, Simulation
from models.training.train import TrainingOrder, TrainingRules, train
from tests.unit.streams import RULE, SECOND_NS

LIVE_S = 52
"""Seconds from the first live tick to the fault: first models, and thirty scores of this machine."""

NOT_SEEN = datetime(2026, 11, 22, 3, 38, 5, tzinfo=UTC)
"""Begin of a run, on a Sunday, in which it was not seen: for half an hour no two of three seconds had had a failed
request."""

MIN_ROWS = int(DEMO_SETTINGS["training_min_rows"])


def _of_failing_service(samples: SampleColumns) -> SampleColumns:
    """What the simulation tells of the service: others share neither entities nor models with it."""
    mine = np.array([f'service="{FAILING_SERVICE}"' in text for text in samples.series_ids])[samples.series]
    return SampleColumns(samples.series_ids, samples.series[mine], samples.event_time_ns[mine], samples.values[mine])


def _peaks(live_from: datetime) -> list[float]:
    """Highest score of each instance during the fault of a demo whose first live tick is then."""
    start_ns = (int(live_from.timestamp()) - int(BACKFILL_S)) * SECOND_NS
    simulation = Simulation(list(SERVICES.values()), seed=SEED, start_ns=start_ns, interval_s=INTERVAL_S)
    pipeline = Pipeline(PipelineConfig(RULE, training_min_rows=MIN_ROWS))
    history = _of_failing_service(simulation.columns(simulation.block(int(BACKFILL_S))))
    pipeline.fold(history)
    order = TrainingOrder(FAILING_SERVICE, "cold-start:1", RetrainReason.COLD_START)
    trained = train(history, order, None, TrainingRules(RULE, 60.0, 1.0, MIN_ROWS, 200_000))
    assert trained.verdict.outcome is TrainingOutcome.PROMOTED
    pipeline.use_model(FAILING_SERVICE, replace(trained.model, version="1"))
    pipeline.fold(_of_failing_service(simulation.columns(simulation.block(LIVE_S))))
    simulation.inject(Incident(FAILING_SERVICE, IncidentKind.ERRORS, simulation.elapsed_s, FAULT_S, FAILING_RATIO))
    rows = pipeline.fold(_of_failing_service(simulation.columns(simulation.block(int(FAULT_S))))).rows
    return [float(rows.score[rows.entity == number].max()) for number in range(len(pipeline.entities))]


def test_failing_payments_are_anomalous_on_the_sunday_night_on_which_they_were_not() -> None:
    assert min(_peaks(NOT_SEEN)) > 1.1


@pytest.mark.parametrize("day", range(7))
def test_failing_payments_are_anomalous_at_any_time_of_the_week(day: int) -> None:
    # four times a day that are other ones on every day
    starts = [NOT_SEEN + timedelta(days=day, minutes=51 * day + 360 * quarter) for quarter in range(4)]
    assert min(max(_peaks(start)) for start in starts) > 1.1
