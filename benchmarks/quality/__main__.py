"""`python -m benchmarks.quality DATA`: how well the shipped configuration detects, beside the usual detectors."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.quality import labelled
from benchmarks.quality.attribution import attribution
from benchmarks.quality.calibration import calibration
from benchmarks.quality.corpus import HELD_OUT, DataSet
from benchmarks.quality.cost import cost
from benchmarks.quality.drift import drift
from benchmarks.quality.runs import usual_jobs
from benchmarks.quality.tables import write_section
from models.errors import Misconfigured

RESULTS = Path(__file__).parents[1] / "results" / "quality.json"
EPILOG = """examples:
  python -m benchmarks.quality ../shared/data                             everything
  python -m benchmarks.quality ../shared/data --only nab --detector tidewatch
  python -m benchmarks.quality ../shared/data --only smd --only asd --plots /tmp/plots
"""

Section = Callable[[argparse.Namespace], dict[str, Any]]
SECTIONS: dict[str, Section] = {
    "nab": labelled.nab,
    "smd": labelled.smd,
    "asd": labelled.asd,
    "injected": labelled.injected,
    "services": labelled.services,
    "cloud": labelled.cloud,
    "calibration": calibration,
    "attribution": attribution,
    "drift": drift,
    "cost": cost,
}


def main(arguments: Sequence[str]) -> int:
    chosen = _parser().parse_args(arguments)
    command = "python -m benchmarks.quality DATA"
    try:
        for name in chosen.only or SECTIONS:
            if name in HELD_OUT and not (folder := labelled.folder_of(DataSet(name), chosen) / name).is_dir():
                print(f"left out: {name}: no folder {folder}; `python -m benchmarks.quality.held_out` makes it")
                continue
            body = SECTIONS[name](chosen)
            # a part of the detectors is a look; only a whole section replaces what is on record
            if chosen.out is not None or not chosen.detector:
                write_section(chosen.out or RESULTS, name, f"{command} --only {name}{_options(name, chosen)}", body)
    except Misconfigured as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _options(section: str, chosen: argparse.Namespace) -> str:
    if section == "calibration":
        return "".join(f" --asked {asked:g}" for asked in chosen.asked or ())
    return " --held-out FOLDER" if section in HELD_OUT and chosen.held_out is not None else ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", type=Path, help="folder with nab/, nab_windows.csv, smd/ and asd/")
    parser.add_argument("--held-out", type=Path, help="folder with services/ and cloud/ (default: the same)")
    parser.add_argument("--only", action="append", choices=list(SECTIONS), help="one section; may be repeated")
    parser.add_argument("--detector", action="append", help="one detector, such as tidewatch; may be repeated")
    parser.add_argument("--jobs", type=int, default=usual_jobs(), help="processes (default: one per core)")
    parser.add_argument(
        "--asked", type=float, action="append", help="calibration: false alarms a week to ask for (default: 1 and 7)"
    )
    parser.add_argument("--plots", type=Path, help="folder for a picture per stream: score, band, labels")
    parser.add_argument("--out", type=Path, help=f"JSON file (default: {RESULTS.name}, when all detectors ran)")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
