"""What the SLO clock writes: only what differs from what it wrote last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import pytest
from psycopg2.extensions import cursor as Cursor

from infra.slo import changes
from infra.slo.changes import EvaluationRecord, Taken
from infra.store.slo.windows import WindowStatus

ROW = WindowStatus(1, "1h", 0.01, 10.0, None)
PERIOD = WindowStatus(1, "period", 0.01, 10.0, 0.5)
CURSOR = cast(Cursor, None)


class Written:
    """What would have gone to PostgreSQL."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.status: list[WindowStatus] = []
        self.decisions: list[tuple[str, str]] = []
        self.kept: list[int] = []
        monkeypatch.setattr(changes.slo_windows, "write_status", lambda _, rows: self.status.extend(rows))
        monkeypatch.setattr(changes.slo_windows, "keep_status", lambda _, rows: self.kept.append(len(rows)))
        monkeypatch.setattr(changes.slo_windows, "note_evaluation", lambda *_: None)
        monkeypatch.setattr(changes.decisions, "record", self._record)

    def _record(self, _: Cursor, kind: str, decided: Sequence[Any], now_ns: int) -> None:
        self.decisions += [(one.subject, one.decision) for one in decided]

    def take(self) -> tuple[list[WindowStatus], list[tuple[str, str]], list[int]]:
        """What has been written since the last look."""
        found = (self.status, self.decisions, self.kept)
        self.status, self.decisions, self.kept = [], [], []
        return found


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Written:
    return Written(monkeypatch)


def evaluate(record: EvaluationRecord, *rows: WindowStatus, decision: str = "held", commits: bool = True) -> None:
    record.write(CURSOR, [Taken("latency", decision, dict)], rows, 0)
    if commits:
        record.written()


def test_the_first_evaluation_writes_everything_and_the_second_nothing(written: Written) -> None:
    record = EvaluationRecord()
    evaluate(record, ROW, PERIOD)
    assert written.take() == ([ROW, PERIOD], [("latency", "held")], [2])
    evaluate(record, ROW, PERIOD)
    assert written.take() == ([], [], [])


@pytest.mark.parametrize(
    ("after", "moved"),
    [
        pytest.param(replace(ROW, burn_rate=10.005), False, id="half a thousandth is the same to a reader"),
        pytest.param(replace(ROW, burn_rate=10.2), True, id="two hundredths are not"),
        pytest.param(replace(ROW, error_ratio=float("nan")), True, id="no events any more"),
        pytest.param(replace(ROW, budget_remaining_ratio=0.1), True, id="a budget that was none"),
    ],
)
def test_a_figure_is_written_where_a_reader_would_see_it_move(
    written: Written, after: WindowStatus, moved: bool
) -> None:
    record = EvaluationRecord()
    evaluate(record, ROW)
    written.take()
    evaluate(record, after)
    assert bool(written.take()[0]) is moved


def test_small_steps_add_up_to_one_that_is_written(written: Written) -> None:
    record, row = EvaluationRecord(), ROW
    evaluate(record, row)
    written.take()
    for _ in range(10):
        row = replace(row, burn_rate=row.burn_rate * 1.0005)
        evaluate(record, row)
    assert len(written.take()[0]) >= 3


def test_a_decision_is_written_when_it_is_another(written: Written) -> None:
    record = EvaluationRecord()
    for decision in ("held", "held", "fired", "held"):
        evaluate(record, ROW, decision=decision)
    assert written.take()[1] == [("latency", "held"), ("latency", "fired"), ("latency", "held")]


def test_what_did_not_commit_is_written_again(written: Written) -> None:
    record = EvaluationRecord()
    evaluate(record, ROW, commits=False)
    written.take()
    evaluate(record, ROW)
    assert written.take()[:2] == ([ROW], [("latency", "held")])


def test_rows_of_an_slo_that_is_gone_are_deleted(written: Written) -> None:
    record = EvaluationRecord()
    evaluate(record, ROW, PERIOD)
    written.take()
    evaluate(record, ROW)
    assert written.take()[2] == [1]


def test_what_another_process_may_have_written_is_forgotten(written: Written) -> None:
    record = EvaluationRecord()
    evaluate(record, ROW)
    written.take()
    record.forget()
    evaluate(record, ROW)
    assert written.take() == ([ROW], [("latency", "held")], [1])
