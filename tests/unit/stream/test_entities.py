"""Entities as people see them."""

from infra.stream.entities import entities
from models.records import ScoreEvent


def event(entity: str, second: int, score: float, cause: str = "cpu") -> ScoreEvent:
    service = entity.partition("/")[0]
    tick = f"2026-11-20T10:00:{second:02d}Z"
    return ScoreEvent(
        id=f"{entity}{second}",
        service=service,
        entity=entity,
        tick=tick,
        anomaly_score=score,
        is_anomaly=score > 1,
        causes=[(cause, 1.0)],
        cause_metric=cause,
        value=1.0,
        expected=1.0,
        expected_lower=0.0,
        expected_upper=2.0,
        model_version="3",
        readiness="calibrated",
    )


def test_the_newest_score_of_each_entity_is_shown_worst_first() -> None:
    found = entities(
        [event("shop/a", 1, 4.0), event("shop/a", 2, 0.2), event("shop/b", 1, 1.5), event("shop/c", 9, 0.2)]
    )
    assert [(view.entity, view.score, view.worst, view.anomalous_rows, view.rows, view.cause) for view in found] == [
        ("shop/b", 1.5, 1.5, 1, 1, "cpu"),
        ("shop/a", 0.2, 4.0, 1, 2, ""),
        ("shop/c", 0.2, 0.2, 0, 1, ""),
    ]


def test_partitions_may_come_in_any_order() -> None:
    found = entities([event("shop/a", 5, 0.5), event("shop/a", 4, 0.4)])
    assert [(view.tick, view.score) for view in found] == [("2026-11-20T10:00:05Z", 0.5)]
