"""When a service should get a new model, and why. Decided row by row, so that the answer does not depend on batches."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.reasons import RetrainReason
from models.service_model.model import GROWN_NS
from models.state.results import Drift, RetrainRequest
from models.timestamps import DAY_NS, HOUR_NS, SECOND_NS

CHANGED_NS = "changed_ns"
"""Key of a request's evidence: event time since when the new normal holds, int nanoseconds."""

CHANGED = frozenset({RetrainReason.DRIFT, RetrainReason.FEATURES_CHANGED})
"""Reasons which say that what was normal no longer is."""

SHORTEST_PERIOD_NS = HOUR_NS
"""A champion is not stale before it is an hour old."""

STALE_SHARE = 1 / 7
"""Of the history learnt from, as much again is worth a training: a day of a week, four days of four weeks. Every day
taught models of weeks what had been odd yesterday: .08 VUS-PR less on the tuning entities, with twice the trainings;
from a fourteenth to a half makes no difference."""


def changed_ns(evidence: Mapping[str, str | float | int]) -> int | None:
    """Event time since when the new normal holds; None where the request is not about a change.

    >>> changed_ns({"changed_ns": 5}), changed_ns({"rows": 240})
    (5, None)
    """
    value = evidence.get(CHANGED_NS)
    return int(value) if value is not None else None


@dataclass(slots=True)
class ServiceRecord:
    """What retraining has to remember of a service.

    Attributes:
        rows: closed rows of the service in this partition.
        version, trained_to_ns: of its champion; empty and 0 without one. learnt_ns: time that it was trained on.
        ask_at_rows: rows at which a service without a champion asks next.
        drift_id, drift_rows, drift_ns: first drift after the champion's training, with the rows and the event time at
            which it began; empty when none is open.
        unknown_rows, unknown_ns: rows since the champion came that held features it does not know, and the first's
            time.
        stale_periods: how many times its age was a reason to ask.
        asked: ids of requests about this champion, by reason.
    """

    rows: int = 0
    version: str = ""
    trained_to_ns: int = 0
    learnt_ns: int = 0
    ask_at_rows: int = 0
    drift_id: str = ""
    drift_rows: int = 0
    drift_ns: int = 0
    unknown_rows: int = 0
    unknown_ns: int = 0
    stale_periods: int = 0
    asked: dict[str, str] = field(default_factory=dict)

    def to_plain(self) -> dict[str, Any]:
        """Plain values, for the snapshot."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class RetrainRules:
    """Numbers from the configuration."""

    min_rows: int
    stale_after_s: float

    @property
    def enough_rows(self) -> int:
        """Rows of a new regime that a model can learn it from."""
        return max(self.min_rows // 4, 1)


def model_changed(record: ServiceRecord, version: str, trained_to_ns: int, learnt_ns: int) -> None:
    """Note that a champion came (or went, with an empty version)."""
    record.version, record.trained_to_ns, record.learnt_ns = version, trained_to_ns, learnt_ns
    record.drift_id, record.unknown_rows, record.stale_periods, record.asked = "", 0, 0, {}
    record.ask_at_rows = 0


@dataclass(frozen=True, slots=True)
class NewRows:
    """What retraining looks at in the newest rows of a service, in their order.

    Attributes:
        tick_ns: int64 `(n_rows,)`.
        unknown: int32 `(n_rows,)`, values of features that its model does not know.
        drifts: position among these rows, and the drift of a feature found there.
    """

    tick_ns: NDArray[np.int64]
    unknown: NDArray[np.int32]
    drifts: list[tuple[int, Drift]]


def retrain_requests(
    record: ServiceRecord, service: str, rows: NewRows, rules: RetrainRules
) -> list[tuple[int, RetrainRequest]]:
    """Requests that a service's next rows lead to, with the row that led to each; changes the record."""
    tick_ns = rows.tick_ns
    before = record.rows
    found: list[tuple[int, RetrainRequest]] = []
    if not record.version:
        found += _cold_start(record, service, tick_ns, rules)
    else:
        found += _drift(record, service, rows, rules)
        found += _features(record, service, rows, rules)
        found += _stale(record, service, tick_ns, rules)
    record.rows = before + len(tick_ns)
    return found


