"""What `tidewatch slo simulate` prints: variants side by side, transitions in order of time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from models.slo.simulate.what_if import Outcome

SHOWN_TRANSITIONS: Final = 40


def show(found: Sequence[Outcome]) -> None:
    """Print the variants side by side, and the first transitions."""
    from infra.cli.slo.exclusions import exclusion_text
    from infra.cli.tables import show_table
    from infra.slo.simulate.what_if import outcome_json, transitions_json

    summaries = [outcome_json(outcome) for outcome in found]
    columns: dict[str, Callable[[dict[str, Any]], str]] = {
        "SLO": lambda s: s["slo"],
        "target": lambda s: _percent(s["target_ratio"]),
        "threshold": lambda s: "-" if s["threshold"] is None else f"{s['threshold']:g}",
        "period": lambda s: s["period"],
        "pages": lambda s: str(s["pages"]),
        "page found in": lambda s: _length(s["page_median_detection_s"]),
        "page over in": lambda s: _length(s["page_median_reset_s"]),
        "tickets": lambda s: str(s["tickets"]),
        "ticket found in": lambda s: _length(s["ticket_median_detection_s"]),
        "ticket over in": lambda s: _length(s["ticket_median_reset_s"]),
        "bad": lambda s: _percent(s["error_ratio"]),
        "budget left": lambda s: _percent(s["budget_remaining_ratio"]),
        "counted for": lambda s: _length(s["counted_s"]),
        "for noise": lambda s: str(s["pages_for_noise"]),
        "suggested": lambda s: _percent(s["suggested_target_ratio"]),
    }
    if not any("threshold=" in s["variant"] for s in summaries):
        del columns["threshold"]
    if not any(s["suggested_target_ratio"] is not None or s["pages_for_noise"] for s in summaries):
        del columns["for noise"], columns["suggested"]
    rows = [[cell(summary) for cell in columns.values()] for summary in summaries]
    show_table(list(columns), rows, empty="no SLO", whole_rows=True)
    for text in dict.fromkeys(exclusion_text(one) for outcome in found for one in outcome.exclusions):
        print(f"honoured: {text}")
    changes = transitions_json(found)
    if not changes:
        print("\nno alert would have been sent")
        return
    print()
    names = ["at", "slo", "variant", "severity", "burn_window", "state"]
    shown = names if any("variant" in change for change in changes) else [name for name in names if name != "variant"]
    lines = [[change.get(name, "") for name in shown] for change in changes[:SHOWN_TRANSITIONS]]
    show_table(shown, lines, empty="", whole_rows=True)
    if len(changes) > SHOWN_TRANSITIONS:
        print(f"... and {len(changes) - SHOWN_TRANSITIONS} more: --json prints all")


def _percent(ratio: float | None) -> str:
    if ratio is None:
        return "-"
    return f"{ratio:,.0%}" if abs(ratio) >= 10 else f"{ratio * 100:.{5 if ratio > 0.99 else 3}g}%"


def _length(seconds: float | None) -> str:
    """`90 s`, `12 min`, `3.5 h`."""
    if seconds is None:
        return "-"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
