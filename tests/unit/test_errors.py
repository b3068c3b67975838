"""Three meanings of an error, each with what a person or a metric needs."""

from __future__ import annotations

import pytest

from models.errors import Misconfigured, Rejected, TidewatchError, Unavailable
from models.reasons import RejectReason


@pytest.mark.parametrize(
    ("error", "text"),
    [
        pytest.param(Rejected(RejectReason.TOO_OLD, "m{}"), "too-old: m{}", id="rejected, with a detail"),
        pytest.param(Rejected(RejectReason.TOO_OLD), "too-old", id="rejected, without"),
        pytest.param(Unavailable("kafka", "timed out"), "kafka is unavailable: timed out", id="unavailable"),
        pytest.param(Misconfigured("set TIDEWATCH_KAFKA"), "set TIDEWATCH_KAFKA", id="misconfigured"),
    ],
)
def test_every_error_has_one_root_and_one_line(error: TidewatchError, text: str) -> None:
    assert isinstance(error, TidewatchError)
    assert str(error) == text


def test_errors_carry_what_metrics_are_labelled_with() -> None:
    assert Rejected(RejectReason.TOO_OLD, "m{}").reason is RejectReason.TOO_OLD
    assert Unavailable("kafka", "timed out").dependency == "kafka"


def test_no_meaning_is_a_kind_of_another() -> None:
    meanings = (Rejected, Unavailable, Misconfigured)
    assert not any(issubclass(one, other) for one in meanings for other in meanings if one is not other)
