"""Pauses, silences and maintenance of SLOs: made and ended by people, with history, one transaction each."""

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


def pause(cursor: Cursor, slo_name: str, *, reason: str, made_by: str, now_ns: int) -> SloException:
    """Let what happens from now on neither alert nor spend budget, until `resume`; raises as `make`."""
    wanted = SloException(0, slo_name, ExceptionKind.PAUSE, now_ns, None, reason, made_by)
    return make(cursor, wanted, now_ns=now_ns)


def silence(cursor: Cursor, slo_name: str, lasts_ns: int, *, reason: str, made_by: str, now_ns: int) -> SloException:
    """Let an SLO not alert from now on for a while; what happens still spends its budget. Raises as `make`."""
    wanted = SloException(0, slo_name, ExceptionKind.SILENCE, now_ns, now_ns + lasts_ns, reason, made_by)
    return make(cursor, wanted, now_ns=now_ns)


def maintenance(
    cursor: Cursor, slo_name: str, start_ns: int, end_ns: int, *, reason: str, made_by: str, now_ns: int
) -> SloException:
    """Exclude a window from the budget, past or to come; nothing alerts while it lasts. Raises as `make`."""
    wanted = SloException(0, slo_name, ExceptionKind.MAINTENANCE, start_ns, end_ns, reason, made_by)
    return make(cursor, wanted, now_ns=now_ns)


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


def exclusions(cursor: Cursor, now_ns: int, *, with_past: bool = False) -> list[SloException]:
    """What is paused, silenced or in maintenance, now or to come; with what is over, if asked for."""
    found = [one for of_slo in slo_exceptions.load(cursor).values() for one in of_slo]
    return [one for one in found if with_past or one.end_ns is None or one.end_ns > now_ns]


def lasting(cursor: Cursor, now_ns: int) -> list[SloException]:
    """What is held at this moment."""
    return [one for one in exclusions(cursor, now_ns) if one.lasts_at(now_ns)]


def document(one: SloException) -> dict[str, Any]:
    """An exception as it stands in the history."""
    return {
        "exception": one.id,
        "kind": one.kind.value,
        "from": to_rfc3339(one.start_ns),
        "to": None if one.end_ns is None else to_rfc3339(one.end_ns),
        "reason": one.reason,
    }


def exclusion_json(one: SloException) -> dict[str, Any]:
    """`one` as JSON is made of."""
    return {
        "id": one.id,
        "slo": one.slo_name,
        "kind": one.kind.value,
        "from": to_rfc3339(one.start_ns),
        "to": None if one.end_ns is None else to_rfc3339(one.end_ns),
        "reason": one.reason,
        "by": one.made_by,
    }
