"""`tidewatch produce`: publish metrics of this host, of files, or of simulated services to the `metrics` topic."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from infra.producers.pace import SystemWaitingClock
from infra.settings import Settings, load
from models.errors import Misconfigured
from models.moments import duration_s, moment_ns
from models.synthetic.incidents import parse_incident
from models.timestamps import DAY_S, SECOND_NS

if TYPE_CHECKING:
    from infra.producers.publisher import SamplePublisher
    from models.synthetic.services import Simulation

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode="markdown")
_errors = Console(stderr=True)
# how often a summary of a run without a terminal is worth a line
QUIET_EVERY_S: Final = 60.0

Json = Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")]
Interval = Annotated[float, typer.Option(min=0.05, help="Seconds between two readings.")]
Count = Annotated[int | None, typer.Option(min=1, help="End after this many readings.")]


@contextmanager
def _until_interrupted() -> Iterator[SystemWaitingClock]:
    """A clock that Ctrl-C and SIGTERM stop, so that what was handed on is still delivered."""
    clock = SystemWaitingClock()
    before: dict[int, Any] = {}

    def stop(*_: object) -> None:
        clock.stop()
        _restore(before)  # a second Ctrl-C ends at once

    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, stop)
    try:
        yield clock
    finally:
        _restore(before)


def _restore(handlers: dict[int, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)


@contextmanager
def _progress(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Something to tell how many samples were published; shown on a terminal, every minute otherwise."""
    if _errors.is_terminal:
        columns = [TextColumn(what), BarColumn(), MofNCompleteColumn(), TextColumn("samples"), TimeElapsedColumn()]
        with Progress(*columns, console=_errors, transient=True) as bar:
            task = bar.add_task(what, total=total)
            yield lambda samples: bar.advance(task, samples)
        return
    published, said_at = 0, time.monotonic()

    def tell(samples: int) -> None:
        nonlocal published, said_at
        published += samples
        if time.monotonic() - said_at >= QUIET_EVERY_S:
            said_at = time.monotonic()
            _errors.print(f"{what}: {published} samples", highlight=False)

    yield tell


def _publishing(
    settings: Settings, as_json: bool, what: str, interval_s: float = 1.0
) -> AbstractContextManager[SamplePublisher]:
    """A publisher to `metrics`; at the end one line about what came of it."""
    from infra.producers.publishing import Published, published_json, publishing

    def end(summary: Published) -> None:
        told = published_json(summary)
        line = "{what}: {samples} samples to {topic} in {seconds} s, {failed} not delivered".format(**told)
        typer.echo(json.dumps(told) if as_json else line)

    return publishing(settings, what, say=_errors.print, end=end, interval_s=interval_s)


@app.command()
def host(
    interval: Interval = 1.0,
    count: Count = None,
    instance: Annotated[str, typer.Option(help="Value of the instance label; this host's name when empty.")] = "",
    top: Annotated[int, typer.Option(min=0, max=20, help="Processes shown by rank; 0 for none.")] = 3,
    as_json: Json = False,
) -> None:
    """This machine: CPU, memory, disk, network, load, and the processes that use most.

    Every second until Ctrl-C: `tidewatch produce host`

    Ten readings, five seconds apart: `tidewatch produce host --interval 5 --count 10`
    """
    import socket

    from infra.producers.host import HostMetrics, machine_name, run

    settings = load()
    name = instance or machine_name(socket.gethostname())
    with _until_interrupted() as clock, _publishing(settings, as_json, "host", interval) as publisher:
        metrics = HostMetrics(name, top)
        with _progress("host") as progress:
            run(metrics, publisher, clock, interval_s=interval, count=count, progress=progress)


@app.command()
def replay(
    data: Annotated[Path, typer.Argument(help="A CSV (also .gz) or Parquet file, long or wide, or a folder of them.")],
    speed: Annotated[float, typer.Option(help="Seconds of data per second; 1 is real time, 0 full speed.")] = 0.0,
    shift_to_now: Annotated[bool, typer.Option("--shift-to-now", help="Move event times: the data end now.")] = False,
    skip: Annotated[int, typer.Option(min=0, help="Leave out this many samples, to go on after an interruption.")] = 0,
    as_json: Json = False,
) -> None:
    """Recorded metrics, in order of event time, all files on one time axis.

    The last day as if it happened now, in a minute: `tidewatch produce replay day.parquet --speed 1440 --shift-to-now`

    Everything at once: `tidewatch produce replay folder/ --shift-to-now`
    """
    from infra.producers import replay as replaying

    if speed and speed < 1:
        raise Misconfigured("--speed is 0 or at least 1: slower than real time, samples would arrive late")
    settings = load()
    span = replaying.measure(data, settings.entity_rule)
    with _until_interrupted() as clock, _publishing(settings, as_json, f"replay {data}") as publisher:
        now_ns = clock.now_ns()
        shift_ns = replaying.shift_to_now_ns(span, speed, now_ns) if shift_to_now else 0
        _warn_of_age(span.first_ns + shift_ns, now_ns, settings.max_age_s, shift_to_now)
        with _progress("replay", span.samples - skip) as progress:
            published = replaying.replay(
                replaying.merged(data, settings.entity_rule),
                publisher,
                clock,
                speed=speed,
                shift_ns=shift_ns,
                skip=skip,
                progress=progress,
            )
    if skip + published < span.samples:
        _errors.print(f"stopped: go on with --skip {skip + published}", highlight=False)


