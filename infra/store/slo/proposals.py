"""Proposed changes of SLOs and what people decided about them, in PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

from models.timestamps import from_datetime, to_datetime


class ProposalState(StrEnum):
    """What became of a proposal."""

    OPEN = "open"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"  # the feedback it came from was taken back, or asks for something else now


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change of one SLO, as OpenSLO documents; times in nanoseconds since the epoch."""

    id: int
    slo_name: str
    reason: str
    before: dict[str, Any]
    after: dict[str, Any]
    made_ns: int
    state: ProposalState
    decided_ns: int | None
    decided_by: str | None


_COLUMNS = "id, slo_name, reason, before, after, made_at, state, decided_at, decided_by"


def insert(
    cursor: Cursor, slo_name: str, reason: str, before: dict[str, Any], after: dict[str, Any], *, now_ns: int
) -> Proposal:
    """Make a proposal the open one of its SLO."""
    cursor.execute(
        f"INSERT INTO slo_proposal (slo_name, reason, before, after, made_at) VALUES (%s, %s, %s, %s, %s)"
        f" RETURNING {_COLUMNS}",
        (slo_name, reason, Json(before), Json(after), to_datetime(now_ns)),
    )
    return _proposals(cursor)[0]


def decide(cursor: Cursor, proposal_id: int, state: ProposalState, decided_by: str, now_ns: int) -> Proposal | None:
    """Close an open proposal; None where none is open under this id."""
    cursor.execute(
        f"UPDATE slo_proposal SET state = %s, decided_at = %s, decided_by = %s WHERE id = %s AND state = 'open'"
        f" RETURNING {_COLUMNS}",
        (state.value, to_datetime(now_ns), decided_by, proposal_id),
    )
    found = _proposals(cursor)
    return found[0] if found else None


def load(cursor: Cursor, *, only_open: bool = True) -> list[Proposal]:
    """Proposals, oldest first."""
    cursor.execute(f"SELECT {_COLUMNS} FROM slo_proposal WHERE state = 'open' OR NOT %s ORDER BY id", (only_open,))
    return _proposals(cursor)


def of_slo(cursor: Cursor, slo_name: str) -> list[Proposal]:
    """Every proposal that was ever made about an SLO, oldest first."""
    cursor.execute(f"SELECT {_COLUMNS} FROM slo_proposal WHERE slo_name = %s ORDER BY id", (slo_name,))
    return _proposals(cursor)


def _proposals(cursor: Cursor) -> list[Proposal]:
    return [
        Proposal(
            int(id_),
            name,
            reason,
            before,
            after,
            from_datetime(made_at),
            ProposalState(state),
            None if decided_at is None else from_datetime(decided_at),
            decided_by,
        )
        for id_, name, reason, before, after, made_at, state, decided_at, decided_by in cursor.fetchall()
    ]
