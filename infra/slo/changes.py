"""What the SLO clock writes down at every evaluation: only what differs from what it wrote last."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, KeysView, Mapping, Sequence
from typing import Final, NamedTuple

from psycopg2.extensions import cursor as Cursor

from infra.store import decisions
from infra.store.decisions import Decided
from infra.store.slo import windows as slo_windows
from infra.store.slo.windows import WindowStatus

DECISION_KIND: Final = "slo"

SAME_RATIO: Final = 1e-3
"""Figures that differ by less are the same to a reader: they are shown with three digits. Windows of days would else be
written anew every ten seconds for their seventh digit."""


class Taken(NamedTuple):
    """A decision on a subject, and how to tell what it was taken on where it is written."""

    subject: str
    decision: str
    detail: Callable[[], Mapping[str, float]]


class EvaluationRecord:
    """Remembers what is in the database, as far as this process wrote it.

    `write` inside a transaction; `written` when that is committed; `forget` when another process may have written.
    """

    def __init__(self) -> None:
        self._decisions: dict[str, str] = {}
        self._status: dict[tuple[int, str], WindowStatus] = {}
        self._new_decisions: dict[str, str] = {}
        self._new_status: dict[tuple[int, str], WindowStatus] = {}
        self._rows: KeysView[tuple[int, str]] = self._status.keys()
        self._gone = True

    def forget(self) -> None:
        """Write everything the next time."""
        self._decisions, self._status, self._gone = {}, {}, True

    def write(self, cursor: Cursor, taken: Iterable[Taken], status: Sequence[WindowStatus], now_ns: int) -> None:
        """Write what is new or has changed."""
        changed = [decided for decided in taken if self._decisions.get(decided.subject) != decided.decision]
        changes = [Decided(decided.subject, decided.decision, decided.detail()) for decided in changed]
        decisions.record(cursor, DECISION_KIND, changes, now_ns)
        rows = {(row.slo_id, row.burn_window): row for row in status}
        moved = [row for key, row in rows.items() if not _same(self._status.get(key), row)]
        if moved:
            slo_windows.write_status(cursor, moved)
        if self._gone or self._status.keys() - rows.keys():
            slo_windows.keep_status(cursor, rows)
        slo_windows.note_evaluation(cursor, now_ns)
        self._new_decisions = {decided.subject: decided.decision for decided in changed}
        self._new_status = {(row.slo_id, row.burn_window): row for row in moved}
        self._rows = rows.keys()

    def written(self) -> None:
        """The transaction of the last `write` is committed."""
        self._decisions |= self._new_decisions
        self._status |= self._new_status
        self._status = {key: row for key, row in self._status.items() if key in self._rows}
        self._gone = False


def _same(before: WindowStatus | None, after: WindowStatus) -> bool:
    if before is None:
        return False
    return all(
        _close(getattr(before, name), getattr(after, name))
        for name in ("error_ratio", "burn_rate", "budget_remaining_ratio")
    )


def _close(before: float | None, after: float | None) -> bool:
    if before is None or after is None:
        return before is after
    return (math.isnan(before) and math.isnan(after)) or math.isclose(before, after, rel_tol=SAME_RATIO)
