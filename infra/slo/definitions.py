"""Apply SLOs, list what is in force, tell who changed what: a cursor and values in, values out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg2.extensions import cursor as Cursor

from infra.store.slo import definitions as slos
from infra.store.slo.definitions import HistoryEntry, SloChange
from models.errors import Misconfigured
from models.slo.burn_alert import out_of_reach
from models.slo.definition import Slo
from models.slo.openslo.read import Definitions
from models.timestamps import to_rfc3339


@dataclass(frozen=True, slots=True)
class Applied:
    """What applying definitions did, or would do.

    Attributes:
        applied: False where it was only tried.
        changes: of every SLO that was named or in force, by name.
        warnings: what the definitions say without effect, and alerts that can never fire.
    """

    applied: bool
    changes: Sequence[SloChange]
    warnings: Sequence[str]


def apply(cursor: Cursor, wanted: Definitions, *, by: str, prune: bool = False, dry_run: bool = False) -> Applied:
    """Bring the SLOs in force to `wanted`: all of it, or nothing where anything is wrong.

    Args:
        by: who does it, for the history.
        prune: remove SLOs in force that are not wanted.
        dry_run: change nothing.

    Raises:
        Misconfigured: what is in force cannot be read.
    """
    if dry_run:
        found = slos.changes(cursor, wanted.slos, remove_others=prune)
    else:
        found = slos.apply(cursor, wanted.slos, changed_by=by, remove_others=prune)
    warnings = [*wanted.remarks, *(text for slo in wanted.slos for text in unreachable(slo))]
    return Applied(not dry_run, found, warnings)


def in_force(cursor: Cursor) -> list[Slo]:
    """The SLOs in force, by name; raises `Misconfigured` where one cannot be read."""
    return [stored.slo for stored in slos.load(cursor).slos]


def history(cursor: Cursor, name: str | None = None) -> list[HistoryEntry]:
    """Every change of one SLO, or of all, the newest first; raises `Misconfigured` where none ever had this name."""
    found = slos.history(cursor, name)
    if name is not None and not found:
        raise Misconfigured(f"there never was an SLO called {name!r}; see `tidewatch slo list`")
    return found


def unreachable(slo: Slo) -> list[str]:
    """What to tell about burn alerts that a lenient target makes impossible."""
    pairs = out_of_reach(slo)
    if not pairs:
        return []
    most = 1.0 / (1.0 - slo.target_ratio)
    windows = ", ".join(f"{pair.severity.value} {pair.name} at {pair.factor:.3g}×" for pair in pairs)
    return [f"{slo.name}: a total outage burns {most:.3g}× at this target, so these alerts can never fire: {windows}"]


def applied_json(found: Applied) -> dict[str, Any]:
    """`found` as JSON is made of."""
    return {
        "applied": found.applied,
        "changes": [
            {"slo": change.name, "change": change.kind.value, "before": change.before, "after": change.after}
            for change in found.changes
        ],
        "warnings": list(found.warnings),
    }


def history_json(entry: HistoryEntry) -> dict[str, Any]:
    """`entry` as JSON is made of."""
    return {
        "slo": entry.slo_name,
        "at": to_rfc3339(entry.changed_ns),
        "by": entry.changed_by,
        "before": entry.before,
        "after": entry.after,
    }
