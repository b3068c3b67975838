"""SLO definitions in PostgreSQL: applied all or none, with history, read by whoever counts or evaluates them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

from models.errors import Misconfigured
from models.sli.binding import SloBinding
from models.slo.definition import Slo
from models.slo.openslo.read import parse_openslo
from models.timestamps import from_datetime

READ_AT_MOST: Final = 32_768
"""Documents whose meaning is remembered (2 KB each), so that a change of one SLO does not read all others again."""


class ChangeKind(StrEnum):
    """What applying a file does to one SLO."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class SloChange:
    """One SLO before and after, as OpenSLO documents; None where there was or is none."""

    name: str
    kind: ChangeKind
    before: dict[str, Any] | None
    after: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class StoredSlo:
    """An SLO in force with its row's id."""

    id: int
    slo: Slo


@dataclass(frozen=True, slots=True)
class StoredSlos:
    """Every SLO in force, by name, as of one revision."""

    revision: int
    slos: tuple[StoredSlo, ...]

    def bindings(self) -> list[SloBinding]:
        """What the watch agent counts."""
        return [binding for stored in self.slos for binding in stored.slo.bindings(stored.id)]


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """A change of one SLO: its definition as OpenSLO documents, or one of its exceptions; None: there is none."""

    slo_name: str
    changed_ns: int
    changed_by: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


def changes(cursor: Cursor, slos: Sequence[Slo], *, remove_others: bool = False) -> list[SloChange]:
    """What applying `slos` would do, by name: nothing is written.

    Args:
        remove_others: SLOs in force that are not among `slos` are to go.
    """
    cursor.execute("SELECT name, document FROM slo WHERE active")
    stored: dict[str, dict[str, Any]] = dict(cursor.fetchall())
    found = []
    for slo in slos:
        before, after = stored.get(slo.name), slo.document()
        kind = ChangeKind.CREATED if before is None else ChangeKind.CHANGED
        found.append(SloChange(slo.name, ChangeKind.UNCHANGED if before == after else kind, before, after))
    if remove_others:
        wanted = {slo.name for slo in slos}
        found += [SloChange(n, ChangeKind.REMOVED, stored[n], None) for n in stored if n not in wanted]
    return sorted(found, key=lambda change: change.name)


def apply(cursor: Cursor, slos: Sequence[Slo], *, changed_by: str, remove_others: bool = False) -> list[SloChange]:
    """Bring the SLOs in force to `slos` inside the caller's transaction, writing history; what was done, by name.

    Counts stay when a definition changes, as with a changed recording rule: the budget's past is what was counted then.
    A removed SLO keeps its row and is no longer counted; applying it again takes it up where it was.
    """
    cursor.execute("LOCK TABLE slo IN SHARE ROW EXCLUSIVE MODE")  # two people at once: the second sees the first's
    found = changes(cursor, slos, remove_others=remove_others)
    by_name = {slo.name: slo for slo in slos}
    for change in found:
        if change.kind is ChangeKind.UNCHANGED:
            continue
        if change.kind is ChangeKind.REMOVED:
            cursor.execute(
                "UPDATE slo SET active = false, revision = revision + 1, updated_at = now() WHERE name = %s",
                (change.name,),
            )
        else:
            _store(cursor, by_name[change.name])
        note(cursor, change.name, changed_by, change.before, change.after)
    return found


def note(
    cursor: Cursor, slo_name: str, changed_by: str, before: dict[str, Any] | None, after: dict[str, Any] | None
) -> None:
    """Write a change of an SLO into the history."""
    cursor.execute(
        "INSERT INTO slo_history (slo_name, changed_by, before, after) VALUES (%s, %s, %s, %s)",
        (slo_name, changed_by, _json(before), _json(after)),
    )


def history(cursor: Cursor, slo_name: str | None = None) -> list[HistoryEntry]:
    """Every change of one SLO, or of all, the newest first."""
    cursor.execute(
        "SELECT slo_name, changed_at, changed_by, before, after FROM slo_history"
        " WHERE %(name)s IS NULL OR slo_name = %(name)s ORDER BY id DESC",
        {"name": slo_name},
    )
    return [
        HistoryEntry(name, from_datetime(at), by, before, after) for name, at, by, before, after in cursor.fetchall()
    ]


def _store(cursor: Cursor, slo: Slo) -> None:
    """Insert or replace one SLO. Where it counts something else from now on, slices in place of events, what can still
    be counted anew from its minutes is; the rest goes, since a sum of both would mean nothing."""
    length_s, target_ratio = (slo.slices.length_s, slo.slices.target_ratio) if slo.slices else (None, None)
    cursor.execute("SELECT id, slice_s, slice_target_ratio FROM slo WHERE name = %s", (slo.name,))
    before = cursor.fetchone()
    cursor.execute(
        """INSERT INTO slo (name, service, target_ratio, document, slice_s, slice_target_ratio)
           VALUES (%s, %s, %s, %s, %s, %s)
           ON CONFLICT (name) DO UPDATE SET service = excluded.service, target_ratio = excluded.target_ratio,
               document = excluded.document, slice_s = excluded.slice_s,
               slice_target_ratio = excluded.slice_target_ratio, active = true, revision = slo.revision + 1,
               updated_at = now()""",
        (slo.name, slo.service, slo.target_ratio, Json(slo.document()), length_s, target_ratio),
    )
    if before is not None and before[1:] != (length_s, target_ratio):
        cursor.execute("SELECT slo_count_anew(%s)", before[:1])


def _json(document: dict[str, Any] | None) -> Json | None:
    return None if document is None else Json(document)


def revision(cursor: Cursor) -> int:
    """A number that grows with every change of any SLO; load where it differs from `StoredSlos.revision`."""
    cursor.execute("SELECT coalesce(sum(revision), 0) FROM slo")  # rows are never deleted, and every change adds one
    row = cursor.fetchone()
    assert row is not None, "an aggregate always gives a row"
    return int(row[0])


def load(cursor: Cursor) -> StoredSlos:
    """Every SLO in force; raises `Misconfigured` where a stored document is not one that this version can read."""
    cursor.execute("SELECT id, name, document, active, revision FROM slo ORDER BY name")
    rows = cursor.fetchall()  # one statement, so that SLOs and revision belong together
    slos = tuple(StoredSlo(id_, _read(name, json.dumps(document))) for id_, name, document, active, _ in rows if active)
    return StoredSlos(sum(row[4] for row in rows), slos)


@lru_cache(maxsize=READ_AT_MOST)
def _read(name: str, document: str) -> Slo:
    slos = parse_openslo(document, f"SLO {name} in PostgreSQL")
    if len(slos) != 1:
        raise Misconfigured(f"SLO {name} in PostgreSQL: {len(slos)} SLOs in one document; apply its file again")
    return slos[0]
