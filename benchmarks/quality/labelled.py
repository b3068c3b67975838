"""The sections on labelled data: every detector over every stream, scores to figures, figures to tables."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.quality.corpus import HELD_OUT, DataSet, Stream, load_streams
from benchmarks.quality.detectors import SHIPPED, VARIATIONS, Scored, choose, run
from benchmarks.quality.entity_figures import entity_rows
from benchmarks.quality.injected import injected as injected_streams
from benchmarks.quality.nab_figures import nab_rows
from benchmarks.quality.runs import run_all
from benchmarks.quality.tables import markdown

NAB_COLUMNS = {
    "detector": "detector",
    "reading": "detections are",
    "files": "files",
    "standard": "standard",
    "low_fp": "low FP",
    "low_fn": "low FN",
}
ENTITY_COLUMNS = {
    "detector": "detector",
    "files": "entities",
    "vus_pr": "VUS-PR",
    "average_precision": "AP",
    "precision": "precision",
    "recall": "recall",
    "alerts": "alerts",
    "windows": "windows",
    "median_delay_s": "median delay, s",
}


def nab(chosen: argparse.Namespace) -> dict[str, Any]:
    """Numenta's corpus and score."""
    streams = load_streams(folder_of(DataSet.NAB, chosen), [DataSet.NAB])
    by_detector = _scores(DataSet.NAB, streams, chosen)
    rows = [
        row for name, scored in by_detector.items() for row in nab_rows(name, streams, [one.score for one in scored])
    ]
    print(f"\nNAB, {len(streams)} files\n\n{markdown(rows, NAB_COLUMNS)}", flush=True)
    return {"rows": rows}


def smd(chosen: argparse.Namespace) -> dict[str, Any]:
    """Servers, 38 metrics, one minute."""
    return _entities(DataSet.SMD, chosen)


def asd(chosen: argparse.Namespace) -> dict[str, Any]:
    """Application servers, 19 metrics, five minutes."""
    return _entities(DataSet.ASD, chosen)


def injected(chosen: argparse.Namespace) -> dict[str, Any]:
    """Single series of SMD's and ASD's unlabelled past with faults put into them."""
    with tempfile.TemporaryDirectory(prefix="tidewatch-injected-") as folder:
        return _figures(DataSet.INJECTED, injected_streams(chosen.data, Path(folder)), chosen)


def services(chosen: argparse.Namespace) -> dict[str, Any]:
    """Held out: services of a content platform, 19 metrics, five minutes."""
    return _entities(DataSet.SERVICES, chosen)


def cloud(chosen: argparse.Namespace) -> dict[str, Any]:
    """Held out: single series of cloud services, minutes or hours."""
    return _entities(DataSet.CLOUD, chosen)


def _entities(data_set: DataSet, chosen: argparse.Namespace) -> dict[str, Any]:
    return _figures(data_set, load_streams(folder_of(data_set, chosen), [data_set]), chosen)


def _figures(data_set: DataSet, streams: list[Stream], chosen: argparse.Namespace) -> dict[str, Any]:
    by_detector = _scores(data_set, streams, chosen)
    rows = [
        row for name, scored in by_detector.items() for row in entity_rows(name, streams, [one.score for one in scored])
    ]
    rows += [
        row for name, scored in by_detector.items() if name in VARIATIONS for row in _as_alerted(name, streams, scored)
    ]
    print(f"\n{data_set.value.upper()}, {len(streams)} entities\n\n{markdown(rows, ENTITY_COLUMNS)}", flush=True)
    return {"rows": rows}


def _as_alerted(name: str, streams: list[Stream], scored: list[Scored]) -> list[dict[str, Any]]:
    """What the backtest itself reports of the alerts it raised at its own threshold, over all entities."""
    reports = [one.played.report for one in scored if one.played is not None]
    if not reports:
        return []
    alerts, windows = sum(r["alerts"] for r in reports), sum(r["labelled_windows"] for r in reports)
    right = sum((r["event_precision"] or 0.0) * r["alerts"] for r in reports)
    hit = sum((r["event_recall"] or 0.0) * r["labelled_windows"] for r in reports)
    days = sum(stream.judged_days for stream in streams)
    return [
        {
            "detector": f"{name}, alerts as raised ({alerts / days:.2f} a day)",
            "files": "all",
            "precision": right / alerts if alerts else float("nan"),
            "recall": hit / windows if windows else float("nan"),
            "alerts": alerts,
            "windows": windows,
        }
    ]


def _scores(data_set: DataSet, streams: list[Stream], chosen: argparse.Namespace) -> dict[str, list[Scored]]:
    """Each detector's results on the streams, in their order."""
    detectors = choose(chosen.detector or [], data_set, lambda line: print(line, file=sys.stderr))
    # the shipped configuration takes longest, and long streams before short ones
    tasks = {
        f"{detector} {stream.entity}": (detector, stream)
        for detector in detectors
        for stream in sorted(streams, key=lambda stream: -stream.values.size)
    }
    results = run_all(tasks, _run, chosen.jobs)
    if chosen.plots is not None and SHIPPED in detectors:
        from benchmarks.quality.plots import plot

        for stream in streams:
            played = results[f"{SHIPPED} {stream.entity}"].played
            if played is not None:
                plot(stream, played, chosen.plots)
    return {detector: [results[f"{detector} {stream.entity}"] for stream in streams] for detector in detectors}


def folder_of(data_set: DataSet, chosen: argparse.Namespace) -> Path:
    """The folder that has the data set's."""
    folder: Path = chosen.held_out if data_set in HELD_OUT and chosen.held_out is not None else chosen.data
    return folder


def _run(task: tuple[str, Stream]) -> Scored:
    return run(*task)
