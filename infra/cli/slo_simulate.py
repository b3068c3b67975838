"""`tidewatch slo simulate`: what SLOs would have alerted on, over past samples."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any

import typer

from models.errors import Misconfigured, Rejected, Unavailable

if TYPE_CHECKING:
    from models.slo.definition import Slo
    from models.slo.exceptions import SloException
    from models.slo.simulation import SloRecorder
    from models.slo.what_if import Outcome, Variant

EPILOG = (
    "Examples:  tidewatch slo simulate --data metrics.csv --slo slos/   ·   "
    "tidewatch slo simulate --data past/ --slo checkout.yaml --target 99.5,99.9 --noise noise.csv   ·   "
    "tidewatch slo simulate --lake --since 7d --json"
)
SHOWN_TRANSITIONS = 40
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def command(
    data: Annotated[Path | None, typer.Option("--data", help="CSV (.gz too) or Parquet file, or a folder.")] = None,
    lake: Annotated[bool, typer.Option("--lake", help="Read the lake instead of --data.")] = False,
    since: Annotated[str, typer.Option("--since", help="Of the lake: RFC 3339 time, or a time ago as in 7d.")] = "1d",
    until: Annotated[str | None, typer.Option("--until", help="Of the lake: as --since; default: now.")] = None,
    slo: Annotated[
        list[Path] | None, typer.Option("--slo", help="OpenSLO files or folders; default: the SLOs in force.")
    ] = None,
    target: Annotated[
        list[str] | None, typer.Option("--target", help="Targets to try: 0.999, 99.9 %, several with commas.")
    ] = None,
    threshold: Annotated[
        list[str] | None, typer.Option("--threshold", help="Thresholds to try, for SLOs that have one.")
    ] = None,
    period: Annotated[list[str] | None, typer.Option("--period", help="Rolling periods to try, as in 7d,30d.")] = None,
    noise: Annotated[
        Path | None,
        typer.Option("--noise", help="CSV with entity,start,end: what was not worth a page; suggests a target."),
    ] = None,
    exceptions: Annotated[
        bool,
        typer.Option(
            "--exceptions/--no-exceptions",
            help="Honour the pauses, silences and maintenance that the database knows of these SLOs, or do as if there "
            "had been none.",
        ),
    ] = True,
    every_s: Annotated[
        float, typer.Option("--every", min=1, help="Seconds between evaluations; counts are kept by minute.")
    ] = 60.0,
    summary: Annotated[bool, typer.Option("--summary", help="With --json: the comparison, not transitions.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """What SLOs would have alerted on: pages, tickets, how soon they came and went, what was left of the budget.

    Samples are counted and alerts decided by the code that does it live, with the definition as it is given all along.
    With several targets, thresholds or periods every combination is simulated, side by side. `--json` prints the
    transitions in order of time.
    """
    from infra.datafile import read_labels
    from infra.settings import load
    from infra.slo_simulation import from_files, from_lake, outcomes, recorder_for

    if (data is None) == (not lake):
        raise Misconfigured("say where the samples are: either --data FILE or --lake")
    settings = load()
    marked = read_labels(noise) if noise else []
    slos, known = _from_files(slo, honour=exceptions) if slo else _in_force(honour=exceptions)
    tried = _variants(slos, target, threshold, period)
    recorder = recorder_for(tried, settings, every_s)
    if data is not None:
        samples = from_files(data, recorder, settings.entity_rule)
    else:
        from_ns, to_ns = _span(since, until)
        samples = from_lake(Path(settings.lake_path), recorder, settings.entity_rule, from_ns, to_ns)
    found = outcomes(tried, recorder, samples, every_s, noise=marked, exceptions=known)
    for text in _warnings(tried, recorder):
        typer.echo(f"warning: {text}", err=True)
    if as_json:
        print(json.dumps([_summary(o) for o in found] if summary else _transitions(found), indent=2))
    else:
        _show(found)


def _from_files(paths: list[Path], *, honour: bool) -> tuple[Sequence[Slo], Mapping[str, Sequence[SloException]]]:
    """SLOs of files, with the exceptions that the database knows of SLOs of these names.

    Files can be tried before there is a database: one that is not there leaves a warning.
    """
    from infra.cli.database import reading
    from infra.settings import load
    from infra.slo_files import read_slos
    from infra.store import slo_exceptions

    found = read_slos(paths)
    if not honour or not load().database_url.get_secret_value():
        return found, {}
    try:
        with reading() as cursor:
            return found, slo_exceptions.load(cursor, [slo.name for slo in found])
    except (Unavailable, Misconfigured) as error:
        typer.echo(f"warning: pauses, silences and maintenance are not known: {error}", err=True)
        return found, {}


def _in_force(*, honour: bool) -> tuple[Sequence[Slo], Mapping[str, Sequence[SloException]]]:
    """The SLOs in force with their exceptions."""
    from infra.cli.database import reading
    from infra.store import slo_exceptions, slos

    with reading() as cursor:
        found = [stored.slo for stored in slos.load(cursor).slos]
        known = slo_exceptions.load(cursor) if honour else {}
    if not found:
        raise Misconfigured("no SLOs are in force: give --slo FILE")
    return found, known


def _variants(
    slos: Sequence[Slo], target: list[str] | None, threshold: list[str] | None, period: list[str] | None
) -> list[Variant]:
    from models.slo.openslo import rolling_window
    from models.slo.what_if import variants

    targets = [_target(word) for word in _words(target)]
    thresholds = [_number(word, "--threshold") for word in _words(threshold)]
    try:
        windows = [rolling_window(word) for word in _words(period)]
    except ValueError as error:
        raise Misconfigured(f"--period: {error}") from error
    return [variant for slo in slos for variant in variants(slo, targets, thresholds, windows)]


def _words(given: list[str] | None) -> list[str]:
    return [word.strip() for text in given or [] for word in text.split(",") if word.strip()]


def _number(word: str, option: str) -> float:
    try:
        return float(word)
    except ValueError as error:
        raise Misconfigured(f"{option}: {word!r} is not a number") from error


def _target(word: str) -> float:
    """A target as a ratio below 1 or as a percentage from 1 on, with or without its sign."""
    number = _number(word.removesuffix("%").rstrip(), "--target")
    ratio = round(number / 100, 12) if word.endswith("%") or number >= 1 else number
    if not 0 < ratio < 1:
        raise Misconfigured(f"--target: {word!r} leaves no error budget: say 0.999 or 99.9%")
    return ratio


def _span(since: str, until: str | None) -> tuple[int, int]:
    """Bounds of the lake's samples, nanoseconds."""
    now_ns = time.time_ns()
    to_ns = now_ns if until is None else _moment(until, "--until", now_ns)
    from_ns = _moment(since, "--since", now_ns)
    if from_ns >= to_ns:
        raise Misconfigured(f"--since {since} is not before --until {until or 'now'}")
    return from_ns, to_ns


