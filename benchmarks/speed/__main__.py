"""`python -m benchmarks.speed [--only NAME] [--quick] [--again]`: prints a table, leaves it as JSON."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.speed import record, table
from benchmarks.speed.measurements import MEASUREMENTS, Measurement
from benchmarks.speed.record import LATEST, ROOT, Record
from models.errors import TidewatchError

QUICK: Final = ROOT / ".tidewatch" / "bench-quick.json"
FAILED: Final = 1


def main(arguments: Sequence[str]) -> int:
    """Exit code: 0 when everything was measured, whether or not it meets its goal."""
    chosen = _parser().parse_args(arguments)
    results = Record(chosen.out or (QUICK if chosen.quick else LATEST))
    if chosen.table:
        table.write(results)
        return 0
    code = record.commit()
    wanted = [one for one in MEASUREMENTS if not chosen.only or one.name in chosen.only]
    due = [one for one in wanted if chosen.again or not results.has(one.name, code)]
    for one in wanted:
        if one not in due:
            _say(f"{one.name}: measured by {code} already; --again repeats it")
    if due:
        # as `make setup` does: a worker that has to compile its loops holds 150 MB of compiler for the rest of its life
        warm_up = "from models.pipeline.warm_up import warm_up; warm_up()"
        subprocess.run([sys.executable, "-c", warm_up], cwd=ROOT, check=True)
    failed = []
    for number, one in enumerate(due):
        left_s = sum(other.quick_s if chosen.quick else other.full_s for other in due[number:])
        _say(f"{one.name}: {one.about} ({len(due) - number} to go, about {left_s / 60:.0f} min)")
        if not _measure(one, chosen, results, code):
            failed.append(one.name)
    rows = [row for row in results.rows if row["measurement"] in {one.name for one in wanted}]
    print(table.markdown(rows))
    if not chosen.quick and chosen.out is None:
        table.write(results)
    if failed:
        _say(f"not measured: {', '.join(failed)}")
    return FAILED if failed else 0


def _measure(one: Measurement, chosen: argparse.Namespace, results: Record, code: str) -> bool:
    """Take one measurement and put it down; False, with the reason told, where it could not be taken."""
    from benchmarks.speed.bench import Bench

    options = f"{' --quick' if chosen.quick else ''}{f' --backlog {chosen.backlog}' if chosen.backlog else ''}"
    command = f"python -m benchmarks.speed --only {one.name}{options}"
    began = time.monotonic()
    try:
        with Bench(lambda line: _say(f"  {line}"), quick=chosen.quick, backlog=chosen.backlog) as bench:
            figures = one.run(bench)
    except TidewatchError as error:
        _say(f"{one.name} failed: {error}")
        return False
    except Exception:  # noqa: BLE001 - the outermost loop: the other measurements go on, and the exit code tells
        _say(f"{one.name} failed: {traceback.format_exc()}")
        return False
    order = [each.name for each in MEASUREMENTS]
    results.replace(one.name, [figure.row(command) for figure in figures], code, order)
    _say(f"{one.name}: {time.monotonic() - began:.0f} s")
    return True


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    listed = "\n".join(f"  {one.name:<12} {one.full_s:4.0f} s  {one.about}" for one in MEASUREMENTS)
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed",
        description=__doc__,
        epilog=f"measurements, and how long they take on two cores:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=[one.name for one in MEASUREMENTS],
        metavar="NAME",
        help="one measurement; may be repeated",
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, one run: shows that it works, no figures")
    parser.add_argument("--again", action="store_true", help="measure what this commit has measured already, too")
    parser.add_argument("--backlog", type=int, help="samples of catch-up (default: 10,000,000; --quick: 240,000)")
    parser.add_argument("--table", action="store_true", help="only write the README's table anew")
    parser.add_argument("--out", type=Path, help=f"JSON file (default: results/{LATEST.name}; --quick: .tidewatch)")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
