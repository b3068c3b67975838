"""Values of a series as its drift detector sees them: in units of the series as it was when the detector started."""

from __future__ import annotations

import math
from typing import Annotated, Protocol

import numpy as np

from models.compiled import compiled
from models.detectors import residual
from models.detectors.residual import ResidualSeries
from models.state.fields import F8, Field

REFERENCE_ROWS = 100
"""Rows of a series before drift has a frame of reference."""

DRIFT_LIMIT = 20.0
"""Units up to which drift sees values as they are; logarithms beyond, so that one spike does not make a mean."""


class DriftFrame(Protocol):
    """Level and scale that count as 0 and 1, NaN before they are known."""

    drift_ref_level: Annotated[float, Field("f8", start=math.nan)]
    drift_ref_scale: F8


class FramedSeries(DriftFrame, ResidualSeries, Protocol):
    """And the level, scale and range that they are taken from."""


@compiled
def framed(series: FramedSeries, value: float) -> float:
    """A value in units of the series' frame; NaN before there is one, and where the value is missing."""
    if np.isnan(series.drift_ref_level):
        if series.residual_n < REFERENCE_ROWS:
            return np.nan
        series.drift_ref_level = series.residual_level[1]
        # a sixth of the range: what the series has been through is not a change of it
        series.drift_ref_scale = max(residual.unit(series, 1), (series.residual_high - series.residual_low) / 6.0)
    z = (value - series.drift_ref_level) / series.drift_ref_scale
    if abs(z) <= DRIFT_LIMIT:
        return float(z)
    return math.copysign(DRIFT_LIMIT * (1.0 + math.log(abs(z) / DRIFT_LIMIT)), z)
