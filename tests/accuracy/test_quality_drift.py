"""How drift detectors are judged beside one that always fires."""

import numpy as np

from benchmarks.quality.drift import BASES, CHANGES, DETECTORS, TOLERANCE, Fired, _row, delays_of

QUIET = [Fired([], 0.0)] * len(BASES)


def _figures(at: list[int], quiet: list[Fired] = QUIET) -> dict[str, float]:
    return _row("values", "some", [Fired(at, 1.0)] * len(BASES), quiet)


def test_the_first_fire_after_a_change_finds_it_and_those_that_follow_are_neither_right_nor_false() -> None:
    first = CHANGES[0]
    assert delays_of([first + 5, first + 50]) == [5]
    assert _figures([first + 5, first + 50])["precision"] == 1.0
    assert _figures([first + 5, first + 50])["found"] == 1 / 3


def test_a_fire_before_a_change_or_long_after_it_is_false() -> None:
    figures = _figures([CHANGES[0] - 1, CHANGES[0] + TOLERANCE, CHANGES[1] + 9])
    assert (figures["found"], figures["precision"]) == (1 / 3, 1 / 3)


def test_what_always_fires_finds_everything_at_little_precision() -> None:
    always = DETECTORS["always fires"](np.zeros(8064))
    figures = _figures(always, [Fired(always, 0.0)] * len(BASES))
    assert figures["found"] == 1.0
    assert figures["precision"] < 0.15
    assert figures["false_a_week"] > 5


def test_every_detector_finds_a_level_that_moves_by_ten_deviations() -> None:
    z = np.random.default_rng(0).standard_normal(2500)
    z[1200:] += 10
    for name, watch in DETECTORS.items():
        assert any(1200 <= row < 1200 + TOLERANCE for row in watch(z)), name
