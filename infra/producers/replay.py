"""DATA files as a live stream: all files on one time axis, in real time, faster, or as fast as the broker takes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from infra.datafile.read import data_files, read_file
from infra.producers.pace import WaitingClock
from infra.producers.simulate import Sink
from models.errors import Misconfigured
from models.records import SampleColumns
from models.series import EntityRule

# samples of one file taken at a time: small enough that merging many files needs little beside the files themselves
CHUNK_SAMPLES: Final = 8192
# paced replays publish what falls into one such stretch of wall time together
SLICE_NS: Final = 200_000_000


@dataclass(frozen=True, slots=True)
class ReplayExtent:
    """What a replay will publish: number of samples, first and last event time."""

    samples: int
    first_ns: int
    last_ns: int


def measure(path: Path, entity_rule: EntityRule) -> ReplayExtent:
    """The span of all files; raises `Misconfigured` where one is faulty, before anything is published."""
    spans = [_span(file, entity_rule) for file in data_files(path)]
    filled = [span for span in spans if span.samples]
    if not filled:
        raise Misconfigured(f"{path}: no samples")
    return ReplayExtent(sum(s.samples for s in filled), min(s.first_ns for s in filled), max(s.last_ns for s in filled))


def _span(file: Path, entity_rule: EntityRule) -> ReplayExtent:
    samples, first_ns, last_ns = 0, 0, 0
    for chunk in read_file(file, entity_rule):
        if len(chunk.columns):
            first_ns = first_ns if samples else int(chunk.columns.event_time_ns[0])
            last_ns = int(chunk.columns.event_time_ns[-1])
            samples += len(chunk.columns)
    return ReplayExtent(samples, first_ns, last_ns)


def merged(path: Path, entity_rule: EntityRule, chunk_samples: int = CHUNK_SAMPLES) -> Iterator[SampleColumns]:
    """Samples of all files in order of event time; all files are held in memory."""
    sources = [_filled(file, entity_rule, chunk_samples) for file in data_files(path)]
    heads = [(next(source, None), source) for source in sources]
    while heads := [(head, source) for head, source in heads if head is not None]:
        if len(heads) == 1:
            yield heads[0][0]
            yield from heads[0][1]
            return
        # everything up to the earliest end of a chunk is complete: no file has more of it
        horizon_ns = min(int(head.event_time_ns[-1]) for head, _ in heads)
        ready, rest = [], []
        for head, source in heads:
            cut = int(np.searchsorted(head.event_time_ns, horizon_ns, side="right"))
            if cut:
                ready.append(_part(head, slice(None, cut)))
            rest.append((_part(head, slice(cut, None)) if cut < len(head) else next(source, None), source))
        yield _in_time_order(ready)
        heads = rest


def _filled(file: Path, entity_rule: EntityRule, chunk_samples: int) -> Iterator[SampleColumns]:
    return (chunk.columns for chunk in read_file(file, entity_rule, chunk_samples) if len(chunk.columns))


def _part(columns: SampleColumns, part: slice) -> SampleColumns:
    return SampleColumns(columns.series_ids, columns.series[part], columns.event_time_ns[part], columns.values[part])


def _in_time_order(parts: list[SampleColumns]) -> SampleColumns:
    if len(parts) == 1:
        return parts[0]
    series_ids: list[str] = []
    series = []
    for part in parts:
        series.append(part.series + len(series_ids))
        series_ids.extend(part.series_ids)
    times = np.concatenate([part.event_time_ns for part in parts])
    order = np.argsort(times, kind="stable")
    return SampleColumns(
        series_ids,
        np.concatenate(series).astype(np.int32)[order],
        times[order],
        np.concatenate([part.values for part in parts])[order],
    )


def shift_to_now_ns(span: ReplayExtent, speed: float, now_ns: int) -> int:
    """What to add to event times so that the last sample is published at its own time, and none before its own.

    At real speed the first sample is now; as fast as possible, the last one is.
    """
    lasts_ns = round((span.last_ns - span.first_ns) / speed) if speed else 0
    return now_ns + lasts_ns - span.last_ns


def replay(
    batches: Iterator[SampleColumns],
    sink: Sink,
    clock: WaitingClock,
    *,
    speed: float = 0.0,
    shift_ns: int = 0,
    skip: int = 0,
    progress: Callable[[int], None] = lambda samples: None,
) -> int:
    """Publish the batches; returns how many samples, fewer than there are when the clock was stopped.

    Args:
        batches: in order of event time.
        speed: seconds of the data per second; 0 = as fast as the sink takes them.
        shift_ns: added to every event time.
        skip: samples left out at the start, to go on where an earlier replay stopped.
        progress: told how many samples were published, every time.
    """
    published = 0
    began_ns, first_ns = clock.now_ns(), None
    for batch in batches:
        columns = _part(batch, slice(skip, None))
        skip = max(0, skip - len(batch))
        if not len(columns):
            continue
        first_ns = int(columns.event_time_ns[0]) if first_ns is None else first_ns
        for part in _slices(columns, first_ns, speed):
            due_ns = began_ns + round((int(part.event_time_ns[-1]) - first_ns) / speed) if speed else began_ns
            if not clock.sleep_until(due_ns):
                return published
            sink.publish(SampleColumns(part.series_ids, part.series, part.event_time_ns + shift_ns, part.values))
            published += len(part)
            progress(len(part))
    return published


def _slices(columns: SampleColumns, first_ns: int, speed: float) -> Iterator[SampleColumns]:
    """Stretches of wall time at this speed; all at once at full speed."""
    if not speed:
        yield columns
        return
    slice_number = ((columns.event_time_ns - first_ns) / (speed * SLICE_NS)).astype(np.int64)
    edges = [0, *(np.flatnonzero(np.diff(slice_number)) + 1).tolist(), len(columns)]
    for start, end in pairwise(edges):
        yield _part(columns, slice(start, end))
