"""Open episodes with their peak and their series, and what rows lead to: a begin, an end, news now and then."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.reasons import AlertDecision, AlertState
from models.scoring import episode_rules as episodes
from models.scoring.score_rows import Scores
from models.state.results import Episode, ScoredRows, SeriesPart
from models.state.tables import EntityName
from models.timestamps import to_rfc3339

ONSET_PART: Final = 0.25
"""Contribution, in thresholds, from which a series takes part: below, it is one of the three a row always names."""

MOST_SERIES: Final = 12
"""Series that an episode tells of: two that lead and what they drag along; more than anybody reads."""

NEWS_EVERY: Final = 0.1
SOONEST_NEWS_NS: Final = 5_000_000_000
LATEST_NEWS_NS: Final = 60_000_000_000
"""News of an episode that goes on come after a tenth of its age, but not before five seconds and not after a minute:
a page that follows its anomaly by seconds can say why, and a day-long episode costs a row a minute."""


@dataclass(slots=True)
class _Peak:
    """The most anomalous row of a run so far, as an episode tells it."""

    score: float
    tick_ns: int
    causes: list[tuple[str, float]]
    value: float | None
    expected: float | None
    lower: float | None
    upper: float | None
    model_version: str


@dataclass(slots=True)
class _Run:
    """A run of anomalous rows. `series` and `largest` (contribution at the peak) are by feature name."""

    peak: _Peak
    told_ns: int = 0
    series: dict[str, SeriesPart] = field(default_factory=dict)
    largest: dict[str, float] = field(default_factory=dict)


class Incidents:
    """Follows the entities that are not calm; everybody else costs nothing."""

    def __init__(self) -> None:
        self._runs: dict[int, _Run] = {}

    def advance(
        self,
        names: list[EntityName],
        rows: ScoredRows,
        scores: Scores,
        interval_ns: NDArray[np.int64],
        ready_rows: int,
    ) -> tuple[list[Episode], dict[AlertDecision, int]]:
        """What there is to tell about episodes, in row order, and how many anomalous runs were no alert, by the reason.

        Args:
            interval_ns: int64 `(n_rows,)`, each entity's sampling interval, 0 where unknown: taken as a second.
        """
        found: list[Episode] = []
        held: Counter[AlertDecision] = Counter()
        for row in np.flatnonzero(scores.phase != episodes.NONE).tolist():
            entity, phase = int(rows.entity[row]), int(scores.phase[row])
            if phase == episodes.FADED:
                self._runs.pop(entity, None)
                reason = (
                    AlertDecision.HELD_NOT_READY if scores.learnt[row] < ready_rows else AlertDecision.HELD_TOO_SHORT
                )
                held[reason] += 1
                continue
            run = self._runs.get(entity)
            if run is None:
                run = self._runs[entity] = _Run(_peak(rows, row))
            elif rows.score[row] > run.peak.score:
                run.peak = _peak(rows, row)
            _add(run, rows, scores, row, (int(interval_ns[row]) or 1_000_000_000) / 1e9)
            decision = _decide(run, phase, int(scores.since_ns[row]), int(rows.tick_ns[row]))
            over = phase in (episodes.CLOSED, episodes.PASSED)
            if over:
                del self._runs[entity]
            if phase == episodes.BEGUN:
                held[AlertDecision.HELD_SETTLING] += 1
            if decision is not None:
                run.told_ns = int(rows.tick_ns[row])
                found.append(_episode(names[entity], int(scores.since_ns[row]), run, decision, over=over))
        return found, held

    def to_plain(self) -> dict[int, dict[str, Any]]:
        """Plain values, for the snapshot."""
        return {entity: asdict(run) for entity, run in sorted(self._runs.items())}

    def load(self, plain: dict[int, dict[str, Any]]) -> None:
        """Go on from `to_plain`."""
        self._runs = {
            int(entity): _Run(
                _Peak(**{**run["peak"], "causes": [(str(name), float(part)) for name, part in run["peak"]["causes"]]}),
                run["told_ns"],
                {name: SeriesPart(**part) for name, part in run["series"].items()},
                run["largest"],
            )
            for entity, run in plain.items()
        }


def _decide(run: _Run, phase: int, since_ns: int, tick_ns: int) -> AlertDecision | None:
    """What there is to tell after a row; None: nothing yet."""
    if phase == episodes.OPENED:
        return AlertDecision.FIRED
    if phase == episodes.CLOSED:
        return AlertDecision.RESOLVED
    if phase in (episodes.BEGUN, episodes.PASSED):
        return AlertDecision.HELD_SETTLING
    wait_ns = min(max(int(NEWS_EVERY * (tick_ns - since_ns)), SOONEST_NEWS_NS), LATEST_NEWS_NS)
    due = phase == episodes.GOING_ON and tick_ns - run.told_ns >= wait_ns
    return AlertDecision.RENEWED if due else None


def _add(run: _Run, rows: ScoredRows, scores: Scores, row: int, lasts_s: float) -> None:
    """Add a row's contributions to the run's series."""
    tick_ns = int(rows.tick_ns[row])
    for k, (metric, part) in enumerate(rows.contributions_of(row)):
        onset_ns = tick_ns if part >= ONSET_PART else 0
        known = run.series.get(metric) or SeriesPart(metric, 0.0, 0, tick_ns, None, None, None, None)
        told = replace(known, part=known.part + part * lasts_s, onset_ns=known.onset_ns or onset_ns)
        if part > run.largest.get(metric, 0.0):
            run.largest[metric] = part
            told = replace(
                told,
                peak_ns=tick_ns,
                value=_finite(scores.value[row, k]),
                expected=_finite(scores.expected[row, k]),
                expected_lower=_finite(scores.lower[row, k]),
                expected_upper=_finite(scores.upper[row, k]),
            )
        run.series[metric] = told


def _peak(rows: ScoredRows, row: int) -> _Peak:
    score = float(rows.score[row])
    return _Peak(
        score,
        int(rows.tick_ns[row]),
        [(name, part / score if score > 0 else 0.0) for name, part in rows.contributions_of(row)],
        _finite(rows.value[row]),
        _finite(rows.expected[row]),
        _finite(rows.expected_lower[row]),
        _finite(rows.expected_upper[row]),
        rows.model_version[row],
    )


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _episode(name: EntityName, started_ns: int, run: _Run, decision: AlertDecision, *, over: bool) -> Episode:
    peak = run.peak
    parts = sorted(run.series.values(), key=lambda part: (-part.part, part.metric))
    return Episode(
        id=f"{name.entity}:{to_rfc3339(started_ns)}",
        service=name.service,
        entity=name.entity,
        started_ns=started_ns,
        ended_ns=run.told_ns if over else None,
        at_ns=run.told_ns,
        peak_score=peak.score,
        peak_ns=peak.tick_ns,
        cause_metric=peak.causes[0][0] if peak.causes else "",
        causes=peak.causes,
        value=peak.value,
        expected=peak.expected,
        expected_lower=peak.lower,
        expected_upper=peak.upper,
        model_version=peak.model_version,
        state=AlertState.RESOLVED if over else AlertState.FIRING,
        decision=decision,
        series=tuple(part for part in parts[:MOST_SERIES] if part.part > 0),
    )