def _cold_start(
    record: ServiceRecord, service: str, tick_ns: NDArray[np.int64], rules: RetrainRules
) -> list[tuple[int, RetrainRequest]]:
    """Asked for at `min_rows` and whenever rows have doubled, until a model comes: the first may have been too few.

    Doubling, because a history that is published at once would otherwise ask hundreds of times before one is answered.
    """
    found = []
    record.ask_at_rows = record.ask_at_rows or max(rules.min_rows, record.rows + 1)
    while record.ask_at_rows <= record.rows + len(tick_ns):
        row = record.ask_at_rows - record.rows - 1
        evidence: dict[str, str | float | int] = {"rows": record.ask_at_rows}
        at_ns = int(tick_ns[row])
        request = _request(service, RetrainReason.COLD_START, f"{record.ask_at_rows}:{at_ns}", evidence, at_ns)
        found.append((row, request))
        record.ask_at_rows *= 2
    return found


def _drift(record: ServiceRecord, service: str, rows: NewRows, rules: RetrainRules) -> list[tuple[int, RetrainRequest]]:
    """Asked for once the rows since the change can teach the new regime."""
    found_at, tick_ns = 0, rows.tick_ns
    late_enough = [(row, drift) for row, drift in rows.drifts if drift.at_ns > record.trained_to_ns]
    if not record.drift_id and late_enough:
        found_at, drift = late_enough[0]
        # the change is as old as the detector's window
        record.drift_id, record.drift_rows = drift.id, record.rows + found_at - drift.window_rows
        record.drift_ns = drift.since_ns
    due = record.drift_rows + rules.enough_rows
    if not record.drift_id or due > record.rows + len(tick_ns):
        return []
    row = max(due - record.rows - 1, found_at)
    evidence: dict[str, str | float | int] = {
        "drift": record.drift_id,
        "version": record.version,
        "rows_since": record.rows + row + 1 - record.drift_rows,
        CHANGED_NS: record.drift_ns,
    }
    request = _request(service, RetrainReason.DRIFT, record.drift_id, evidence, int(tick_ns[row]))
    record.drift_id = ""  # a later drift may ask again: the trainer may have kept the champion
    return [(row, request)]


def _features(
    record: ServiceRecord, service: str, new: NewRows, rules: RetrainRules
) -> list[tuple[int, RetrainRequest]]:
    tick_ns, unknown = new.tick_ns, new.unknown
    rows = np.flatnonzero(unknown > 0)
    due = rules.enough_rows - record.unknown_rows
    if record.unknown_rows == 0 and len(rows):
        record.unknown_ns = int(tick_ns[rows[0]])
    record.unknown_rows += len(rows)
    if not 0 < due <= len(rows) or RetrainReason.FEATURES_CHANGED in record.asked:
        return []
    row = int(rows[due - 1])
    evidence: dict[str, str | float | int] = {
        "version": record.version,
        "unknown_features": int(unknown[row]),
        CHANGED_NS: record.unknown_ns,
    }
    request = _request(service, RetrainReason.FEATURES_CHANGED, record.version, evidence, int(tick_ns[row]))
    record.asked[RetrainReason.FEATURES_CHANGED] = request.id
    return [(row, request)]


def _stale(
    record: ServiceRecord, service: str, tick_ns: NDArray[np.int64], rules: RetrainRules
) -> list[tuple[int, RetrainRequest]]:
    """Asked for whenever the champion's age reaches another multiple of its period: it may have been kept.

    A champion is stale after `stale_after_s`, and not before there is a `STALE_SHARE` more history than it was trained
    on; a young one when there is twice as much, or a day of it: who has seen an hour does not know the day.
    """
    period_ns = int(rules.stale_after_s * SECOND_NS)
    if record.learnt_ns < GROWN_NS:
        young_ns = min(record.learnt_ns, DAY_NS - record.learnt_ns)
        period_ns = min(period_ns, max(young_ns, SHORTEST_PERIOD_NS))
    else:
        period_ns = max(period_ns, int(STALE_SHARE * record.learnt_ns))
    found: list[tuple[int, RetrainRequest]] = []
    while True:
        due_ns = record.trained_to_ns + (record.stale_periods + 1) * period_ns
        late = np.flatnonzero(tick_ns >= due_ns)
        if len(late) == 0:
            return found
        row = int(late[0])
        age_ns = int(tick_ns[row]) - record.trained_to_ns
        record.stale_periods = age_ns // period_ns
        evidence: dict[str, str | float | int] = {"version": record.version, "age_s": age_ns / SECOND_NS}
        cause = f"{record.version}:{record.stale_periods}"
        found.append((row, _request(service, RetrainReason.STALE, cause, evidence, int(tick_ns[row]))))


def _request(
    service: str, reason: RetrainReason, cause: str, evidence: dict[str, str | float | int], at_ns: int
) -> RetrainRequest:
    identity = hashlib.blake2b(f"{service}\0{reason.value}\0{cause}".encode(), digest_size=8).hexdigest()
    return RetrainRequest(f"{reason.value}:{identity}", service, reason, evidence, at_ns)
