"""Open episodes with their peak and their series, and what rows lead to: a begin, an end, updates between them."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.reasons import AlertDecision, AlertState
from models.scoring import episode_rules
from models.scoring.scores import Scores
from models.state.results import Episode, ScoredRows, SeriesPart
from models.state.tables import EntityName
from models.timestamps import MINUTE_NS, SECOND_NS, to_rfc3339

ONSET_PART: Final = 0.25
"""Contribution, in thresholds, from which a series takes part: below, it is one of the three a row always names."""

MOST_SERIES: Final = 12
"""Series that an episode names: two that lead and what they drag along; more than anybody reads."""

UPDATE_SHARE: Final = 0.1
SOONEST_UPDATE_NS: Final = 5 * SECOND_NS
LATEST_UPDATE_NS: Final = MINUTE_NS
"""An episode that goes on is updated after a tenth of its age, but not before five seconds and not after a minute:
a page that follows its anomaly by seconds can say why, and a day-long episode costs a row a minute."""


@dataclass(slots=True)
class _Peak:
    """The most anomalous row of an episode so far."""

    score: float
    tick_ns: int
    causes: list[tuple[str, float]]
    value: float | None
    expected: float | None
    lower: float | None
    upper: float | None
    model_version: str


@dataclass(slots=True)
class _OpenEpisode:
    """An episode that has not ended, or rows that may become one; `emitted_ns`: tick of the last that was emitted.
    `series` and `largest` (contribution at the peak) are by feature name."""

    peak: _Peak
    emitted_ns: int = 0
    series: dict[str, SeriesPart] = field(default_factory=dict)
    largest: dict[str, float] = field(default_factory=dict)


class OpenEpisodes:
    """Follows the entities that are not calm; everybody else costs nothing."""

    def __init__(self) -> None:
        self._open: dict[int, _OpenEpisode] = {}

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
        for row in np.flatnonzero(scores.phase != episode_rules.NONE).tolist():
            entity, phase = int(rows.entity[row]), int(scores.phase[row])
            if phase == episode_rules.FADED:
                self._open.pop(entity, None)
                reason = (
                    AlertDecision.HELD_NOT_READY if scores.learnt[row] < ready_rows else AlertDecision.HELD_TOO_SHORT
                )
                held[reason] += 1
                continue
            episode = self._open.get(entity)
            if episode is None:
                episode = self._open[entity] = _OpenEpisode(_peak(rows, row))
            elif rows.score[row] > episode.peak.score:
                episode.peak = _peak(rows, row)
            _add(episode, rows, scores, row, (int(interval_ns[row]) or SECOND_NS) / SECOND_NS)
            decision = _decision(episode, phase, int(scores.since_ns[row]), int(rows.tick_ns[row]))
            over = phase in (episode_rules.CLOSED, episode_rules.PASSED)
            if over:
                del self._open[entity]
            if phase == episode_rules.BEGUN:
                held[AlertDecision.HELD_SETTLING] += 1
            if decision is not None:
                episode.emitted_ns = int(rows.tick_ns[row])
                found.append(_episode(names[entity], int(scores.since_ns[row]), episode, decision, over=over))
        return found, held

    def to_plain(self) -> dict[int, dict[str, Any]]:
        """Plain values, for the snapshot."""
        return {entity: asdict(episode) for entity, episode in sorted(self._open.items())}

    def load(self, plain: dict[int, dict[str, Any]]) -> None:
        """Go on from `to_plain`."""
        self._open = {
            int(entity): _OpenEpisode(
                _Peak(
                    **{
                        **episode["peak"],
                        "causes": [(str(name), float(part)) for name, part in episode["peak"]["causes"]],
                    }
                ),
                episode["emitted_ns"],
                {name: SeriesPart(**part) for name, part in episode["series"].items()},
                episode["largest"],
            )
            for entity, episode in plain.items()
        }


def _decision(episode: _OpenEpisode, phase: int, since_ns: int, tick_ns: int) -> AlertDecision | None:
    """What there is to tell after a row; None: nothing yet."""
    if phase == episode_rules.OPENED:
        return AlertDecision.FIRED
    if phase == episode_rules.CLOSED:
        return AlertDecision.RESOLVED
    if phase in (episode_rules.BEGUN, episode_rules.PASSED):
        return AlertDecision.HELD_SETTLING
    wait_ns = min(max(int(UPDATE_SHARE * (tick_ns - since_ns)), SOONEST_UPDATE_NS), LATEST_UPDATE_NS)
    due = phase == episode_rules.GOING_ON and tick_ns - episode.emitted_ns >= wait_ns
    return AlertDecision.RENEWED if due else None


def _add(episode: _OpenEpisode, rows: ScoredRows, scores: Scores, row: int, lasts_s: float) -> None:
    """Add a row's contributions to the run's series."""
    tick_ns = int(rows.tick_ns[row])
    for k, (metric, part) in enumerate(rows.contributions_of(row)):
        onset_ns = tick_ns if part >= ONSET_PART else 0
        known = episode.series.get(metric) or SeriesPart(metric, 0.0, 0, tick_ns, None, None, None, None)
        seen = replace(known, part=known.part + part * lasts_s, onset_ns=known.onset_ns or onset_ns)
        if part > episode.largest.get(metric, 0.0):
            episode.largest[metric] = part
            seen = replace(
                seen,
                peak_ns=tick_ns,
                value=_finite(scores.value[row, k]),
                expected=_finite(scores.expected[row, k]),
                expected_lower=_finite(scores.lower[row, k]),
                expected_upper=_finite(scores.upper[row, k]),
            )
        episode.series[metric] = seen


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


def _episode(
    name: EntityName, started_ns: int, episode: _OpenEpisode, decision: AlertDecision, *, over: bool
) -> Episode:
    peak = episode.peak
    parts = sorted(episode.series.values(), key=lambda part: (-part.part, part.metric))
    return Episode(
        id=f"{name.entity}:{to_rfc3339(started_ns)}",
        service=name.service,
        entity=name.entity,
        started_ns=started_ns,
        ended_ns=episode.emitted_ns if over else None,
        at_ns=episode.emitted_ns,
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
