"""`tidewatch slo simulate`: what SLOs would have alerted on, over past samples."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.database import open_database
from infra.cli.tables import show_json
from models.errors import Misconfigured
from models.moments import moment_ns

if TYPE_CHECKING:
    from infra.slo.simulate.what_if import Subjects
    from models.slo.definition import Slo
    from models.slo.simulate.what_if import Variant

EPILOG = (
    "Examples:  tidewatch slo simulate --data metrics.csv --slo slos/   ·   "
    "tidewatch slo simulate --data past/ --slo checkout.yaml --target 99.5,99.9 --noise noise.csv   ·   "
    "tidewatch slo simulate --lake --since 7d --json"
)


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
    from infra.cli.slo.simulated import show
    from infra.datafile.read import read_labels
    from infra.settings import load
    from infra.slo.simulate.what_if import LakeRange, outcome_json, simulate_variants, transitions_json

    if (data is None) == (not lake):
        raise Misconfigured("say where the samples are: either --data FILE or --lake")
    settings = load()
    marked = read_labels(noise) if noise else []
    subjects = _subjects(slo, honour_exclusions=exceptions)
    tried = _variants(subjects.slos, target, threshold, period)
    source = data if data is not None else LakeRange(Path(settings.lake_path), *_range(since, until, time.time_ns()))
    found = simulate_variants(tried, source, settings, every_s, noise=marked, exclusions=subjects.exclusions)
    for text in [*subjects.warnings, *found.warnings]:
        typer.echo(f"warning: {text}", err=True)
    if as_json:
        show_json([outcome_json(o) for o in found.outcomes] if summary else transitions_json(found.outcomes))
    else:
        show(found.outcomes)


def _subjects(paths: list[Path] | None, *, honour_exclusions: bool) -> Subjects:
    """The SLOs of files, or those in force."""
    from infra.settings import load
    from infra.slo.files import read_slos
    from infra.slo.simulate.what_if import defined, in_force

    if paths:
        slos = read_slos(paths)
        if not honour_exclusions or not load().database_url.get_secret_value():
            return defined(slos, None)
        with closing(open_database()) as database:
            return defined(slos, database)
    with closing(open_database()) as database:
        return in_force(database, honour_exclusions=honour_exclusions)


def _variants(
    slos: Sequence[Slo], target: list[str] | None, threshold: list[str] | None, period: list[str] | None
) -> list[Variant]:
    from models.slo.definition import ThresholdIndicator
    from models.slo.openslo.read import rolling_window
    from models.slo.simulate.what_if import variants

    targets = [_target(word) for word in _words(target)]
    thresholds = [_number(word, "--threshold") for word in _words(threshold)]
    if thresholds and not any(isinstance(slo.indicator, ThresholdIndicator) for slo in slos):
        raise Misconfigured(f"--threshold: none of {', '.join(slo.name for slo in slos)} has a threshold to change")
    try:
        windows = [rolling_window(word) for word in _words(period)]
    except ValueError as error:
        raise Misconfigured(f"--period: {error}") from error
    return [variant for slo in slos for variant in variants(slo, targets, thresholds, windows)]


def _words(given: list[str] | None) -> list[str]:
    return [word.strip() for text in given or [] for word in text.split(",") if word.strip()]


def _number(word: str, option: str) -> float:
    with suppress(ValueError):
        if math.isfinite(number := float(word)):
            return number
    raise Misconfigured(f"{option}: {word!r} is not a number")


def _target(word: str) -> float:
    """A target as a ratio below 1 or as a percentage from 1 on, with or without its sign."""
    from models.slo.burn import TIGHTEST_TARGET

    number = _number(word.removesuffix("%").rstrip(), "--target")
    ratio = round(number / 100, 12) if word.endswith("%") or number >= 1 else number
    if not 0 < ratio <= TIGHTEST_TARGET:
        raise Misconfigured(f"--target: {word!r} leaves no error budget: say 0.999 or 99.9%")
    return ratio


def _range(since: str, until: str | None, now_ns: int) -> tuple[int, int]:
    """Bounds of the lake's samples, nanoseconds."""
    to_ns = now_ns if until is None else moment_ns(until, now_ns)
    from_ns = moment_ns(since, now_ns)
    if from_ns >= to_ns:
        raise Misconfigured(f"--since {since} is not before --until {until or 'now'}")
    return from_ns, to_ns
