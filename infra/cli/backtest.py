"""`tidewatch backtest`: the same core over files, without Kafka or PostgreSQL."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from infra.cli.tables import show_json

MILLION = 1_000_000
EPILOG = (
    "Examples:  tidewatch backtest metrics.csv --out out   ·   "
    "tidewatch backtest data/ --labels labels.csv --slo slos/ --out out --json"
)


def command(
    data: Annotated[Path, typer.Argument(help="A CSV (.gz too) or Parquet file, or a folder of them.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for scores.csv and report.json; made if need be.")],
    labels: Annotated[
        Path | None, typer.Option("--labels", help="CSV with entity,start,end; default: the files' `label` column.")
    ] = None,
    slo: Annotated[list[Path] | None, typer.Option("--slo", help="OpenSLO files or folders to count for.")] = None,
    batch_samples: Annotated[
        int, typer.Option("--batch-samples", min=1, help="Samples a fold; the scores do not depend on it.")
    ] = 65_536,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Score files exactly as the live system would have, trainings included.

    DATA is long (`timestamp,metric,value` and label columns) or wide (`timestamp` and a column per metric). Without a
    `service` or `instance` label, a file's name is its entity.
    """
    from infra.backtest.run import REPORT_FILE, SCORES_FILE, backtest
    from infra.datafile.read import read_labels
    from infra.packages import require_packages
    from infra.settings import load
    from infra.slo.files import read_slos

    require_packages("sklearn", "river")
    known = read_labels(labels) if labels else None
    slos = read_slos(slo) if slo else []
    with _progress() as on_progress:
        figures = backtest(load(), data, out, slos=slos, labels=known, batch=batch_samples, on_progress=on_progress)
    if as_json:
        show_json(figures)
        return
    _show(figures)
    print(f"\n{out / SCORES_FILE}\n{out / REPORT_FILE}")


@contextmanager
def _progress() -> Iterator[Callable[[Path, int], None]]:
    """A line that is redrawn on a terminal, and silence anywhere else."""
    if not sys.stderr.isatty():
        yield lambda path, samples: None
        return

    def say(path: Path, samples: int) -> None:
        line = f"{path.name}: {samples / MILLION:.1f} M samples so far"
        print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)

    try:
        yield say
    finally:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _show(figures: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    from infra.terminal import cell

    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in figures.items():
        if not isinstance(value, list):
            table.add_row(name.replace("_", " "), "-" if value is None else f"{value:,}")
    console = Console()
    console.print(table)
    for title, key in (("Trainings", "trainings"), ("SLOs", "slos")):
        entries = figures.get(key) or []
        if entries:
            listed = Table(title=title, title_justify="left", box=None, pad_edge=False)
            for column in entries[0]:
                listed.add_column(column.replace("_", " "), overflow="fold")
            for entry in entries:
                listed.add_row(*(cell("-" if value is None else str(value)) for value in entry.values()))
            console.print(listed)
