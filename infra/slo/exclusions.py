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
from models.slo.exclusions import EXCLUDED, ExclusionKind, SloExclusion
from models.timestamps import SECOND_NS, to_rfc3339


def make(cursor: Cursor, wanted: SloExclusion, *, now_ns: int) -> SloExclusion:
    """Let an SLO make an exception; `wanted.id` is ignored.

    Raises:
        Misconfigured: there is no such SLO, the time is empty, it is paused already, or it is to be excluded from the
            budget and its minutes are gone.
    """
    stored = slo_proposals.stored(cursor, wanted.slo_name)
    if wanted.end_ns is not None and wanted.end_ns <= max(wanted.start_ns, 0 if wanted.kind in EXCLUDED else now_ns):
        raise Misconfigured("the end has to be after the begin, and that of a silence in the future")
    kept_ns = minutes_from_s(stored.slo, now_ns / SECOND_NS) * SECOND_NS
    if wanted.kind in EXCLUDED and wanted.start_ns < kept_ns:
        raise Misconfigured(f"minutes are kept since {to_rfc3339(kept_ns)}; what was before stays counted")
    known = slo_exceptions.load(cursor, [wanted.slo_name]).get(wanted.slo_name, [])
    if wanted.kind is ExclusionKind.PAUSE and any(
        exclusion.kind is ExclusionKind.PAUSE and exclusion.lasts_at(now_ns) for exclusion in known
    ):
        raise Misconfigured(f"{wanted.slo_name} is paused already")
    made = slo_exceptions.insert(cursor, wanted)
    slos.note(cursor, made.slo_name, wanted.made_by, None, document(made))
    return made


def pause(cursor: Cursor, slo_name: str, *, reason: str, made_by: str, now_ns: int) -> SloExclusion:
    """Let what happens from now on neither alert nor spend budget, until `resume`; raises as `make`."""
    wanted = SloExclusion(0, slo_name, ExclusionKind.PAUSE, now_ns, None, reason, made_by)
    return make(cursor, wanted, now_ns=now_ns)


def silence(cursor: Cursor, slo_name: str, lasts_ns: int, *, reason: str, made_by: str, now_ns: int) -> SloExclusion:
    """Let an SLO not alert from now on for a while; what happens still spends its budget. Raises as `make`."""
    wanted = SloExclusion(0, slo_name, ExclusionKind.SILENCE, now_ns, now_ns + lasts_ns, reason, made_by)
    return make(cursor, wanted, now_ns=now_ns)


def maintenance(
    cursor: Cursor, slo_name: str, start_ns: int, end_ns: int, *, reason: str, made_by: str, now_ns: int
) -> SloExclusion:
    """Exclude a window from the budget, past or to come; nothing alerts while it lasts. Raises as `make`."""
    wanted = SloExclusion(0, slo_name, ExclusionKind.MAINTENANCE, start_ns, end_ns, reason, made_by)
    return make(cursor, wanted, now_ns=now_ns)


def end(cursor: Cursor, exception_id: int, *, ended_by: str, now_ns: int) -> SloExclusion:
    """End an exception now, or call it off before it begins; raises `Misconfigured` where none lasts or is to come."""
    before = slo_exceptions.end(cursor, exception_id, now_ns)
    if before is None:
        raise Misconfigured(f"no exception {exception_id} lasts or is to come; see `tidewatch slo exceptions`")
    after = replace(before, end_ns=max(before.start_ns, now_ns))
    slos.note(cursor, after.slo_name, ended_by, document(before), document(after))
    return after


def resume(cursor: Cursor, slo_name: str, *, ended_by: str, now_ns: int) -> SloExclusion:
    """End the pause of an SLO; raises `Misconfigured` where it is not paused."""
    known = slo_exceptions.load(cursor, [slo_name]).get(slo_name, [])
    for exclusion in known:
        if exclusion.kind is ExclusionKind.PAUSE and exclusion.lasts_at(now_ns):
            return end(cursor, exclusion.id, ended_by=ended_by, now_ns=now_ns)
    raise Misconfigured(f"{slo_name} is not paused")


def exclusions(cursor: Cursor, now_ns: int, *, with_past: bool = False) -> list[SloExclusion]:
    """What is paused, silenced or in maintenance, now or to come; with what is over, if asked for."""
    found = [exclusion for of_slo in slo_exceptions.load(cursor).values() for exclusion in of_slo]
    return [exclusion for exclusion in found if with_past or exclusion.end_ns is None or exclusion.end_ns > now_ns]


def lasting(cursor: Cursor, now_ns: int) -> list[SloExclusion]:
    """What is held at this moment."""
    return [exclusion for exclusion in exclusions(cursor, now_ns) if exclusion.lasts_at(now_ns)]


def document(exclusion: SloExclusion) -> dict[str, Any]:
    """An exception as it stands in the history."""
    return {
        "exception": exclusion.id,
        "kind": exclusion.kind.value,
        "from": to_rfc3339(exclusion.start_ns),
        "to": None if exclusion.end_ns is None else to_rfc3339(exclusion.end_ns),
        "reason": exclusion.reason,
    }


def exclusion_json(exclusion: SloExclusion) -> dict[str, Any]:
    """`one` as JSON is made of."""
    return {
        "id": exclusion.id,
        "slo": exclusion.slo_name,
        "kind": exclusion.kind.value,
        "from": to_rfc3339(exclusion.start_ns),
        "to": None if exclusion.end_ns is None else to_rfc3339(exclusion.end_ns),
        "reason": exclusion.reason,
        "by": exclusion.made_by,
    }