def _moment(text: str, option: str, now_ns: int) -> int:
    from models.parse.event_time import event_time_ns

    ago = re.fullmatch(r"(\d{1,6})([smhdw])", text)
    if ago:
        return now_ns - int(ago[1]) * _UNITS_S[ago[2]] * 1_000_000_000
    with suppress(Rejected):
        return event_time_ns(text)
    raise Misconfigured(f"{option}: {text!r} is neither a time as in 2026-11-20T10:00:00Z nor a time ago as in 7d")


def _warnings(tried: Sequence[Variant], recorder: SloRecorder) -> list[str]:
    found = {
        f"{variant.slo.name}: no series of {binding.metric} for its {binding.role.value} events came"
        for number, variant in enumerate(tried)
        for binding in recorder.unmatched(number)
    }
    return sorted(found)


def _time(at_s: float) -> str:
    text = datetime.fromtimestamp(at_s, UTC).isoformat(timespec="seconds" if at_s == int(at_s) else "milliseconds")
    return text.replace("+00:00", "Z")


def _transitions(found: Sequence[Outcome]) -> list[dict[str, Any]]:
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


def _summary(outcome: Outcome) -> dict[str, Any]:
    from infra.cli.slo_exceptions import exception_json
    from models.names import Severity

    slo, alerts, period = outcome.variant.slo, outcome.alerts, outcome.period
    resets = [alert.reset_s for alert in alerts if alert.reset_s is not None]
    return {
        "slo": slo.name,
        "variant": outcome.variant.change,
        "target_ratio": slo.target_ratio,
        "period": slo.window.text,
        "pages": sum(alert.severity is Severity.PAGE for alert in alerts),
        "tickets": sum(alert.severity is Severity.TICKET for alert in alerts),
        "pages_for_noise": sum(alert.severity is Severity.PAGE and alert.noise for alert in alerts),
        "median_detection_s": median(alert.detection_s for alert in alerts) if alerts else None,
        "median_reset_s": median(resets) if resets else None,
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


def _show(found: Sequence[Outcome]) -> None:
    from infra.cli.slo import show_table
    from infra.cli.slo_exceptions import exception_text

    summaries = [_summary(outcome) for outcome in found]
    marked = any(s["suggested_target_ratio"] is not None or s["pages_for_noise"] for s in summaries)
    header = ["SLO", "tried", "target", "period", "pages", "tickets", "found in", "reset in", "bad", "left"]
    rows = [
        [
            s["slo"], s["variant"] or "as defined", _percent(s["target_ratio"]), s["period"], str(s["pages"]),
            str(s["tickets"]), _length(s["median_detection_s"]), _length(s["median_reset_s"]),
            _percent(s["error_ratio"]), _percent(s["budget_remaining_ratio"]),
            *([str(s["pages_for_noise"]), _percent(s["suggested_target_ratio"])] if marked else []),
        ]
        for s in summaries
    ]  # fmt: skip
    show_table([*header, *(["for noise", "suggested"] if marked else [])], rows, empty="no SLO")
    for text in dict.fromkeys(exception_text(one) for outcome in found for one in outcome.exceptions):
        print(f"honoured: {text}")
    changes = _transitions(found)
    if not changes:
        print("\nno alert would have been sent")
        return
    print()
    names = ["at", "slo", "variant", "severity", "burn_window", "state"]
    shown = names if any("variant" in change for change in changes) else [name for name in names if name != "variant"]
    lines = [[change.get(name, "") for name in shown] for change in changes[:SHOWN_TRANSITIONS]]
    show_table(shown, lines, empty="")
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
