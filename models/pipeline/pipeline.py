"""The fold: state of one `samples` partition + a batch of samples → new state + everything that follows from them.

Causal and exact: a row's score uses samples up to it only, and any split of the same samples gives the same results,
because every step is a loop in arrival order and nothing is decided per batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from models.detectors import residual
from models.detectors.departure import departure
from models.drift.bank import DETECTOR, Confirmed, DriftBank
from models.fold_state import new_state
from models.pipeline.config import PipelineConfig
from models.pipeline.snapshot import Image, Memory, image, read
from models.reasons import AlertDecision, SampleFate
from models.records import SampleColumns
from models.scoring import score_rows
from models.scoring.episode_rules import GOING_ON, OPENED
from models.scoring.episodes import OpenEpisodes
from models.series import SeriesIdentity
from models.service_graph import Edge, edge_of
from models.service_model.ask import ModelOutput, ask_models
from models.service_model.model import ServiceModel
from models.sli.binding import SloBinding
from models.sli.counts import NO_COUNTS, SloContributions, bind, bind_new, sum_counts
from models.state.results import Drift, Episode, Folded, LatestScores, RetrainRequest, ScoredRows, SloCounts, drift_id
from models.state.rows import Rows, Samples, joined_rows, selected_rows, with_cells
from models.state.tables import EntityName
from models.ticks import assembly
from models.ticks.silences import Silences
from models.training.triggers import NewRows, RetrainRules, ServiceRecord, model_changed, retrain_requests

__all__ = [
    "Drift",
    "Episode",
    "Folded",
    "LatestScores",
    "Pipeline",
    "PipelineConfig",
    "RetrainRequest",
    "ScoredRows",
    "SloCounts",
]

SCORE_SERIES = "anomaly_score"
"""Name under which a drift of an entity's score is reported."""

SCORE_UNITS = 4.0
"""Drift sees scores times this, so that the smallest effect on a series (3 deviations) is three quarters of a
threshold on the score."""

_FATES = (SampleFate.ACCEPTED, SampleFate.DUPLICATE, SampleFate.LATE)


