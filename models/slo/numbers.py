"""Numbers as people read them in alerts and tables."""

from __future__ import annotations

import math

from models.timestamps import DAY_S, HOUR_S


def number(value: float) -> str:
    """Three figures where that is enough.

    >>> [number(value) for value in (0.01234, 14.4, 1234.0, float("nan"))]
    ['0.0123', '14.4', '1,234', 'unknown']
    """
    if math.isnan(value):
        return "unknown"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def percent(ratio: float) -> str:
    """Enough figures to tell a target from 100 %.

    >>> percent(0.99951), percent(0.0005)
    ('99.95%', '0.05%')
    """
    return "unknown" if math.isnan(ratio) else f"{ratio * 100:.4g}%"


def length(seconds: float) -> str:
    """A length of time as people say it.

    >>> [length(s) for s in (40 * 60, 2 * 3600, 5.2 * 3600, 60 * 3600)]
    ['40 min', '2 h', '5 h', '2.5 d']
    """
    if seconds < 2 * HOUR_S:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / HOUR_S:.0f} h" if seconds < 2 * DAY_S else f"{seconds / DAY_S:.1f} d"
