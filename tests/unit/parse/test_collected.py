"""Samples and rejects of one parse call become columns in the records' order."""

from __future__ import annotations

import numpy as np
import pytest

from models.errors import Rejected
from models.parse.collected import Collected
from models.parse.fast.native_batch import Read
from models.parse.known_series import KnownSeries
from models.parse.outcome import Limits, Parsed
from models.reasons import RejectReason
from models.series import EntityRule

RULE = EntityRule(("service",), ("instance",), "host")
NOW_NS = 1_700_000_000 * 10**9
LIMITS = Limits(max_future_s=300.0, max_age_s=3600.0, max_series_per_service=3)


def collected(limits: Limits = LIMITS) -> Collected:
    out = Collected(KnownSeries(limits, RULE))
    out.known.begin(NOW_NS)
    return out


def finished(out: Collected, n_records: int = 1, read: tuple[Read, ...] = ()) -> Parsed:
    return out.finish(LIMITS, np.full(n_records, NOW_NS, np.int64), None, read)


def reasons(parsed: Parsed) -> list[tuple[int, RejectReason, int]]:
    return [(reject.record, reject.reason, reject.samples) for reject in parsed.rejected]


def test_columns_number_the_series_that_occur() -> None:
    out = collected()
    for name, value in (("b", 1.0), ("a", 2.0), ("b", 3.0)):
        out.add(0, (name, b"{}"), value, NOW_NS)
    parsed = finished(out)
    assert parsed.columns.series_ids == ["b{}", "a{}"]
    assert parsed.columns.series.tolist() == [0, 1, 0]
    assert parsed.columns.values.tolist() == [1.0, 2.0, 3.0]
    assert parsed.record.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("value", "time_ns", "reason"),
    [
        pytest.param(float("inf"), NOW_NS, RejectReason.NOT_FINITE, id="an infinite value"),
        pytest.param(1.0, NOW_NS + 301 * 10**9, RejectReason.IN_THE_FUTURE, id="a time beyond the producer's clock"),
        pytest.param(1.0, NOW_NS - 3601 * 10**9, RejectReason.TOO_OLD, id="a time beyond the age"),
        pytest.param(1.0, -(2**63) + 1, RejectReason.TOO_OLD, id="the oldest time that 64 bits hold"),
        pytest.param(1.0, 2**63 - 1, RejectReason.IN_THE_FUTURE, id="the newest time that 64 bits hold"),
    ],
)
def test_a_sample_out_of_bounds_is_a_reject_and_not_a_sample(value: float, time_ns: int, reason: RejectReason) -> None:
    out = collected()
    out.add(0, ("good", b"{}"), 1.0, NOW_NS)
    out.add(0, ("bad", b"{}"), value, time_ns)
    parsed = finished(out)
    assert parsed.columns.series_ids == ["good{}"]
    assert reasons(parsed) == [(0, reason, 1)]
    assert parsed.rejected[0].detail.startswith("bad{}")


def test_a_sample_at_the_bounds_is_taken() -> None:
    out = collected()
    for time_ns in (NOW_NS + 300 * 10**9, NOW_NS - 3600 * 10**9):
        out.add(0, ("m", b"{}"), 1.0, time_ns)
    assert (len(finished(out).columns), out.seen) == (2, 2)


def test_the_future_is_measured_from_when_the_records_were_read() -> None:
    out = collected()
    out.add(0, ("m", b"{}"), 1.0, NOW_NS)
    parsed = out.finish(LIMITS, np.array([NOW_NS]), NOW_NS - 600 * 10**9, ())
    assert reasons(parsed) == [(0, RejectReason.IN_THE_FUTURE, 1)]


def test_what_was_read_at_once_takes_its_place_among_the_rest() -> None:
    out = collected()
    out.add(0, ("a", b"{}"), 1.0, NOW_NS)
    out.add(2, ("a", b"{}"), 3.0, NOW_NS)
    quick = Read(np.array([1, 1], np.int32), np.zeros(2, np.int32), np.full(2, NOW_NS), np.array([2.0, 2.5]))
    parsed = finished(out, n_records=3, read=(quick,))
    assert parsed.record.tolist() == [0, 1, 1, 2]
    assert parsed.columns.values.tolist() == [1.0, 2.0, 2.5, 3.0]


def test_rejects_of_one_record_and_reason_are_one_with_the_first_one_s_detail() -> None:
    out = collected()
    out.reject(1, Rejected(RejectReason.WRONG_TYPE, "first" + "x" * 300))
    out.reject(1, Rejected(RejectReason.WRONG_TYPE, "second"))
    out.reject(0, Rejected(RejectReason.WRONG_TYPE, "another record"))
    parsed = finished(out, n_records=2)
    assert reasons(parsed) == [(0, RejectReason.WRONG_TYPE, 1), (1, RejectReason.WRONG_TYPE, 2)]
    assert parsed.rejected[1].detail == "first" + "x" * 195


def test_a_series_beyond_its_service_s_limit_is_a_reject() -> None:
    out = collected()
    for name in "abcd":
        out.add(0, (name, b"{}"), 1.0, NOW_NS)
    parsed = finished(out)
    assert parsed.columns.series_ids == ["a{}", "b{}", "c{}"]
    assert reasons(parsed) == [(0, RejectReason.TOO_MANY_SERIES, 1)]


def test_without_a_time_the_record_s_own_counts() -> None:
    assert collected().time_ns(None, 7) == 7
    assert collected().time_ns(1_700_000_000, 7) == NOW_NS
