"""`tidewatch feedback`: say which alerts were useful, noise or missed, and see what follows."""

from __future__ import annotations

import csv
import getpass
import sys
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.database import reading, writing
from infra.cli.tables import show_json
from models.errors import Misconfigured
from models.moments import moment_ns
from models.timestamps import DAY_NS

if TYPE_CHECKING:
    from infra.alerting.feedback import Consequence

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Say which alerts were useful, noise or missed: moves the service's anomaly threshold, teaches the next "
    "model, proposes changes of SLOs.",
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
By = Annotated[str | None, typer.Option("--by", help="Who says so; default: the user.")]
Service = Annotated[str | None, typer.Option("--service", help="Only this service.")]


class Said(StrEnum):
    """What can be said."""

    USEFUL = "useful"
    NOISE = "noise"
    MISSED = "missed"


@app.command(epilog="Example:  tidewatch feedback alerts --days 2")
def alerts(
    days: Annotated[
        float, typer.Option(min=0, max=100_000, help="Those that ended in the last days, and those that fire.")
    ] = 7.0,
    as_json: AsJson = False,
) -> None:
    """Alerts that can be judged, with the id to name them by."""
    from infra.alerting.feedback import known_alerts
    from infra.alerting.feedback_json import alert_json

    with reading() as cursor:
        found = known_alerts(cursor, time.time_ns() - int(days * DAY_NS))
    if as_json:
        show_json([alert_json(alert) for alert in found])
        return
    for alert in found:
        state = "fires" if alert.end_ns is None else "ended"
        said = f" [{alert.verdict.value}]" if alert.verdict else ""
        print(f"{alert.fingerprint[:8]} {_text(alert.start_ns)} {state} {alert.alertname}{said}: {alert.summary}")
    if not found:
        print("no alerts")


