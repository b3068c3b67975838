"""Every SLO at one moment: the counts of its windows and of its period."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor

from infra.slo.retention import minutes_from_s
from infra.store.slo import exclusions as slo_exceptions
from infra.store.slo import windows as slo_windows
from infra.store.slo.definitions import StoredSlo
from infra.store.slo.windows import PERIOD, GroupSums, WindowGroup, WindowStatus
from models.slo.budget import expected_units, filled, lived
from models.slo.burn import Counts, window_start_s
from models.slo.definition import GapPolicy, Slices, Slo
from models.slo.exclusions import ExcludedRange, SloExclusion, excluded_spans, left, sums_since
from models.slo.periods import period_bounds
from models.slo.telemetry import Telemetry
from models.slo.view import SloView
from models.slo.windows import RESOLUTION_S, window_name
from models.timestamps import HOUR_S


def status_rows(view: SloView, lengths: Iterable[int]) -> list[WindowStatus]:
    """Rows for the windows of these lengths, and one for the period."""
    target = view.slo.target_ratio
    named = [(window_name(length), view.windows[length]) for length in lengths]
    rows = [WindowStatus(view.slo_id, name, c.error_ratio, c.burn_rate(target), None) for name, c in named]
    c = view.period
    return [*rows, WindowStatus(view.slo_id, PERIOD, c.error_ratio, c.burn_rate(target), view.budget_remaining)]


def read_views(
    cursor: Cursor,
    stored: Sequence[StoredSlo],
    exclusions: Mapping[str, Sequence[SloExclusion]],
    now_s: float,
    telemetry: Telemetry,
) -> tuple[list[SloView], float]:
    """Every SLO in its order, and the newest minute that any of them counted (epoch seconds, -inf if none).

    Args:
        exclusions: of the SLOs by name, past and future ones included; what they exclude is not counted.
        telemetry: what the caller remembers from one evaluation to the next.
    """
    read = _read_groups(cursor, stored, now_s)
    newest_of_all_s = max((float(group.sums.newest_s.max()) for group in read), default=-math.inf)
    newest_s = {
        member.id: float(group.sums.newest_s[row])
        for group in read
        for row, member in enumerate(group.members)
        if member.slo.gaps is not GapPolicy.UNKNOWN
    }
    telemetry.look(newest_s, newest_of_all_s, now_s)
    counted = [m.id for g in read for m, newest in zip(g.members, g.sums.newest_s, strict=True) if newest > -math.inf]
    if unknown := [slo_id for slo_id in {*counted, *newest_s} if slo_id not in telemetry.first_counted_s]:
        telemetry.first_counted_s |= slo_windows.read_first_counted(cursor, unknown)
    views = {}
    for group in read:
        for row, member in enumerate(group.members):
            windows = _row(group.sums, row)
            spans = excluded_spans(exclusions.get(member.slo.name, ()), _end(member.slo, now_s), member.slo.unit_s)
            if spans:
                windows = _without(cursor, member, windows, group.starts_s, spans)
            views[member.id] = _view(member, group.starts_s, windows, spans, telemetry, now_s=now_s)
    return [views[each.id] for each in stored], newest_of_all_s


class _Group(NamedTuple):
    """SLOs whose windows and periods begin and end alike, and their sums."""

    members: list[StoredSlo]
    starts_s: tuple[int, ...]
    sums: GroupSums


def _read_groups(cursor: Cursor, stored: Iterable[StoredSlo], now_s: float) -> list[_Group]:
    alike: dict[tuple[tuple[int, ...], int, Slices | None], list[StoredSlo]] = defaultdict(list)
    for each in stored:
        alike[_starts(each.slo, now_s), _end(each.slo, now_s), each.slo.slices].append(each)
    groups = []
    for (starts_s, end_s, slices), members in alike.items():
        wanted = WindowGroup(tuple(member.id for member in members), starts_s, end_s, slices)
        groups.append(_Group(members, starts_s, slo_windows.read_group(cursor, wanted)))
    return groups


def _view(
    member: StoredSlo,
    starts_s: tuple[int, ...],
    windows: list[_Window],
    spans: Sequence[ExcludedRange],
    telemetry: Telemetry,
    *,
    now_s: float,
) -> SloView:
    """The view of an SLO from its windows, the last of which is the period."""
    slo = member.slo
    counts = [window.counts for window in windows]
    if slo.gaps is not GapPolicy.UNKNOWN:
        until_s = telemetry.could_have_come_until(member.id)
        counted_s = (telemetry.first_counted_s.get(member.id, until_s), until_s)
        counts = _filled(slo, starts_s, windows, counted_s, spans)
    counted = lived(slo.window, telemetry.first_counted_s.get(member.id, math.inf), now_s, spans, slo.unit_s)
    return SloView(member.id, slo, dict(zip(slo.shown_lengths, counts[:-1], strict=True)), counts[-1], counted)


def _without(
    cursor: Cursor, member: StoredSlo, windows: list[_Window], starts_s: tuple[int, ...], spans: Sequence[ExcludedRange]
) -> list[_Window]:
    """The windows without what was counted in excluded spans of time."""
    units = slo_exceptions.counted_in(cursor, member.id, member.slo, spans, min(starts_s))
    return [
        _Window(Counts(left(window.counts.good, good), left(window.counts.total, total)), window.covered - covered)
        for window, (good, total, covered) in zip(windows, sums_since(units, starts_s).tolist(), strict=True)
    ]


def _starts(slo: Slo, now_s: float) -> tuple[int, ...]:
    """Begin of every window shown and of the period."""
    period_s, _ = period_bounds(slo.window, now_s)
    period_start_s = window_start_s(period_s, 0, slo.unit_s)
    if slo.window.calendar_start is None and period_start_s < minutes_from_s(slo, now_s):
        period_start_s -= period_start_s % HOUR_S  # its minutes are gone: a rolling period begins with a full hour
    return (*(window_start_s(now_s, length, slo.unit_s) for length in slo.shown_lengths), period_start_s)


def _end(slo: Slo, now_s: float) -> int:
    """The minute in progress belongs to a window; a slice only when it is over."""
    end_s = window_start_s(now_s, 0, slo.unit_s)
    return end_s if slo.slices else end_s + RESOLUTION_S


class _Window(NamedTuple):
    """Counts of one window, and its minutes (or slices) with telemetry."""

    counts: Counts
    covered: float


def _row(sums: GroupSums, row: int) -> list[_Window]:
    columns = (sums.good[row].tolist(), sums.total[row].tolist(), sums.covered[row].tolist())
    return [_Window(Counts(good, total), covered) for good, total, covered in zip(*columns, strict=True)]


def _filled(
    slo: Slo,
    starts_s: tuple[int, ...],
    windows: list[_Window],
    counted_s: tuple[float, float],
    spans: Sequence[ExcludedRange],
) -> list[Counts]:
    """Counts of the windows with what their gaps count as; `counted_s` is since and until when telemetry could have
    come, `spans` are excluded."""
    return [
        filled(window.counts, slo.gaps, window.covered, expected_units(slo, start_s, *counted_s, spans))
        for window, start_s in zip(windows, starts_s, strict=True)
    ]
