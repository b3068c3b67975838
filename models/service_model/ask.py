"""Feature matrices for the services' models, and what these make of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.service_model.model import ServiceModel
from models.state.fields import Table
from models.state.rows import Rows
from models.state.tables import SeriesLinks, State


class ModelOutput(NamedTuple):
    """What the services' models say about closed rows.

    Attributes:
        surprise_nats: float64 `(n_rows,)`, calibrated surprise of the row; NaN where the service has no model and in
            rows without cells.
        share: float64 `(n_cells,)`, the cell's part in it: what the row's distance from normal loses where the cell has
            the value that the others make expected; 0 to 1, summing to 1 over a row.
        unknown: int32 `(n_rows,)`, values of the row that the service's model has no column for.
        youth: float64 `(n_rows,)`, what the history that the model has learnt lacks of a day, 0 to 1: nobody who has
            seen an hour knows what a day is like.
    """

    surprise_nats: NDArray[np.float64]
    share: NDArray[np.float64]
    unknown: NDArray[np.int32]
    youth: NDArray[np.float64]


def ask_models(state: State, models: Mapping[int, ServiceModel], rows: Rows) -> ModelOutput:
    """Score rows with their services' models.

    Args:
        models: by service number.
    """
    n = len(rows.entity)
    output = ModelOutput(np.full(n, np.nan), np.zeros(len(rows.series)), np.zeros(n, np.int32), np.zeros(n))
    if not models or not len(rows.entity):
        return output
    service = state.entities["link_service"][rows.entity]
    service[np.diff(rows.start) == 0] = -1  # a row that tells of a silence is no row of its model
    for number, model in models.items():
        of_model = np.flatnonzero(service == number)
        if len(of_model) == 0:
            continue
        x = np.full((len(of_model), len(model.features)), np.nan)
        _gather(state.series, rows, of_model, x, output.unknown)
        output.surprise_nats[of_model], share = model.surprise(x, rows.tick_ns[of_model])
        output.youth[of_model] = model.youth
        _spread(state.series, rows, of_model, share, output.share)
    return output


@compiled
def _gather(
    table: Table, rows: Rows, of_model: NDArray[np.int64], x: NDArray[np.float64], unknown: NDArray[np.int32]
) -> None:
    for i in range(of_model.shape[0]):
        row = of_model[i]
        for cell in range(rows.start[row], rows.start[row + 1]):
            series: SeriesLinks = table[rows.series[cell]]
            column = series.link_column
            if column >= 0:
                x[i, column] = rows.value[cell]
            elif not np.isnan(rows.value[cell]):
                unknown[row] += 1


@compiled
def _spread(
    table: Table, rows: Rows, of_model: NDArray[np.int64], by_column: NDArray[np.float64], share: NDArray[np.float64]
) -> None:
    for i in range(of_model.shape[0]):
        row = of_model[i]
        for cell in range(rows.start[row], rows.start[row + 1]):
            series: SeriesLinks = table[rows.series[cell]]
            column = series.link_column
            if column >= 0:
                share[cell] = by_column[i, column]
