"""A model that has seen half an hour wakes nobody because the next hours are other ones."""

from __future__ import annotations

from benchmarks.causes.play import RULE, START_NS
from models.evaluation.backtest import Backtest
from models.pipeline.config import PipelineConfig
from models.pipeline.pipeline import Pipeline
from models.synthetic.services import SERVICES, Simulation
from models.training.train import TrainingRules


def test_the_first_hours_of_a_quiet_service_are_quiet() -> None:
    service = SERVICES["checkout"]
    pipeline = Pipeline(PipelineConfig(RULE))
    backtest = Backtest(pipeline, TrainingRules(RULE, 30.0, 1.0, 512, 20_000), cooldown_s=600.0, history_s=604_800.0)
    simulation = Simulation([service], seed=3, start_ns=START_NS, interval_s=10.0, incidents=())
    samples = simulation.columns(simulation.block(4 * 360))
    told = {episode.id for folded in backtest.play(samples) for episode in folded.emitted}
    assert any(training.version for training in backtest.trainings), "a model serves"
    assert len(told) <= 2 * len(service.instance_names)