def _warn_of_age(first_ns: int, now_ns: int, max_age_s: float, shifted: bool) -> None:
    age_s = (now_ns - first_ns) / SECOND_NS
    if age_s > max_age_s:
        advice = "raise TIDEWATCH_MAX_AGE_S of the worker" if shifted else "use --shift-to-now"
        _errors.print(
            f"the oldest samples are {age_s / DAY_S:.0f} days old and will be refused as too old "
            f"(allowed: {max_age_s / DAY_S:g} days): {advice}",
            highlight=False,
        )


@app.command()
def simulate(
    services: Annotated[str, typer.Option(help="Which services, with commas.")] = "checkout,search,payments",
    seed: Annotated[int, typer.Option(help="The same seed gives the same values.")] = 1,
    interval: Interval = 1.0,
    count: Count = None,
    backfill: Annotated[str, typer.Option(help="History to publish first, such as 30m or 2d.")] = "0s",
    incident: Annotated[
        list[str] | None,
        typer.Option(help="SERVICE[/INSTANCE]:KIND@START[+DURATION][*MAGNITUDE]; START counts from after the history."),
    ] = None,
    write: Annotated[Path | None, typer.Option(help="Write a data set with labels to this folder instead.")] = None,
    duration: Annotated[str, typer.Option(help="With --write: how much, such as 7d.")] = "1d",
    start: Annotated[str, typer.Option(help="With --write: first event time; empty: so that the data end now.")] = "",
    file_format: Annotated[str, typer.Option("--format", help="With --write: parquet or csv.")] = "parquet",
    as_json: Json = False,
) -> None:
    """Services whose metrics hang together, with incidents.

    Kinds: latency, errors, cpu, memory_leak, traffic_drop, level_shift, silence.

    Live, after half an hour of history, with an incident two minutes from now:
    `tidewatch produce simulate --backfill 30m --incident checkout:latency@2m+5m*3`

    A labelled data set for backtest:
    `tidewatch produce simulate --write DIR --duration 7d --interval 60 --incident search/search-2:memory_leak@5d+3h`
    """
    from infra.producers.dataset import ending_at_ns
    from infra.producers.simulate import LiveSimulation
    from models.synthetic.services import Simulation, choose_services

    profiles = choose_services([name.strip() for name in services.split(",") if name.strip()])
    incidents = [parse_incident(spec) for spec in incident or ()]
    with _until_interrupted() as clock:
        if write is not None:
            lasts_s = duration_s(duration)
            now_ns = clock.now_ns()
            start_ns = moment_ns(start, now_ns) if start else ending_at_ns(now_ns, lasts_s, interval)
            simulation = Simulation(profiles, seed=seed, start_ns=start_ns, interval_s=interval, incidents=incidents)
            _write(simulation, round(lasts_s / interval), write, file_format, as_json)
            return
        settings = load()
        with _publishing(settings, as_json, "simulate", interval) as publisher:
            live = LiveSimulation(
                profiles,
                publisher,
                clock,
                seed=seed,
                interval_s=interval,
                backfill_s=duration_s(backfill),
                incidents=incidents,
            )
            with _progress("history") as progress:
                live.backfill(progress)
            with _progress("live") as progress:
                live.run(count, progress)


def _write(simulation: Simulation, ticks: int, folder: Path, file_format: str, as_json: bool) -> None:
    from infra.producers.dataset import write_dataset

    with _progress("write", ticks * len(simulation.series)) as progress:
        files = write_dataset(simulation, ticks, folder, file_format, progress)
    summary = {
        "files": [str(file) for file in files],
        "ticks": ticks,
        "series": len(simulation.series),
        "labels": len(simulation.labels()),
    }
    line = f"{ticks} ticks of {len(simulation.series)} series in {files[0]}, {summary['labels']} labels in {files[1]}"
    typer.echo(json.dumps(summary) if as_json else line)
