"""What `tidewatch slo status --causes` prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infra.slo.status import SloStatus
    from models.slo.causes.rank import Cause

SHOWN = 8


def print_causes(found: Sequence[SloStatus]) -> None:
    """A table of causes for every alert that fires; of several windows of one SLO only the one that fired first."""
    from rich.console import Console
    from rich.table import Table

    from infra.terminal import cell
    from models.slo.causes.text import NO_CAUSE

    first = (slo.explained[0] for slo in found if slo.explained)
    for alert in sorted(first, key=lambda alert: (alert.started_ns, alert.fingerprint)):
        print(f"\n{alert.slo_name} ({alert.severity.value} {alert.burn_window})")
        if not alert.causes:
            print(f"  {NO_CAUSE}")
            continue
        table = Table(box=None, pad_edge=False)
        for name in ("", "metric", "part", "entity", "value", "expected", "onset"):
            table.add_column(name, overflow="fold")
        for place, cause in enumerate(alert.causes[:SHOWN], 1):
            table.add_row(*map(cell, (f"{place:>3}", *_row(cause))))
        Console().print(table)


def _row(cause: Cause) -> tuple[str, ...]:
    from models.slo.causes.text import band, lead
    from models.slo.numbers import number
    from models.timestamps import to_rfc3339

    onset = "-" if cause.onset_ns == 0 else to_rfc3339(cause.onset_ns)[11:19]
    return (
        cause.metric,
        f"{cause.part:.0%}",
        cause.entity + (f" and {cause.entities - 1} more" if cause.entities > 1 else ""),
        "-" if cause.value is None else number(cause.value),
        "-" if cause.expected_lower is None else band(cause.expected_lower, cause.expected_upper),
        onset if cause.lead_s is None else f"{onset}, {lead(cause.lead_s)}",
    )
