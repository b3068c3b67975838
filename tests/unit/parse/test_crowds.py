"""Where there is no room for another series: what is refused, and which label is told."""

from __future__ import annotations

import json

from models.parse import Limits, Parsed, Parser
from models.parse.crowds import MAX_CROWDS, OTHER, Crowd, Crowds, Scope
from models.reasons import RejectReason
from models.series import EntityRule

RULE = EntityRule(("service", "job"), ("instance",), "host")
NOW_NS = 1_763_632_800 * 10**9


def parse(parser: Parser, *labels: dict[str, str]) -> Parsed:
    records = [json.dumps({"metric": "m", "value": 1, "labels": one}).encode() for one in labels]
    return parser.parse(records, [NOW_NS] * len(records))


def requests(n: int, instance: str = "i") -> list[dict[str, str]]:
    return [{"service": "a", "instance": instance, "code": str(k % 3), "request": f"r{k}"} for k in range(n)]


def test_an_entity_has_a_bounded_number_of_series_and_its_neighbours_are_not_touched() -> None:
    parser = Parser(Limits(max_series_per_entity=5), RULE)
    parsed = parse(parser, *requests(8), *requests(2, "other"))
    assert [(reject.record, reject.reason) for reject in parsed.rejected] == [
        (record, RejectReason.TOO_MANY_SERIES) for record in (5, 6, 7)
    ]
    assert parsed.record.tolist() == [0, 1, 2, 3, 4, 8, 9]
    assert "'a/i' has 5 series already" in parsed.rejected[0].detail


def test_the_label_with_the_most_values_is_told_and_each_sample_counted_once() -> None:
    parser = Parser(Limits(max_series_per_entity=5), RULE)
    assert parse(parser, *requests(8)).crowded == {Crowd(Scope.ENTITY, "a", "request"): 3}
    assert parse(parser, *requests(6)).crowded == {Crowd(Scope.ENTITY, "a", "request"): 1}
    assert parse(parser, *requests(5)).crowded == {}


def test_services_are_bounded_and_known_ones_may_still_grow() -> None:
    parser = Parser(Limits(max_services=2), RULE)
    parsed = parse(parser, *({"service": name} for name in "abcd"), {"service": "a", "x": "y"})
    assert [(reject.record, reject.reason) for reject in parsed.rejected] == [
        (record, RejectReason.TOO_MANY_SERVICES) for record in (2, 3)
    ]
    assert parsed.crowded == {Crowd(Scope.SERVICES, "", "service"): 2}


def test_crowds_that_are_told_apart_are_bounded_and_none_is_left_out_of_the_count() -> None:
    crowds = Crowds()
    for number in range(MAX_CROWDS + 7):
        crowds.refuse(Crowd(Scope.SERVICE, f"s{number}", "x"))
    taken = crowds.take()
    assert sum(taken.values()) == MAX_CROWDS + 7
    assert taken[OTHER] == 7
    assert len(taken) == MAX_CROWDS + 1
    assert crowds.take() == {}
