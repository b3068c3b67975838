"""Open episodes with their peak, and the transitions that rows lead to."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from models import episodes
from models.reasons import AlertDecision, AlertState
from models.results import Episode, ScoredRows
from models.scoring import Scores
from models.state import EntityName
from models.timestamps import to_rfc3339


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


class Incidents:
    """Follows the entities that are not calm; everybody else costs nothing."""

    def __init__(self) -> None:
        self._peaks: dict[int, _Peak] = {}

    def advance(
        self, names: list[EntityName], rows: ScoredRows, scores: Scores, ready_rows: int
    ) -> tuple[list[Episode], dict[AlertDecision, int]]:
        """Transitions that these rows lead to, and how many anomalous runs opened no episode, by the reason."""
        found: list[Episode] = []
        held: dict[AlertDecision, int] = {}
        for row in np.flatnonzero(scores.phase != episodes.NONE).tolist():
            entity, phase = int(rows.entity[row]), int(scores.phase[row])
            if phase == episodes.FADED:
                self._peaks.pop(entity, None)
                reason = (
                    AlertDecision.HELD_NOT_READY if scores.learnt[row] < ready_rows else AlertDecision.HELD_TOO_SHORT
                )
                held[reason] = held.get(reason, 0) + 1
                continue
            peak = self._peaks.get(entity)
            if peak is None or rows.score[row] > peak.score:
                peak = self._peaks[entity] = _peak(rows, row)
            if phase == episodes.OPENED:
                found.append(
                    _episode(names[entity], int(scores.since_ns[row]), int(rows.tick_ns[row]), peak, over=False)
                )
            elif phase == episodes.CLOSED:
                del self._peaks[entity]
                found.append(
                    _episode(names[entity], int(scores.since_ns[row]), int(rows.tick_ns[row]), peak, over=True)
                )
        return found, held

    def to_plain(self) -> dict[int, dict[str, Any]]:
        """Plain values, for the snapshot."""
        return {entity: asdict(peak) for entity, peak in sorted(self._peaks.items())}

    def load(self, plain: dict[int, dict[str, Any]]) -> None:
        """Go on from `to_plain`."""
        self._peaks = {
            int(entity): _Peak(**{**peak, "causes": [(str(name), float(part)) for name, part in peak["causes"]]})
            for entity, peak in plain.items()
        }


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


def _episode(name: EntityName, started_ns: int, at_ns: int, peak: _Peak, *, over: bool) -> Episode:
    return Episode(
        id=f"{name.entity}:{to_rfc3339(started_ns)}",
        service=name.service,
        entity=name.entity,
        started_ns=started_ns,
        ended_ns=at_ns if over else None,
        at_ns=at_ns,
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
        decision=AlertDecision.RESOLVED if over else AlertDecision.FIRED,
    )
