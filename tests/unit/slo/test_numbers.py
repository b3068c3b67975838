"""Numbers as people read them."""

from __future__ import annotations

import pytest

from models.slo.numbers import number, percent


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(0.0, "0", id="nothing"),
        pytest.param(0.01234, "0.0123", id="three figures"),
        pytest.param(14.4, "14.4", id="a factor as the workbook writes it"),
        pytest.param(99.99, "100", id="rounded up to the next length"),
        pytest.param(1234.5, "1,234", id="thousands"),
        pytest.param(-2500.0, "-2,500", id="a negative one"),
        pytest.param(float("nan"), "unknown", id="none"),
        pytest.param(float("inf"), "inf", id="without end"),
    ],
)
def test_three_figures_where_that_is_enough(value: float, expected: str) -> None:
    assert number(value) == expected


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        pytest.param(0.99, "99%", id="two nines"),
        pytest.param(0.99951, "99.95%", id="told apart from 100 %"),
        pytest.param(1.0, "100%", id="all"),
        pytest.param(-0.5, "-50%", id="a budget that is overspent"),
        pytest.param(float("nan"), "unknown", id="none"),
    ],
)
def test_a_ratio_as_per_cent(ratio: float, expected: str) -> None:
    assert percent(ratio) == expected