@app.command(
    epilog="Examples:  tidewatch feedback add noise 3fa1   ·   tidewatch feedback add useful 3fa1 --note 'disk full'"
    "   ·   tidewatch feedback add missed --service checkout --from 2026-11-21T10:00:00Z --to 2026-11-21T10:20:00Z"
    "   ·   tidewatch feedback add missed --slo checkout-latency --from -2h --to -90m"
)
def add(
    verdict: Annotated[Said, typer.Argument(help="What to say.")],
    alert: Annotated[str | None, typer.Argument(help="The alert: the first digits of its id.")] = None,
    service: Annotated[str | None, typer.Option("--service", help="What was missed: in this service.")] = None,
    entity: Annotated[str, typer.Option("--entity", help="... only this entity, service/instance.")] = "",
    slo: Annotated[str, typer.Option("--slo", help="... this SLO should have alerted.")] = "",
    start: Annotated[str | None, typer.Option("--from", help="... since: RFC 3339, or -2h.")] = None,
    end: Annotated[str, typer.Option("--to", help="... until.")] = "-0s",
    note: Annotated[str, typer.Option("--note", help="Why, for who reads it later.")] = "",
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Say that an alert was useful or noise, or that there should have been one."""
    from infra.alerting import feedback
    from models.alerting.feedback import Verdict

    now_ns, who = time.time_ns(), by or getpass.getuser()
    if verdict is not Said.MISSED:
        if alert is None:
            raise Misconfigured(f"which alert was {verdict.value}? see `tidewatch feedback alerts`")
        with writing() as cursor:
            found = feedback.mark_alert(cursor, alert, Verdict(verdict), note=note, marked_by=who, now_ns=now_ns)
        _tell(found, as_json)
        return
    if start is None or not (service or slo or entity) or alert is not None:
        raise Misconfigured("say what was missed: --service, --entity or --slo, and the time with --from and --to")
    with writing() as cursor:
        found = feedback.mark_missed_between(
            cursor,
            moment_ns(start, now_ns),
            moment_ns(end, now_ns),
            service=service or "",
            entity=entity,
            slo_name=slo,
            note=note,
            marked_by=who,
            now_ns=now_ns,
        )
    _tell(found, as_json)


@app.command(epilog="Example:  tidewatch feedback undo 12")
def undo(
    number: Annotated[int, typer.Argument(help="As `tidewatch feedback list` shows it.")],
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Take back what was said, with the threshold and the proposal that followed."""
    from infra.alerting import feedback

    with writing() as cursor:
        found = feedback.undo(cursor, number, undone_by=by or getpass.getuser(), now_ns=time.time_ns())
    _tell(found, as_json)


@app.command("list", epilog="Examples:  tidewatch feedback list   ·   tidewatch feedback list --service checkout --all")
def list_(
    service: Service = None,
    with_undone: Annotated[bool, typer.Option("--all", help="What was taken back, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """What was said, by whom."""
    from infra.alerting.feedback import said
    from infra.alerting.feedback_json import mark_json

    with reading() as cursor:
        found = said(cursor, service, with_undone=with_undone)
    if as_json:
        show_json([mark_json(stored) for stored in found])
        return
    for stored in found:
        mark = stored.mark
        what = mark.slo_name or mark.entity or mark.service
        undone = f" (taken back by {stored.undone_by})" if stored.undone_ns is not None else ""
        note = f": {stored.note}" if stored.note else ""
        span = f"{_text(mark.start_ns)} to {_text(mark.end_ns)}"
        print(f"{mark.id:>4} {mark.verdict.value:<7}{what} {span} by {stored.marked_by}{undone}{note}")
    if not found:
        print("nothing was said yet: tidewatch feedback alerts, then tidewatch feedback add")


@app.command(epilog="Example:  tidewatch feedback thresholds --service checkout")
def thresholds(service: Service = None, as_json: AsJson = False) -> None:
    """Factors on the services' anomaly thresholds, and every change of one."""
    from infra.alerting import feedback
    from infra.alerting.feedback_json import thresholds_json

    with reading() as cursor:
        found = feedback.thresholds(cursor, service)
    if as_json:
        show_json(thresholds_json(found))
        return
    for name, factor in found.factors.items():
        print(f"{name}: {factor:.3g}")
    for move in found.changes:
        step = f"{move.before:.3g} -> {move.after:.3g}"
        print(f"  {_text(move.changed_ns)} {move.service} {step} by {move.changed_by}, feedback {move.feedback_id}")
    if not found.factors:
        print("every threshold is as the false-alarm rate asks for")


@app.command(epilog="Example:  tidewatch feedback labels > known.csv; tidewatch backtest data/ --labels known.csv")
def labels(
    noise: Annotated[bool, typer.Option("--noise", help="What was noise, for `slo simulate --noise`.")] = False,
    service: Service = None,
) -> None:
    """What was abnormal, as entity,start,end: for `backtest --labels`."""
    from infra.alerting import feedback
    from models.timestamps import to_rfc3339

    with reading() as cursor:
        windows = feedback.labels(cursor, service, noise=noise)
    rows = csv.writer(sys.stdout, lineterminator="\n")
    rows.writerow(("entity", "start", "end"))
    for window in windows:
        rows.writerow((window.entity, to_rfc3339(window.start_ns), to_rfc3339(window.end_ns)))


def _tell(found: Consequence, as_json: bool) -> None:
    from infra.alerting.feedback_json import consequence_json

    proposal = found.proposal
    if as_json:
        show_json(consequence_json(found))
        return
    print(f"feedback {found.mark.id} on {found.mark.slo_name or found.mark.entity or found.mark.service}")
    if found.threshold_before != found.threshold_after:
        print(
            f"anomaly threshold of {found.mark.service}: {found.threshold_before:.3g} -> {found.threshold_after:.3g} "
            "times the one asked for"
        )
    if proposal is not None:
        print(f"proposal {proposal.id} for {proposal.slo_name}: {proposal.reason}; see `tidewatch slo proposals list`")
    elif found.mark.slo_name:
        print(f"no change of {found.mark.slo_name} is proposed: no other target agrees better with what was said")


def _text(time_ns: int) -> str:
    from models.timestamps import to_rfc3339

    return to_rfc3339(time_ns)
