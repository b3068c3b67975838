"""Labelled streams of the data folder: what is fed, what is judged, and which files may be tuned on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.nab import probation_rows
from infra.datafile.read import data_files, read_file, read_labels
from infra.datafile.table import LABEL, PART, TIMESTAMP, load_table, numbers, times_ns
from infra.settings import load
from models.errors import Misconfigured
from models.labels import LabelWindow

DAY_NS = 86_400_000_000_000


class DataSet(StrEnum):
    """Folders of the data; `injected` is made of two others."""

    NAB = "nab"
    SMD = "smd"
    ASD = "asd"
    INJECTED = "injected"
    SERVICES = "services"
    CLOUD = "cloud"


HELD_OUT = (DataSet.SERVICES, DataSet.CLOUD)
"""Made by `held_out`; no figure of theirs ever chose between configurations, but looks at them led to trying some."""

HANDED_OVER = (DataSet.NAB, DataSet.SMD, DataSet.ASD)


class CorpusPart(StrEnum):
    """Tuning files may have shaped the configuration; reporting files have not."""

    TUNING = "tuning"
    REPORTING = "reporting"


TUNING_ENTITIES = {
    DataSet.SMD: frozenset({"machine-1-6"}),
    DataSet.ASD: frozenset({"omi-1", "omi-2", "omi-3"}),
}
"""Of NAB: the files at even places (0, 2, ...) in the sorted list of names."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One file of one entity.

    Attributes:
        data_set, part: where it belongs. entity: the file's stem. path: the file.
        metrics: names of the columns of values.
        time_ns: int64 `(n,)`, in the file's order. values: float64 `(n, k)`, NaN missing.
        judged: bool `(n,)`, False for rows that are fed and not judged.
        windows: labelled time ranges, ends included, in order of time.
    """

    data_set: DataSet
    part: CorpusPart
    entity: str
    path: Path
    metrics: tuple[str, ...]
    time_ns: NDArray[np.int64]
    values: NDArray[np.float64]
    judged: NDArray[np.bool_]
    windows: tuple[LabelWindow, ...]

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Rows within a labelled window, bool `(n,)`."""
        marked = np.zeros(len(self.time_ns), np.bool_)
        for window in self.windows:
            marked |= (self.time_ns >= window.start_ns) & (self.time_ns <= window.end_ns)
        return marked

    @property
    def judged_windows(self) -> list[LabelWindow]:
        """Windows that reach into the judged rows."""
        first = int(self.time_ns[self.judged].min())
        return [window for window in self.windows if window.end_ns >= first]

    @property
    def judged_days(self) -> float:
        """Length of the judged part."""
        times = self.time_ns[self.judged]
        return float(times.max() - times.min()) / DAY_NS


def load_streams(data: Path, chosen: Sequence[DataSet]) -> list[Stream]:
    """Streams of the chosen data sets, sorted by name within each.

    Raises:
        Misconfigured: the folder, a data set or the labels are missing.
    """
    if not data.is_dir():
        raise Misconfigured(f"{data}: no such folder; name the one that holds nab/, smd/ and asd/")
    streams = []
    for data_set in chosen:
        files = data_files(data / data_set.value)
        windows = _nab_windows(data) if data_set is DataSet.NAB else None
        for place, path in enumerate(files):
            entity = path.name.removesuffix(".parquet").removesuffix(".csv")
            tuned = place % 2 == 0 if data_set is DataSet.NAB else entity in TUNING_ENTITIES.get(data_set, ())
            part = CorpusPart.TUNING if tuned else CorpusPart.REPORTING
            streams.append(read_stream(path, entity, data_set, part, None if windows is None else windows[entity]))
    return streams


def _nab_windows(data: Path) -> dict[str, list[LabelWindow]]:
    path = data / "nab_windows.csv"
    if not path.is_file():
        raise Misconfigured(f"{path}: no such file; NAB's files need their labelled windows")
    windows: dict[str, list[LabelWindow]] = defaultdict(list)
    for window in sorted(read_labels(path), key=lambda window: window.start_ns):
        windows[window.entity].append(window)
    return windows


def read_stream(
    path: Path, entity: str, data_set: DataSet, part: CorpusPart, windows: Sequence[LabelWindow] | None
) -> Stream:
    """One wide file; its own labels and parts where `windows` is None, NAB's probation where it is not."""
    table = load_table(path)
    time_ns = times_ns(table, path)
    metrics = [name for name in table.column_names if name not in (TIMESTAMP, LABEL, PART)]
    values = np.column_stack([numbers(table, name, path) for name in metrics])
    if windows is None:
        described = next(read_file(path, load().entity_rule)).file
        windows = described.labels or ()
        judged = time_ns >= described.scored_from_ns.get(entity, -(2**62))
    else:
        judged = np.arange(len(time_ns)) >= probation_rows(len(time_ns))
    return Stream(data_set, part, entity, path, tuple(metrics), time_ns, values, judged, tuple(windows))
