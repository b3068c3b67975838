"""Every SLO at one moment: the counts of its windows and of its period."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor

from infra.slo.retention import minutes_from_s
from infra.store.slo import exclusions as slo_exceptions
from infra.store.slo import windows as slo_windows
from infra.store.slo.definitions import StoredSlo
from infra.store.slo.windows import PERIOD, GroupSums, WindowGroup, WindowStatus
from models.slo.budget import expected_units, filled
from models.slo.burn import Counts, window_start_s
from models.slo.definition import GapPolicy, Slices, Slo
from models.slo.exclusions import SloException, Span, excluded_spans, left, sums_since
from models.slo.periods import period_bounds
from models.slo.telemetry import Telemetry
from models.slo.windows import HOUR_S, RESOLUTION_S, window_name


@dataclass(frozen=True, slots=True)
class SloView:
    """One SLO at one moment.

    Attributes:
        windows: counts by length of the window in seconds.
        period: counts of the whole period up to now.
        exceptions: of the SLO, what was and is to come included; what they exclude is in none of the counts.
    """

    stored: StoredSlo
    windows: Mapping[int, Counts]
    period: Counts
    exceptions: Sequence[SloException] = ()

    def status(self, lengths: Iterable[int]) -> list[WindowStatus]:
        """Rows for windows of these lengths, and one for the period."""
        id_, target = self.stored.id, self.stored.slo.target_ratio
        named = [(window_name(length), self.windows[length]) for length in lengths]
        rows = [WindowStatus(id_, name, c.error_ratio, c.burn_rate(target), None) for name, c in named]
        c = self.period
        return [*rows, WindowStatus(id_, PERIOD, c.error_ratio, c.burn_rate(target), c.budget_remaining(target))]


def read_views(
    cursor: Cursor, stored: Sequence[StoredSlo], now_s: float, telemetry: Telemetry
) -> tuple[list[SloView], float]:
    """Every SLO in its order, and the newest minute that any of them counted (epoch seconds, -inf if none).

    Args:
        telemetry: what the caller remembers from one evaluation to the next.
    """
    groups: dict[tuple[tuple[int, ...], int, Slices | None], list[StoredSlo]] = defaultdict(list)
    for each in stored:
        groups[_starts(each.slo, now_s), _end(each.slo, now_s), each.slo.slices].append(each)
    read: list[tuple[list[StoredSlo], tuple[int, ...], GroupSums]] = []
    for (starts, end, slices), members in groups.items():
        group = WindowGroup(tuple(member.id for member in members), starts, end, slices)
        read.append((members, starts, slo_windows.read_group(cursor, group)))
    newest_of_all_s = max((float(sums.newest_s.max()) for _, _, sums in read), default=-math.inf)
    newest_s = {
        member.id: float(sums.newest_s[row])
        for members, _, sums in read
        for row, member in enumerate(members)
        if member.slo.gaps is not GapPolicy.UNKNOWN
    }
    telemetry.look(newest_s, newest_of_all_s, now_s)
    if unknown := [slo_id for slo_id in newest_s if slo_id not in telemetry.first_counted_s]:
        telemetry.first_counted_s |= slo_windows.read_first_counted(cursor, unknown)
    exceptions = slo_exceptions.load(cursor)
    views = {}
    for members, starts, sums in read:
        for row, member in enumerate(members):
            windows, mine = _row(sums, row), exceptions.get(member.slo.name, [])
            spans = excluded_spans(mine, _end(member.slo, now_s), member.slo.unit_s)
            if spans:
                windows = _without(cursor, member, windows, starts, spans)
            counts = [window.counts for window in windows]
            if member.slo.gaps is not GapPolicy.UNKNOWN:
                until_s = telemetry.could_have_come_until(member.id)
                counted_s = (telemetry.first_counted_s.get(member.id, until_s), until_s)
                counts = _filled(member.slo, starts, windows, counted_s, spans)
            by_length = dict(zip(member.slo.shown_lengths, counts[:-1], strict=True))
            views[member.id] = SloView(member, by_length, counts[-1], mine)
    return [views[each.id] for each in stored], newest_of_all_s


def _without(
    cursor: Cursor, member: StoredSlo, windows: list[_Window], starts_s: tuple[int, ...], spans: Sequence[Span]
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
    spans: Sequence[Span],
) -> list[Counts]:
    """Counts of the windows with what their gaps count as; `counted_s` is since and until when telemetry could have
    come, `spans` are excluded."""
    return [
        filled(window.counts, slo.gaps, window.covered, expected_units(slo, start_s, *counted_s, spans))
        for window, start_s in zip(windows, starts_s, strict=True)
    ]
