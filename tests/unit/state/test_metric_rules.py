"""Which changes of which metrics count."""

import numpy as np
import pytest

from infra.pipeline_config import pipeline_config
from infra.settings import load
from models.errors import Misconfigured
from models.pipeline.pipeline import Pipeline
from models.state.metric_rules import Direction, MetricRule, rule_for
from tests.unit.streams import SECOND_NS, make, model_for, noise, scores, series, table

MINUTE_NS = 60 * SECOND_NS
LEVEL, DEVIATION, N = 100.0, 2.0, 600


def _stepped(change: float) -> np.ndarray:
    values = noise(N, 3, LEVEL, DEVIATION)
    values[400:] += change
    return values


def _worst(change: float, *rules: MetricRule, modelled: bool = False) -> float:
    """Highest score after one of three metrics has changed its level."""
    columns = {series("latency_ms"): _stepped(change), series("cpu"): noise(N, 4), series("queue"): noise(N, 5)}
    pipeline = make(metric_rules=rules)
    if modelled:
        known = np.column_stack([noise(400, 7, LEVEL, DEVIATION), noise(400, 8), noise(400, 9)])
        pipeline.use_model("shop", model_for(known, ("latency_ms", "cpu", "queue")))
    folds = [pipeline.fold(table(columns, interval_ns=MINUTE_NS)), pipeline.finish()]
    return float(scores(folds, pipeline)[395:].max())


@pytest.mark.parametrize("modelled", [False, True], ids=["online detectors alone", "with a model"])
@pytest.mark.parametrize(
    ("direction", "change", "alarms"),
    [
        pytest.param(Direction.UP, 40.0, True, id="a rise, asked for rises"),
        pytest.param(Direction.UP, -40.0, False, id="a fall, asked for rises"),
        pytest.param(Direction.DOWN, 40.0, False, id="a rise, asked for falls"),
        pytest.param(Direction.DOWN, -40.0, True, id="a fall, asked for falls"),
        pytest.param(Direction.BOTH, 40.0, True, id="a rise, asked for both"),
        pytest.param(Direction.BOTH, -40.0, True, id="a fall, asked for both"),
    ],
)
def test_only_changes_in_the_direction_asked_for_alarm(direction, change, alarms, modelled):
    assert (_worst(change, MetricRule("latency_*", direction), modelled=modelled) > 1.0) is alarms


@pytest.mark.parametrize("modelled", [False, True], ids=["online detectors alone", "with a model"])
@pytest.mark.parametrize(
    ("rule", "alarms"),
    [
        pytest.param(MetricRule("latency_ms", minimum_effect=60.0), False, id="smaller than the least change"),
        pytest.param(MetricRule("latency_ms", minimum_effect=20.0), True, id="larger than the least change"),
        pytest.param(MetricRule("latency_ms", minimum_effect_ratio=0.6), False, id="a smaller share of the level"),
        pytest.param(MetricRule("latency_ms", minimum_effect_ratio=0.2), True, id="a larger share of the level"),
        pytest.param(MetricRule("cpu", minimum_effect=60.0), True, id="a rule for another metric"),
    ],
)
def test_changes_smaller_than_the_minimum_effect_do_not_alarm(rule, alarms, modelled):
    assert (_worst(40.0, rule, modelled=modelled) > 1.0) is alarms


def test_the_band_is_as_wide_as_the_minimum_effect():
    pipeline = make(metric_rules=(MetricRule("latency_ms", minimum_effect=60.0),))
    pipeline.fold(table({series("latency_ms"): _stepped(0.0)}, interval_ns=MINUTE_NS))
    latest = pipeline.latest()
    assert latest.expected_lower[0] < LEVEL - 55.0
    assert latest.expected_upper[0] > LEVEL + 55.0


def test_a_rule_holds_for_series_that_a_snapshot_brings_back():
    pipeline = make()
    pipeline.fold(table({series("latency_ms"): _stepped(0.0)[:400]}, interval_ns=MINUTE_NS))
    config = make(metric_rules=(MetricRule("latency_ms", Direction.UP),)).config
    falls = table({series("latency_ms"): _stepped(-40.0)[400:]}, first_tick=400, interval_ns=MINUTE_NS)
    for played, alarms in ((Pipeline.restore(config, pipeline.snapshot()), False), (pipeline, True)):
        assert bool(played.fold(falls).rows.score.max() > 1.0) is alarms


def test_the_first_rule_that_names_a_metric_counts():
    rules = (MetricRule("latency_p99*", Direction.DOWN), MetricRule("latency_*", Direction.UP))
    assert rule_for("latency_p99_ms", rules).direction is Direction.DOWN
    assert rule_for("latency_p50_ms", rules).direction is Direction.UP
    assert rule_for("cpu", rules).direction is Direction.BOTH


def test_rules_come_from_the_environment(monkeypatch):
    text = '[{"metric": "latency_*", "direction": "up", "minimum_effect": 5}]'
    monkeypatch.setenv("TIDEWATCH_METRIC_RULES", text)
    assert pipeline_config(load()).metric_rules == (MetricRule("latency_*", Direction.UP, 5.0),)


def test_rules_come_from_the_settings_file(monkeypatch, tmp_path):
    (tmp_path / "tidewatch.toml").write_text('[[metric_rules]]\nmetric = "errors_*"\ndirection = "up"\n')
    monkeypatch.chdir(tmp_path)
    assert load().metric_rules == (MetricRule("errors_*", Direction.UP),)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param('[{"metric": "a", "direction": "sideways"}]', "'up', 'down' or 'both'", id="no direction"),
        pytest.param('[{"metric": "a", "dir": "up"}]', "METRIC_RULES_0_DIR", id="an unknown key"),
        pytest.param('[{"metric": "a", "minimum_effect": -1}]', "from 0 up", id="a negative effect"),
    ],
)
def test_impossible_rules_are_told(monkeypatch, text, says):
    monkeypatch.setenv("TIDEWATCH_METRIC_RULES", text)
    with pytest.raises(Misconfigured, match=says):
        load()
