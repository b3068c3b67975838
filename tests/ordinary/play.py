"""Plays a story through the core of `backtest`, in this process, with the settings as shipped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infra.pipeline_config import pipeline_config
from infra.settings import Settings
from models.evaluation.backtest import Backtest
from models.pipeline.pipeline import Pipeline
from models.reasons import AlertState
from models.records import SampleColumns
from models.series import format_series
from models.state.results import Episode, Folded, Silence
from models.training.train import TrainingRules
from tests.ordinary.weeks import Feed, Weeks

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert as on-call saw it; `end_s` is infinite where it was never over."""

    entity: str
    decided_s: float
    started_s: float
    end_s: float
    cause: str


@dataclass(frozen=True, slots=True)
class Track:
    """Rows of one entity, in order of time: what `scores.csv` holds."""

    time_s: Floats
    score: Floats
    anomalous: NDArray[np.bool_]
    value: Floats
    low: Floats
    high: Floats
    cause: list[str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What Tidewatch told: rows and anomaly alerts by entity, and missing telemetry as (entity, at, until)."""

    tracks: dict[str, Track]
    alerts: list[Alert]
    silences: list[tuple[str, float, float]]
    drifts: int


def play(w: Weeks) -> Outcome:
    """The outcome of a story."""
    settings = Settings()
    pipeline = Pipeline(pipeline_config(settings))
    samples = _samples(w)
    folds: list[Folded]
    if max(len(feed.metrics) for feed in w.feeds) > 1:
        rules = TrainingRules(
            entity_rule=settings.entity_rule,
            lateness_s=settings.lateness_s,
            alerts_per_entity_week=settings.alerts_per_entity_week,
            min_rows=settings.training_min_rows,
            max_rows=settings.training_max_rows,
        )
        backtest = Backtest(
            pipeline, rules, cooldown_s=settings.retrain_cooldown_s, history_s=settings.training_history_s
        )
        folds = [*backtest.play(samples), backtest.finish()]
    else:
        # no entity has two series, so nothing is trained and one fold gives what many would
        folds = [pipeline.fold(samples), pipeline.finish()]
    return outcome_of([name.entity for name in pipeline.entities], folds)


def _samples(w: Weeks) -> SampleColumns:
    names, number, time_s, value = [], [], [], []
    for feed in w.feeds:
        for metric, one in feed.metrics.items():
            there = np.flatnonzero(~np.isnan(one.value))
            number.append(np.full(len(there), len(names), np.int32))
            names.append(_series(feed, metric))
            time_s.append(feed.time_s[there])
            value.append(one.value[there])
    series, times, values = np.concatenate(number), np.concatenate(time_s), np.concatenate(value)
    order = np.argsort(times, kind="stable")
    if w.repeated:
        order = np.sort(np.concatenate([order, w.rng.choice(order, len(order) // 20)]))
        order = order[np.argsort(times[order], kind="stable")]
    if w.shuffled:
        late = times[order] + w.rng.uniform(0, 0.6 * min(60.0, 4 * w.interval_s), len(order))
        order = order[np.argsort(late, kind="stable")]
    return SampleColumns(names, series[order], (times[order] * 1e9).astype(np.int64), values[order])


def _series(feed: Feed, metric: str) -> str:
    service, instance = feed.entity
    return format_series(metric, {"service": service, "instance": instance})


def outcome_of(entities: list[str], folds: list[Folded]) -> Outcome:
    """What folds of one pipeline told, its entities by number."""
    tracks = {}
    for number, entity in enumerate(entities):
        parts = [(fold.rows, np.flatnonzero(fold.rows.entity == number)) for fold in folds]

        def column(name: str, parts: list = parts) -> Floats:
            return np.concatenate([getattr(rows, name)[which] for rows, which in parts])

        tracks[entity] = Track(
            column("tick_ns") / 1e9,
            column("score"),
            column("is_anomaly"),
            column("value"),
            column("expected_lower"),
            column("expected_upper"),
            [rows.cause[row] for rows, which in parts for row in which.tolist()],
        )
    return Outcome(
        tracks,
        _alerts([episode for fold in folds for episode in fold.episodes]),
        _silent([silence for fold in folds for silence in fold.silences]),
        sum(len(fold.drifts) for fold in folds),
    )


def _alerts(episodes: list[Episode]) -> list[Alert]:
    found: dict[str, Alert] = {}
    for episode in episodes:
        if episode.state is AlertState.FIRING:
            found[episode.id] = Alert(
                episode.entity, episode.at_ns / 1e9, episode.started_ns / 1e9, np.inf, episode.cause_metric
            )
        elif episode.id in found:
            known = found[episode.id]
            end_s = (episode.ended_ns or episode.at_ns) / 1e9
            found[episode.id] = Alert(known.entity, known.decided_s, known.started_s, end_s, episode.cause_metric)
    return sorted(found.values(), key=lambda alert: alert.decided_s)


def _silent(silences: list[Silence]) -> list[tuple[str, float, float]]:
    found: dict[str, tuple[str, float, float]] = {}
    for silence in silences:
        if silence.state is AlertState.FIRING:
            found[silence.id] = (silence.entity, silence.at_ns / 1e9, np.inf)
        elif silence.id in found:
            found[silence.id] = (*found[silence.id][:2], silence.at_ns / 1e9)
    return list(found.values())
