"""A fitted model alarms on unseen rows about as often as it was calibrated to."""

from __future__ import annotations

import math

import numpy as np

from models.training import fit
from tests.unit.test_training import nats, table


def test_the_alarm_rate_on_unseen_rows_is_about_the_one_calibrated() -> None:
    model = fit(table(20_000), "shop", seed=1)
    quiet = table(20_000, seed=9)
    share = float(np.mean(nats(model, quiet) >= -math.log(0.01)))
    assert 0.007 < share < 0.013
