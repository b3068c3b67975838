"""What `tidewatch slo simulate` prints: variants side by side, transitions in order of time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from models.slo.simulate.what_if import Outcome

SHOWN_TRANSITIONS: Final = 40


def _time(at_s: float) -> str:
    text = datetime.fromtimestamp(at_s, UTC).isoformat(timespec="seconds" if at_s == int(at_s) else "milliseconds")
    return text.replace("+00:00", "Z")


def transitions_json(found: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Every transition in order of time; `variant` only where something else than the definition was tried."""
    rows = [
        (change.at_s, number, outcome.variant, change)
        for number, outcome in enumerate(found)
        for change in outcome.transitions
    ]
    return [
        {
            "slo": variant.slo.name,
            **({"variant": variant.change} if variant.change else {}),
            "severity": change.severity.value,
            "burn_window": change.burn_window,
            "state": change.state.value,
            "at": _time(change.at_s),
        }
        for _, _, variant, change in sorted(rows, key=lambda row: row[:2])
    ]


def summary_json(outcome: Outcome) -> dict[str, Any]:
    """What a variant would have done, for `--json --summary`; lengths in seconds."""
    from infra.cli.slo.exclusions import exception_json
    from models.names import Severity
    from models.slo.definition import ThresholdIndicator

    slo, alerts, period = outcome.variant.slo, outcome.alerts, outcome.period
    by_severity = {
        severity: [alert for alert in alerts if alert.severity is severity]
        for severity in (Severity.PAGE, Severity.TICKET)
    }
    return {
        "slo": slo.name,
        "variant": outcome.variant.change,
        "target_ratio": slo.target_ratio,
        "threshold": slo.indicator.threshold if isinstance(slo.indicator, ThresholdIndicator) else None,
        "period": slo.window.text,
        **{f"{severity.value}s": len(mine) for severity, mine in by_severity.items()},
        "pages_for_noise": sum(alert.severity is Severity.PAGE and alert.noise for alert in alerts),
        **{
            f"{severity.value}_median_{what}_s": _median(getattr(alert, f"{what}_s") for alert in mine)
            for severity, mine in by_severity.items()
            for what in ("detection", "reset")
        },
        "events": period.total,
        "error_ratio": period.error_ratio if period.total > 0 else None,
        "budget_remaining_ratio": period.budget_remaining(slo.target_ratio) if period.total > 0 else None,
        "suggested_target_ratio": outcome.suggested_target,
        "exceptions": [exception_json(one) for one in outcome.exceptions],
        "alerts": [
            {
                "severity": alert.severity.value,
                "burn_window": alert.burn_window,
                "fired_at": _time(alert.fired_s),
                "resolved_at": _time(alert.resolved_s) if alert.resolved_s is not None else None,
                "detection_s": alert.detection_s,
                "reset_s": alert.reset_s,
                "noise": alert.noise,
            }
            for alert in alerts
        ],
    }


def _median(lengths_s: Iterable[float | None]) -> float | None:
    known = [length_s for length_s in lengths_s if length_s is not None]
    return median(known) if known else None


def show(found: Sequence[Outcome]) -> None:
    """Print the variants side by side, and the first transitions."""
    from infra.cli.slo.exclusions import exception_text
    from infra.cli.tables import show_table

    summaries = [summary_json(outcome) for outcome in found]
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
        "for noise": lambda s: str(s["pages_for_noise"]),
        "suggested": lambda s: _percent(s["suggested_target_ratio"]),
    }
    if not any("threshold=" in s["variant"] for s in summaries):
        del columns["threshold"]
    if not any(s["suggested_target_ratio"] is not None or s["pages_for_noise"] for s in summaries):
        del columns["for noise"], columns["suggested"]
    rows = [[cell(summary) for cell in columns.values()] for summary in summaries]
    show_table(list(columns), rows, empty="no SLO", whole_rows=True)
    for text in dict.fromkeys(exception_text(one) for outcome in found for one in outcome.exceptions):
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
