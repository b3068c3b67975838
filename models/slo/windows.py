"""Burn windows as data, factors derived. Source: SRE workbook, chapter 5, "Multiwindow, Multi-Burn-Rate Alerts".

The workbook states its windows for a period of 30 days. A factor follows from what the window may spend:

    factor = budget share * period / long window

so 2 % of a 30-day budget in one hour is 0.02 * 720 h / 1 h = 14.4, 5 % in six hours 6, 10 % in a day 3, 10 % in three
days 1. The short window, a twelfth of the long one, makes the alert end soon after the burn does.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from models.names import Severity
from models.timestamps import DAY_S, HOUR_S, MINUTE_S

REFERENCE_PERIOD_S: Final = 30 * DAY_S

RESOLUTION_S: Final = MINUTE_S
"""Counts are kept per minute, so no window can be shorter."""

SLOTH_WINDOWS_S: Final = tuple(m * MINUTE_S for m in (5, 30, 60, 120, 360, 1440, 4320))
"""Windows for which Sloth records error ratios, whatever the period; dashboards people have ask for them."""

MONTH_S: Final = range(28 * DAY_S, 31 * DAY_S + 1)
"""Periods that people call a month keep the workbook's windows, and only the factors change (28 days: 13.44),
as Sloth does; `1h` and `5m` are what its dashboards ask for."""


@dataclass(frozen=True, slots=True)
class BurnRule:
    """Alert when `budget_share` of a 30-day budget would be spent in `long_s`."""

    severity: Severity
    budget_share: float
    long_s: int
    short_s: int


WORKBOOK_RULES: Final = (
    BurnRule(Severity.PAGE, 0.02, 1 * HOUR_S, 5 * MINUTE_S),
    BurnRule(Severity.PAGE, 0.05, 6 * HOUR_S, 30 * MINUTE_S),
    BurnRule(Severity.TICKET, 0.10, 1 * DAY_S, 2 * HOUR_S),
    BurnRule(Severity.TICKET, 0.10, 3 * DAY_S, 6 * HOUR_S),
)


@dataclass(frozen=True, slots=True)
class BurnPair:
    """A rule for one period: fires while the burn rate of both windows is above `factor`.

    Attributes:
        long_s, short_s: whole minutes, in seconds; equal for a condition with a single window.
        factor: burn rate at which `budget_share` of the period's budget goes in `long_s`.
        after_s: how long it has to have been so before the alert fires.
    """

    severity: Severity
    budget_share: float
    long_s: int
    short_s: int
    factor: float
    after_s: int = 0

    @property
    def name(self) -> str:
        """The long window; the `burn_window` label of the alert."""
        return window_name(self.long_s)


@lru_cache(maxsize=256)
def burn_pairs(
    period_s: int, rules: tuple[BurnRule, ...] = WORKBOOK_RULES, resolution_s: int = RESOLUTION_S
) -> tuple[BurnPair, ...]:
    """The rules for a period of `period_s` seconds: windows scaled with it, factors computed for the scaled windows.

    Windows are rounded to multiples of `resolution_s`, whole minutes, and are at least that long. Where rounding makes
    two windows of one severity equal, the first rule, which asks for the smaller share, stands.

    >>> [(pair.severity.value, pair.name, window_name(pair.short_s), pair.factor) for pair in burn_pairs(30 * 86400)]
    [('page', '1h', '5m', 14.4), ('page', '6h', '30m', 6.0), ('ticket', '1d', '2h', 3.0), ('ticket', '3d', '6h', 1.0)]
    >>> [(pair.name, window_name(pair.short_s), pair.factor) for pair in burn_pairs(86400)]
    [('2m', '1m', 14.4), ('12m', '1m', 6.0), ('48m', '4m', 3.0), ('144m', '12m', 1.0)]
    """
    pairs: dict[tuple[Severity, int], BurnPair] = {}
    for rule in rules:
        long_s, short_s = (_scaled(window_s, period_s, resolution_s) for window_s in (rule.long_s, rule.short_s))
        factor = round(rule.budget_share * period_s / long_s, 9)  # 14.4, not 14.399999999999999
        pair = BurnPair(rule.severity, rule.budget_share, long_s, short_s, factor)
        pairs.setdefault((rule.severity, long_s), pair)
    return tuple(pairs.values())


@lru_cache(maxsize=256)
def window_lengths(pairs: tuple[BurnPair, ...]) -> tuple[int, ...]:
    """Every window, in seconds, that the pairs look at; ascending, each once.

    A window of one minute brings one of two minutes along: metrics that come once a minute are on their way for a part
    of it, and the minute before then speaks for it (`decide.window`).
    """
    lengths = {length for pair in pairs for length in (pair.long_s, pair.short_s)}
    return tuple(sorted(lengths | {2 * RESOLUTION_S} if RESOLUTION_S in lengths else lengths))


def _scaled(window_s: int, period_s: int, resolution_s: int) -> int:
    scaled_s = window_s if period_s in MONTH_S else window_s * period_s / REFERENCE_PERIOD_S
    return max(round(scaled_s / resolution_s), 1) * resolution_s


@lru_cache(maxsize=256)
def window_name(window_s: int) -> str:
    """Shortest exact text of a length: `5m`, `1h`, `3d`, `90m`.

    >>> [window_name(seconds) for seconds in (300, 3600, 5400, 259200)]
    ['5m', '1h', '90m', '3d']
    """
    for unit_s, unit in ((DAY_S, "d"), (HOUR_S, "h"), (MINUTE_S, "m")):
        if window_s % unit_s == 0:
            return f"{window_s // unit_s}{unit}"
    return f"{window_s}s"


def window_order(name: str) -> int:
    """Length in seconds of a window's name, the inverse of `window_name`; to put names in order.

    >>> sorted(["1d", "5m", "1h"], key=window_order)
    ['5m', '1h', '1d']
    """
    return int(name[:-1]) * {"d": DAY_S, "h": HOUR_S, "m": MINUTE_S, "s": 1}[name[-1]]
