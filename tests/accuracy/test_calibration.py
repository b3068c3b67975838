"""A fitted model alarms on unseen rows about as often as it was calibrated to, and the product less in a first week."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.quality.calibration import false_alarms, quiet_file
from models.training.fit import fit
from tests.unit.training.test_fit import nats, table


def test_the_alarm_rate_on_unseen_rows_is_about_the_one_calibrated() -> None:
    model = fit(table(20_000), "shop", seed=1)
    quiet = table(20_000, seed=9)
    share = float(np.mean(nats(model, quiet) >= -math.log(0.01)))
    assert 0.007 < share < 0.013


@pytest.mark.parametrize("kind", ["8 metrics", "38 metrics, 20 dead"])
def test_a_first_week_of_many_metrics_has_no_more_alerts_than_asked_for(kind: str) -> None:
    """Of eight entities, so that more than one a week would be seen."""
    week = slice(7 * 1440)
    assert sum(false_alarms(quiet_file(kind, seed, week), 1.0).first for seed in range(1, 9)) <= 8
