"""Past samples that count for SLOs, from DATA files or the lake."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from infra.datafile.read import read_data
from infra.lake.lake import LakeReader
from models.records import SampleColumns
from models.series import EntityRule
from models.slo.simulate.recorder import SloRecorder
from models.timestamps import DAY_NS

NO_LIMIT = 2**62
"""Rows of a day of the lake: all of them are wanted."""


def from_files(data: Path, recorder: SloRecorder, rule: EntityRule) -> Iterator[SampleColumns]:
    """Samples of DATA that count, in order of time across its files. They are in memory together, at 20 bytes each.

    Raises:
        Misconfigured: naming file, line and column.
    """
    index: dict[str, int] = {}
    parts = [_numbered(_wanted(chunk.columns, recorder, rule), index) for chunk in read_data(data, rule)]
    if not parts:
        return
    series = np.concatenate([part.series for part in parts])
    times = np.concatenate([part.event_time_ns for part in parts])
    values = np.concatenate([part.values for part in parts])
    order = np.argsort(times, kind="stable")
    yield SampleColumns(list(index), series[order], times[order], values[order])


def from_lake(lake: Path, recorder: SloRecorder, rule: EntityRule, from_ns: int, to_ns: int) -> Iterator[SampleColumns]:
    """Samples of the lake that count, with `from_ns <= event time < to_ns`, service by service and day by day.

    Raises:
        Unavailable: the lake cannot be read.
    """
    reader = LakeReader(lake)
    for service in reader.services():
        for day in range(from_ns // DAY_NS, (to_ns - 1) // DAY_NS + 1):
            begin, end = max(from_ns, day * DAY_NS), min(to_ns, (day + 1) * DAY_NS)
            yield _wanted(reader.read(service, begin, end, NO_LIMIT), recorder, rule)


def _wanted(columns: SampleColumns, recorder: SloRecorder, rule: EntityRule) -> SampleColumns:
    """The samples of the series that count."""
    wanted = np.array([recorder.wants(rule.identify(text)) for text in columns.series_ids], np.bool_)
    if wanted.all():
        return columns
    rows = np.flatnonzero(wanted[columns.series]) if len(wanted) else np.empty(0, np.int64)
    position = np.cumsum(wanted) - 1
    texts = [text for text, keep in zip(columns.series_ids, wanted.tolist(), strict=True) if keep]
    series = position[columns.series[rows]].astype(np.int32)
    return SampleColumns(texts, series, columns.event_time_ns[rows], columns.values[rows])


def _numbered(columns: SampleColumns, index: dict[str, int]) -> SampleColumns:
    """The same samples with series numbers of `index`, which grows by what is new."""
    numbers = np.array([index.setdefault(text, len(index)) for text in columns.series_ids], np.int32)
    series = numbers[columns.series] if len(numbers) else columns.series
    return SampleColumns([], series, columns.event_time_ns, columns.values)
