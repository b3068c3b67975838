"""What `tidewatch slo status --causes` prints."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from infra.store.slo.burn_alerts import BurnAlert
    from models.slo.causes.rank import Cause

SHOWN = 8


def causes_json(firing: Sequence[BurnAlert], slo: str) -> list[dict[str, Any]]:
    """The alerts of an SLO that fire, with their causes, for `--json`."""
    from models.timestamps import to_rfc3339

    return [
        {
            "severity": alert.severity.value,
            "burn_window": alert.burn_window,
            "since": to_rfc3339(alert.started_ns),
            "burn_began": None if alert.burn_began_ns is None else to_rfc3339(alert.burn_began_ns),
            "ranked": to_rfc3339(alert.explained_ns),
            "causes": [msgspec.to_builtins(cause) for cause in alert.causes],
        }
        for alert in firing
        if alert.slo_name == slo
    ]


def print_causes(firing: Sequence[BurnAlert], slos: Collection[str]) -> None:
    """A table of causes for every alert that fires; of several windows of one SLO only the one that fired first."""
    from rich.console import Console
    from rich.table import Table

    from models.slo.causes.text import NO_CAUSE

    told: set[str] = set()
    for alert in firing:
        if alert.slo_name not in slos or alert.slo_name in told:
            continue
        told.add(alert.slo_name)
        print(f"\n{alert.slo_name} ({alert.severity.value} {alert.burn_window})")
        if not alert.causes:
            print(f"  {NO_CAUSE}")
            continue
        table = Table(box=None, pad_edge=False)
        for name in ("", "metric", "part", "entity", "value", "expected", "onset"):
            table.add_column(name, overflow="fold")
        for place, cause in enumerate(alert.causes[:SHOWN], 1):
            table.add_row(f"{place:>3}", *_row(cause))
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
