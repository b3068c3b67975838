"""`python -m benchmarks.quality.held_out OUT`: two public collections as data sets that nothing is tuned on.

- `services`: Dataset2 of NetManAIOps/JumpStarter (Ma et al., USENIX ATC 2021; MIT), 30 services of a content platform,
  19 metrics, five minutes; 20 days without labels come first.
- `cloud`: microsoft/cloud-monitoring-dataset (MIT), one series a file, minutes or hours; the first 15 % of each, at
  most 750 rows, are fed and not judged, as NAB has it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.quality.corpus import DataSet
from benchmarks.quality.nab import probation_rows
from infra.datafile.table import HISTORY, LABEL, PART, SCORED, TIMESTAMP
from models.errors import Misconfigured

EPILOG = """examples:
  git clone https://github.com/NetManAIOps/JumpStarter
  git clone https://github.com/microsoft/cloud-monitoring-dataset
  python -m benchmarks.quality.held_out heldout --services JumpStarter --cloud cloud-monitoring-dataset
  python -m benchmarks.quality DATA --held-out heldout --only services --only cloud
"""
SERVICES_BEGIN, SERVICES_EVERY = pd.Timestamp("2020-01-01", tz="UTC"), pd.Timedelta(minutes=5)
"""The collection has no times; a day of 288 rows has the shape of a day."""


def services(checkout: Path) -> Iterator[tuple[str, pd.DataFrame]]:
    """Name and wide table of every service in a checkout of JumpStarter.

    Raises:
        Misconfigured: a file is missing, or labels and rows are not as many.
    """
    folder = checkout / "dataset" / "Dataset2"
    for path in _files(folder / "train"):
        past, judged, labels = (_numbers(folder / kind / path.name) for kind in ("train", "test", "test_label"))
        if len(judged) != len(labels):
            raise Misconfigured(f"{path.name}: {len(judged)} rows have {len(labels)} labels")
        table = pd.DataFrame(np.vstack([past, judged]), columns=[f"m{number:02}" for number in range(past.shape[1])])
        table[LABEL] = np.concatenate([np.zeros(len(past), np.int8), labels[:, 0].astype(np.int8)])
        table[PART] = np.where(np.arange(len(table)) < len(past), HISTORY, SCORED)
        table.insert(0, TIMESTAMP, SERVICES_BEGIN + SERVICES_EVERY * np.arange(len(table)))
        yield path.stem, table


def cloud(checkout: Path) -> Iterator[tuple[str, pd.DataFrame]]:
    """Name and table of every series in a checkout of the cloud monitoring dataset.

    Raises:
        Misconfigured: a file is missing or has other columns.
    """
    for path in _files(checkout / "data", "*/*.csv"):
        read = pd.read_csv(path)
        if list(read.columns) != ["TimeStamp", "Value", "Label"]:
            raise Misconfigured(f"{path}: columns {', '.join(read.columns)}; expected TimeStamp, Value, Label")
        early = np.arange(len(read)) < probation_rows(len(read))
        yield (
            path.stem,
            pd.DataFrame(
                {
                    TIMESTAMP: pd.to_datetime(read["TimeStamp"], utc=True, format="mixed"),
                    "value": read["Value"].astype(np.float64),
                    LABEL: read["Label"].fillna(0).astype(np.int8),
                    PART: np.where(early, HISTORY, SCORED),
                }
            ),
        )


def _files(folder: Path, pattern: str = "*.csv") -> list[Path]:
    files = sorted(folder.glob(pattern))
    if not files:
        raise Misconfigured(f"{folder}: no files {pattern}; name the folder of a whole checkout")
    return files


def _numbers(path: Path) -> NDArray[np.float64]:
    if not path.is_file():
        raise Misconfigured(f"{path}: no such file; name the folder of a whole checkout")
    return np.asarray(pd.read_csv(path, header=None), dtype=np.float64)


READERS = {DataSet.SERVICES: services, DataSet.CLOUD: cloud}


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality.held_out",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("out", type=Path, help="folder to write services/ and cloud/ to")
    for data_set in READERS:
        parser.add_argument(f"--{data_set.value}", type=Path, metavar="CHECKOUT", help="where it was checked out")
    chosen = parser.parse_args(arguments)
    given = {data_set: getattr(chosen, data_set.value) for data_set in READERS if getattr(chosen, data_set.value)}
    if not given:
        parser.error("name at least one checkout")
    try:
        for data_set, checkout in given.items():
            folder = chosen.out / data_set.value
            folder.mkdir(parents=True, exist_ok=True)
            n = 0
            for name, table in READERS[data_set](checkout):
                table.to_parquet(folder / f"{name}.parquet", index=False)
                n += 1
            print(f"{folder}: {n} files")
    except Misconfigured as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
