"""Plays DATA files through the core, file after file, and gathers what comes out."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from infra.backtest.report import BacktestTotals, report
from infra.backtest.score_file import ScoreFile
from infra.datafile.read import DataFile, data_files, read_file
from infra.pipeline_config import pipeline_config
from infra.settings import Settings
from models.errors import Misconfigured
from models.evaluation.backtest import Backtest, Training
from models.labels import LabelWindow
from models.pipeline.pipeline import Pipeline
from models.records import SampleColumns
from models.slo.definition import Slo
from models.state.results import Folded
from models.training.train import TrainingRules

SCORES_FILE = "scores.csv"
REPORT_FILE = "report.json"
BATCH_SAMPLES = 65_536


def backtest(
    settings: Settings,
    data: Path,
    out: Path,
    *,
    slos: Sequence[Slo] = (),
    labels: Sequence[LabelWindow] | None = None,
    batch: int = BATCH_SAMPLES,
    on_progress: Callable[[Path, int], None] = lambda path, samples: None,
) -> dict[str, Any]:
    """Score DATA as the live system would have: `scores.csv` and `report.json` in `out`, and the report.

    Args:
        data: a DATA file or a folder of them.
        out: folder, made if need be.
        slos: objectives to count for.
        labels: abnormal time ranges; None: those of the files' `label` columns, where there are any.
        batch: samples a fold; the scores do not depend on it.
        on_progress: told a file and how many samples were scored, again and again.

    Raises:
        Misconfigured: a file cannot be read, or files of the same entities overlap in time.
    """
    out.mkdir(parents=True, exist_ok=True)
    figures = BacktestRun(settings, slos, batch, on_progress).play(data, out, labels)
    (out / REPORT_FILE).write_text(json.dumps(figures, indent=2) + "\n")
    return figures


@dataclass
class Group:
    """Files that continue one another: they hold the same entities, one after the other in time."""

    pipeline: Pipeline
    backtest: Backtest
    entities: frozenset[str]
    newest_ns: int = -(2**62)


@dataclass
class BacktestRun:
    """One run of the command."""

    settings: Settings
    slos: Sequence[Slo]
    batch_samples: int
    on_progress: Callable[[Path, int], None]
    groups: list[Group] = field(default_factory=list)
    files: list[DataFile] = field(default_factory=list)
    collected: BacktestTotals = field(default_factory=BacktestTotals)
    slo_totals: dict[int, list[float]] = field(default_factory=lambda: defaultdict(lambda: [0.0, 0.0]))

    def play(self, data: Path, out: Path, labels: Sequence[LabelWindow] | None) -> dict[str, Any]:
        """Write `scores.csv` into `out` and return the report.

        Args:
            data: a DATA file or a folder of them.
            out: folder that exists.
            labels: abnormal time ranges; None: those of the files' `label` columns, where there are any.

        Raises:
            Misconfigured: a file cannot be read, or files of the same entities overlap in time.
        """
        began = time.perf_counter()
        with ScoreFile(out / SCORES_FILE) as scores:
            for path in data_files(data):
                for group, batch in self._batches(path):
                    for folded in group.backtest.play(batch):
                        self._take(folded, group, scores)
            for group in self.groups:
                self._take(group.backtest.finish(), group, scores)
        known = labels if labels is not None else self._labels()
        scored_from = {entity: ns for file in self.files for entity, ns in file.scored_from_ns.items()}
        figures = report(self.collected, known, scored_from, time.perf_counter() - began)
        figures["trainings"] = [_told(training) for group in self.groups for training in group.backtest.trainings]
        if self.slos:
            figures["slos"] = [self._slo_figures(number, slo) for number, slo in enumerate(self.slos)]
        return figures

    def _batches(self, path: Path) -> Iterator[tuple[Group, SampleColumns]]:
        group = None
        for chunk in read_file(path, self.settings.entity_rule, self.batch_samples):
            if group is None:
                self.files.append(chunk.file)
                group = self._group_of(chunk.file, int(chunk.columns.event_time_ns[0]) if len(chunk.columns) else 0)
            self.collected.samples += len(chunk.columns)
            if len(chunk.columns):
                group.newest_ns = max(group.newest_ns, int(chunk.columns.event_time_ns[-1]))
            self.on_progress(path, self.collected.samples)
            yield group, chunk.columns

    def _group_of(self, file: DataFile, first_ns: int) -> Group:
        entities = frozenset(file.entities)
        for group in self.groups:
            if group.entities & entities:
                if first_ns <= group.newest_ns:
                    raise Misconfigured(
                        f"{file.path}: begins before an earlier file with the same entities "
                        f"({', '.join(sorted(group.entities & entities)[:3])}) ends; "
                        "name the files in order of time, or give each file entities of its own"
                    )
                group.entities |= entities
                return group
        self.groups.append(self._new_group(entities))
        return self.groups[-1]

    def _new_group(self, entities: frozenset[str]) -> Group:
        settings = self.settings
        pipeline = Pipeline(pipeline_config(settings))
        pipeline.use_slos([binding for number, slo in enumerate(self.slos) for binding in slo.bindings(number)])
        rules = TrainingRules(
            entity_rule=self.settings.entity_rule,
            lateness_s=settings.lateness_s,
            alerts_per_entity_week=settings.alerts_per_entity_week,
            min_rows=settings.training_min_rows,
            max_rows=settings.training_max_rows,
        )
        backtest = Backtest(
            pipeline, rules, cooldown_s=settings.retrain_cooldown_s, history_s=settings.training_history_s
        )
        return Group(pipeline, backtest, entities)

    def _take(self, folded: Folded, group: Group, scores: ScoreFile) -> None:
        names = [name.entity for name in group.pipeline.entities]
        self.collected.add(folded, names)
        scores.write(folded.rows, names)
        counts = folded.slo_counts
        for number in np.unique(counts.slo_id).tolist():
            of_slo = counts.slo_id == number
            self.slo_totals[number][0] += float(counts.good[of_slo].sum())
            self.slo_totals[number][1] += float(counts.total[of_slo].sum())

    def _labels(self) -> list[LabelWindow] | None:
        if all(file.labels is None for file in self.files):
            return None
        return [window for file in self.files for window in file.labels or ()]

    def _slo_figures(self, number: int, slo: Slo) -> dict[str, Any]:
        good, total = self.slo_totals[number]
        ratio = (total - good) / total if total else None
        return {
            "slo": slo.name,
            "good": good,
            "total": total,
            "error_ratio": ratio,
            "target_ratio": slo.target_ratio,
            "met": None if ratio is None else ratio <= 1 - slo.target_ratio,
        }


def _told(training: Training) -> dict[str, Any]:
    return {
        "service": training.request.service,
        "reason": training.request.reason.value,
        "at": np.datetime_as_string(np.datetime64(training.at_ns, "ns"), unit="s") + "Z",
        "outcome": training.outcome.value,
        "version": training.version,
        "detail": training.sentence,
    }
