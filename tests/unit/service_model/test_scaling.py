"""Features are measured in units that neither spikes nor long tails stretch; sorting once changes no bit."""

import numpy as np
import pytest

from models.service_model.scaling import Scale, quantiles, scales_of

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 199, 200, 201, 5000])
def test_quantiles_of_sorted_values_are_those_of_numpy(n):
    values = RANDOM.standard_cauchy(n)
    at = (0.0, 0.005, 0.25, 0.5, 0.75, 0.995, 1.0)
    assert quantiles(np.sort(values), at) == np.quantile(values, at).tolist()


def by_numpy(values):
    """The scale by numpy's functions, one pass over the values for each figure."""

    def tail_ratio(of):
        low, lower, upper, high = np.quantile(of, (0.005, 0.25, 0.75, 0.995))
        return (high - low) / (upper - lower) if upper > lower else 0.0

    log_scale = float(np.median(np.abs(values))) or float(np.abs(values).mean())
    used = values
    if log_scale > 0:
        compressed = np.sign(values) * np.log1p(np.abs(values) / log_scale)
        if tail_ratio(values) > 1.1 * tail_ratio(compressed):
            used = compressed
    lower, center, upper = np.quantile(used, (0.25, 0.5, 0.75))
    scale = max((upper - lower) / 1.349, used.std())
    constant = max(abs(center), 1.0)
    return Scale(log_scale if used is not values else 0.0, center, scale if scale > 1e-12 * constant else constant)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(RANDOM.normal(100.0, 5.0, 4001), id="normal"),
        pytest.param(np.exp(RANDOM.normal(0.0, 2.0, 4000)), id="a long tail"),
        pytest.param(RANDOM.standard_cauchy(4000), id="long tails on both sides"),
        pytest.param(np.where(RANDOM.random(4000) < 0.99, 0.0, RANDOM.random(4000)), id="mostly zero"),
        pytest.param(np.full(300, 7.0), id="a constant"),
        pytest.param(np.zeros(300), id="zeros"),
        pytest.param(np.array([3.0]), id="one value"),
    ],
)
def test_scales_are_those_of_a_pass_for_each_figure(values):
    assert scales_of(values[:, None]) == [by_numpy(values)]


def test_missing_values_do_not_count_and_a_column_without_values_is_measured_in_itself():
    values = RANDOM.normal(size=500)
    gaps = values.copy()
    gaps[::3] = np.nan
    gaps[1] = np.inf
    both = scales_of(np.column_stack([gaps, np.full(500, np.nan)]))
    assert both == [by_numpy(gaps[np.isfinite(gaps)]), Scale(0.0, 0.0, 1.0)]


def test_a_long_tail_is_compressed_and_a_short_one_is_not():
    long, short = scales_of(np.column_stack([np.exp(RANDOM.normal(0.0, 2.0, 4000)), RANDOM.normal(9.0, 1.0, 4000)]))
    assert long.log_scale == pytest.approx(1.0, rel=0.1)
    assert short.log_scale == 0.0