class Pipeline:
    """State of one `samples` partition. Not safe for use by two threads at once."""

    def __init__(self, config: PipelineConfig) -> None:
        self.config = config
        self._rules = config.scoring_rules()
        self._retrain_rules = RetrainRules(config.training_min_rows, config.stale_after_s)
        self.state = new_state(config.entity_rule, config.metric_rules)
        self._slos: tuple[SloBinding, ...] = ()
        self._bindings = bind(self.state, ())
        self._models: dict[int, ServiceModel] = {}
        self._records: dict[str, ServiceRecord] = {}
        drift_rules = config.drift_delta, config.drift_confirm_rows, config.drift_min_effect
        self._series_drift, self._score_drift = DriftBank(*drift_rules), DriftBank(*drift_rules)
        self._incidents = OpenEpisodes()
        self._silences = Silences()
        self._calls: list[Edge] = []
        self._memory = Memory(
            self.state,
            self._models,
            self._records,
            self._series_drift,
            self._score_drift,
            self._incidents,
            self._silences,
        )

    @property
    def entities(self) -> list[EntityName]:
        """Entities seen so far; the index is the number in `ScoredRows.entity`."""
        return self.state.entity_names

    @property
    def models(self) -> Mapping[str, ServiceModel]:
        """Champions in use, by service."""
        return {self.state.services[number]: model for number, model in self._models.items()}

    @property
    def n_series(self) -> int:
        """Series seen so far."""
        return len(self.state.identities)

    def use_slos(self, bindings: Sequence[SloBinding]) -> None:
        """Count samples from now on for these bindings and no others. A snapshot does not keep them."""
        self._slos = tuple(bindings)
        self._bindings = bind(self.state, self._slos)

    def use_model(self, service: str, model: ServiceModel | None) -> None:
        """Score a service's rows from now on with `model`, None: with the online detectors alone.

        Raises:
            ModelUnusable: the stored probe row does not reproduce its score; the present model stays.
        """
        if model is not None:
            model.check_probe()
        number = self.state.service(service)
        record = self._records.setdefault(service, ServiceRecord())
        if model is None:
            self._models.pop(number, None)
            model_changed(record, "", 0, 0)
        else:
            self._forget_young_model(number, model)
            self._models[number] = model
            model_changed(record, model.version, model.trained_to_ns, model.learnt_ns)
        self.state.assign_columns(number, model.features if model is not None else ())
        if model is not None:
            residual.rebaseline_drifted(self.state.tables, self.n_series, number, model.trained_to_ns)
            departure.learnt_by_model(self.state.tables, self.n_series, number, model.trained_to_ns)

    def _forget_young_model(self, number: int, model: ServiceModel) -> None:
        """What young models have said of an entity is no measure for the first that knows a day: it would find slow
        incidents late."""
        before = self._models.get(number)
        if before is not None and before.is_young and not model.is_young:
            entities = self.state.entities
            entities["calibration_n"][entities["link_service"] == number] = 0.0

    @property
    def thresholds(self) -> Mapping[str, float]:
        """Factor on the alert threshold of every service seen so far."""
        return dict(zip(self.state.services, self.state.thresholds.tolist(), strict=True))

    def use_threshold(self, service: str, factor: float) -> None:
        """Multiply the alert threshold of a service's entities, in nats of surprise, by `factor` from now on."""
        number = self.state.service(service)
        self.state.thresholds[number] = factor

    def fold(self, *parts: SampleColumns) -> Folded:
        """Fold a batch, which may come in parts; raises `Rejected` for a series text that is none, before anything has
        changed."""
        batch = self._numbered(parts)
        pieces = assembly.assemble(self.state, self._bindings, batch, self.config.lateness_ns)
        fates = sum((piece.fates for piece in pieces), np.zeros(3, np.int64))
        counts = SloContributions(
            *(np.concatenate(columns) for columns in zip(*(p.counts for p in pieces), strict=True))
        )
        rows = pieces[0].rows if len(pieces) == 1 else joined_rows([piece.rows for piece in pieces])
        return self._results(rows, counts, dict(zip(_FATES, fates.tolist(), strict=True)))

    def finish(self) -> Folded:
        """Close every open tick, as at the end of a file."""
        rows = assembly.close_all(self.state)
        return self._results(rows, NO_COUNTS, dict.fromkeys(_FATES, 0))

    def latest(self) -> LatestScores:
        """Newest row of every entity that has one."""
        state = self.state
        known = state.entities[: len(state.entity_names)]
        which = np.flatnonzero(known["tick_n_rows"] > 0)
        rows = known[which]
        return LatestScores(
            service=[state.entity_names[number].service for number in which.tolist()],
            entity=[state.entity_names[number].entity for number in which.tolist()],
            tick_ns=rows["latest_tick_ns"].copy(),
            score=rows["latest_score"].copy(),
            cause=[state.features[number] if number >= 0 else "" for number in rows["latest_cause"].tolist()],
            value=rows["latest_value"].copy(),
            expected=rows["latest_expected"].copy(),
            expected_lower=rows["latest_lower"].copy(),
            expected_upper=rows["latest_upper"].copy(),
        )

    def snapshot(self) -> bytes:
        """The whole state but the SLO bindings; `restore` goes on from it as if nothing had happened."""
        return self.image().to_bytes()

    def image(self) -> Image:
        """What `snapshot` makes bytes of, apart from the pipeline, which may fold on meanwhile."""
        return image(self.config, self._memory)

    @classmethod
    def restore(cls, config: PipelineConfig, body: bytes) -> Pipeline:
        """The pipeline of a snapshot; raises `StateUnusable` where that is damaged or was made under another
        configuration."""
        pipeline = cls(config)
        read(body, config, pipeline._memory)
        return pipeline

    def _numbered(self, parts: Sequence[SampleColumns]) -> Samples:
        """The batch with series numbers of the state; new series are numbered in the order in which they appear."""
        known = self.state.series_number
        numbers = [np.array(list(map(known.get, part.series_ids, repeat(-1))), np.int32) for part in parts]
        if any(np.any(part < 0) for part in numbers):
            self._learn_series(parts, numbers)
            # a series without samples, left over in a part that was cut, stays unknown
            numbers = [np.array(list(map(known.get, part.series_ids, repeat(-1))), np.int32) for part in parts]
        series = [of_part[part.series] for of_part, part in zip(numbers, parts, strict=True)]
        return Samples(
            np.concatenate([np.empty(0, np.int32), *series]),
            np.concatenate([np.empty(0, np.int64), *(part.event_time_ns for part in parts)]),
            np.concatenate([np.empty(0), *(part.values for part in parts)]),
        )

    def _learn_series(self, parts: Sequence[SampleColumns], numbers: Sequence[NDArray[np.int32]]) -> None:
        """Add the series that have no number yet, and what depends on which series there are."""
        state, fresh = self.state, dict[str, SeriesIdentity]()
        for part, of_part in zip(parts, numbers, strict=True):
            used, first = np.unique(part.series, return_index=True)
            for i in used[np.argsort(first)].tolist():
                if of_part[i] < 0 and (text := part.series_ids[i]) not in fresh:
                    fresh[text] = state.rule.identify(text)
        new = state.add_all(list(fresh), list(fresh.values()))
        self._calls += [edge for identity in fresh.values() if (edge := edge_of(identity)) is not None]
        for service, number in state.service_number.items():
            if number in self._models:
                state.assign_columns(number, self._models[number].features)
            self._records.setdefault(service, ServiceRecord())
        if self._slos:
            self._bindings = bind_new(new, state, self._slos, self._bindings)

    def _results(self, rows: Rows, counts: SloContributions, fates: dict[SampleFate, int]) -> Folded:
        state = self.state
        silences = self._silences.advance(
            state.entity_names,
            rows,
            state.tables.entities["latest_tick_ns"],
            state.tables.entities["tick_phase_ns"],
            self.config.lateness_ns,
        )
        model_output = ask_models(state, self._models, rows)
        scores = score_rows.score_rows(state.tables, rows, model_output, self._rules)
        scored = self._scored(rows, scores)
        emitted, held = self._incidents.advance(
            state.entity_names, scored, scores, rows.interval_ns, self.config.episode_ready_rows
        )
        filled = with_cells(rows)
        if len(filled) < len(rows.entity):
            rows, scores = selected_rows(rows, filled), score_rows.selected_scores(scores, filled)
            model_output = model_output._replace(
                surprise_nats=model_output.surprise_nats[filled], unknown=model_output.unknown[filled]
            )
            scored = self._scored(rows, scores)
        drifts = self._drifts(rows, scores)
        calls, self._calls = self._calls, []
        return Folded(
            fates=fates,
            slo_counts=sum_counts(counts),
            rows=scored,
            episodes=[e for e in emitted if e.decision in (AlertDecision.FIRED, AlertDecision.RESOLVED)],
            drifts=[drift for _, drift in drifts],
            retrain=self._retrain_requests(rows, model_output, drifts),
            held=held,
            silences=silences,
            emitted=emitted,
            calls=calls,
        )

    def _scored(self, rows: Rows, scores: score_rows.Scores) -> ScoredRows:
        version = {number: model.version for number, model in self._models.items()}
        services = self.state.entities["link_service"][rows.entity].tolist()
        return ScoredRows(
            entity=rows.entity,
            tick_ns=rows.tick_ns,
            score=scores.score,
            is_anomaly=(scores.score > 1.0)
            | (np.isin(scores.phase, (OPENED, GOING_ON)) & (scores.score > self.config.episode_hold_score)),
            value=scores.value[:, 0],
            expected=scores.expected[:, 0],
            expected_lower=scores.lower[:, 0],
            expected_upper=scores.upper[:, 0],
            causes=scores.cause,
            parts=scores.part,
            readiness_code=scores.readiness,
            model_version=[version.get(number, "") for number in services] if version else [""] * len(rows.entity),
            features=self.state.features,
        )

    def _drifts(self, rows: Rows, scores: score_rows.Scores) -> list[tuple[int, Drift]]:
        """Confirmed drifts with the row they were found at, in row order."""
        cell_row = np.repeat(np.arange(len(rows.entity)), np.diff(rows.start))
        found = [
            (int(cell_row[hit.index]), self._drift_of(rows, int(cell_row[hit.index]), int(rows.series[hit.index]), hit))
            for hit in self._series_drift.update(rows.series, scores.drift)
        ]
        fed: NDArray[np.float64] = np.where(
            scores.readiness > score_rows.WARMING_UP, SCORE_UNITS * np.minimum(scores.score, 5.0), np.nan
        )
        for hit in self._score_drift.update(rows.entity, fed):
            found.append((hit.index, self._drift_of(rows, hit.index, -1, hit)))
        return sorted(found, key=lambda pair: pair[0])

    def _drift_of(self, rows: Rows, row: int, series: int, hit: Confirmed) -> Drift:
        name, at_ns = self.state.entity_names[rows.entity[row]], int(rows.tick_ns[row])
        feature = SCORE_SERIES
        if series >= 0:
            feature = self.state.features[series]
            self.state.series["residual_drift_ns"][series] = at_ns
        return Drift(
            id=drift_id(name.entity, feature, at_ns),
            service=name.service,
            entity=name.entity,
            series=feature,
            detector=DETECTOR,
            statistic=hit.moved if series >= 0 else hit.moved / SCORE_UNITS,
            window_rows=hit.window_rows,
            at_ns=at_ns,
            since_ns=at_ns - hit.window_rows * int(rows.interval_ns[row]),
        )

    def _retrain_requests(
        self, rows: Rows, model_output: ModelOutput, drifts: list[tuple[int, Drift]]
    ) -> list[RetrainRequest]:
        state = self.state
        service = state.entities["link_service"][rows.entity]
        found: list[tuple[int, RetrainRequest]] = []
        for number in np.unique(service).tolist():
            # a row of a single series has nothing that a model of rows could add to what the series' own detectors say
            of_service = np.flatnonzero((service == number) & (np.diff(rows.start) > 1))
            features = [
                (int(np.searchsorted(of_service, row)), drift)
                for row, drift in drifts
                if service[row] == number and drift.series != SCORE_SERIES and rows.start[row + 1] - rows.start[row] > 1
            ]
            name = state.services[number]
            record = self._records.setdefault(name, ServiceRecord())
            new = NewRows(rows.tick_ns[of_service], model_output.unknown[of_service], features)
            asked = retrain_requests(record, name, new, self._retrain_rules)
            found += [(int(of_service[row]), request) for row, request in asked]
        return [request for _, request in sorted(found, key=lambda pair: pair[0])]
