"""The bounds of a parse call: each limit gives its own reason, and is itself allowed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from models.parse import Parser
from models.parse.outcome import Limits, Parsed
from models.reasons import RejectReason
from models.series import EntityRule

NOW_S = 1_700_000_000
LIMITS = Limits(max_record_bytes=500, max_labels=2, max_series_per_service=1, max_future_s=10.0, max_age_s=60.0)


def parse(**members: object) -> Parsed:
    record = json.dumps({"metric": "m", "value": 1, **members}).encode()
    return Parser(LIMITS, EntityRule(("service",), (), "host")).parse([record], [NOW_S * 10**9])


AT_THE_LIMIT = [
    pytest.param({"pad": "x" * 462}, id="a record as long as allowed"),
    pytest.param({"labels": {"a": "1", "b": "2"}}, id="as many labels as allowed"),
    pytest.param({"timestamp": NOW_S + 10}, id="as far ahead as allowed"),
    pytest.param({"timestamp": NOW_S - 60}, id="as old as allowed"),
]
BEYOND = [
    pytest.param({"pad": "x" * 463}, RejectReason.TOO_LARGE, id="a byte more"),
    pytest.param({"labels": {"a": "1", "b": "2", "c": "3"}}, RejectReason.TOO_MANY_LABELS, id="a label more"),
    pytest.param({"timestamp": NOW_S + 10.001}, RejectReason.IN_THE_FUTURE, id="a millisecond farther ahead"),
    pytest.param({"timestamp": NOW_S - 60.001}, RejectReason.TOO_OLD, id="a millisecond older"),
]


@pytest.mark.parametrize("members", AT_THE_LIMIT)
def test_a_limit_itself_is_allowed(members: dict[str, object]) -> None:
    assert (parse(**members).rejected, len(parse(**members).columns)) == ([], 1)


@pytest.mark.parametrize(("members", "reason"), BEYOND)
def test_what_is_beyond_a_limit_has_that_limit_s_reason(members: dict[str, object], reason: RejectReason) -> None:
    parsed = parse(**members)
    assert [(reject.record, reject.reason, reject.samples) for reject in parsed.rejected] == [(0, reason, 1)]
    assert (len(parsed.columns), parsed.empty) == (0, 0)


def test_limits_are_values_that_a_caller_changes_by_making_others() -> None:
    assert replace(Limits(), max_labels=3) == Limits(max_labels=3) != Limits()
