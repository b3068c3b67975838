"""Pausing, silencing and maintenance of SLOs: made and ended by people, with history, one transaction each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from psycopg2.extensions import cursor as Cursor

from infra.slo import proposals as slo_proposals
from infra.slo.retention import minutes_from_s
from infra.store.slo import definitions as slos
from infra.store.slo import exclusions as slo_exceptions
from models.errors import Misconfigured
from models.slo.exclusions import EXCLUDED, ExceptionKind, SloException
from models.timestamps import to_rfc3339


def make(cursor: Cursor, wanted: SloException, *, now_ns: int) -> SloException:
    """Let an SLO make an exception; `wanted.id` is ignored.

    Raises:
        Misconfigured: there is no such SLO, the time is empty, it is paused already, or it is to be excluded from the
            budget and its minutes are gone.
    """
    stored = slo_proposals.stored(cursor, wanted.slo_name)
    if wanted.end_ns is not None and wanted.end_ns <= max(wanted.start_ns, 0 if wanted.kind in EXCLUDED else now_ns):
        raise Misconfigured("the end has to be after the begin, and that of a silence in the future")
    kept_ns = minutes_from_s(stored.slo, now_ns / 1e9) * 1_000_000_000
    if wanted.kind in EXCLUDED and wanted.start_ns < kept_ns:
        raise Misconfigured(f"minutes are kept since {to_rfc3339(kept_ns)}; what was before stays counted")
    known = slo_exceptions.load(cursor, [wanted.slo_name]).get(wanted.slo_name, [])
    if wanted.kind is ExceptionKind.PAUSE and any(
        one.kind is ExceptionKind.PAUSE and one.lasts_at(now_ns) for one in known
    ):
        raise Misconfigured(f"{wanted.slo_name} is paused already")
    made = slo_exceptions.insert(cursor, wanted)
    slos.note(cursor, made.slo_name, wanted.made_by, None, document(made))
    return made


def end(cursor: Cursor, exception_id: int, *, ended_by: str, now_ns: int) -> SloException:
    """End an exception now, or call it off before it begins; raises `Misconfigured` where none lasts or is to come."""
    before = slo_exceptions.end(cursor, exception_id, now_ns)
    if before is None:
        raise Misconfigured(f"no exception {exception_id} lasts or is to come; see `tidewatch slo exceptions`")
    after = replace(before, end_ns=max(before.start_ns, now_ns))
    slos.note(cursor, after.slo_name, ended_by, document(before), document(after))
    return after


def resume(cursor: Cursor, slo_name: str, *, ended_by: str, now_ns: int) -> SloException:
    """End the pause of an SLO; raises `Misconfigured` where it is not paused."""
    known = slo_exceptions.load(cursor, [slo_name]).get(slo_name, [])
    for one in known:
        if one.kind is ExceptionKind.PAUSE and one.lasts_at(now_ns):
            return end(cursor, one.id, ended_by=ended_by, now_ns=now_ns)
    raise Misconfigured(f"{slo_name} is not paused")


def document(one: SloException) -> dict[str, Any]:
    """An exception as it stands in the history."""
    return {
        "exception": one.id,
        "kind": one.kind.value,
        "from": to_rfc3339(one.start_ns),
        "to": None if one.end_ns is None else to_rfc3339(one.end_ns),
        "reason": one.reason,
    }
