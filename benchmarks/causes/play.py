"""Plays one incident through the live system's core: what paged, when, and which causes the page would have named."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.causes.incidents import Case, slos_of
from models.evaluation.backtest import Backtest, cut
from models.names import Severity
from models.pipeline.config import PipelineConfig
from models.pipeline.pipeline import Pipeline
from models.reasons import AlertDecision, AlertState
from models.records import SampleColumns
from models.series import EntityRule
from models.slo.burn import Recorded
from models.slo.burn_alert import judge
from models.slo.causes.onset import burn_onset
from models.slo.causes.rank import Cause, Evidence, rank_causes
from models.slo.causes.shifts import find_shifts
from models.slo.definition import Slo
from models.slo.simulate.replay import sums_of_windows
from models.state.results import Episode, Folded
from models.synthetic.services import Simulation
from models.training.train import TrainingRules

RULE: Final = EntityRule(("service",), ("instance",), "host")
START_NS: Final = 1_780_000_000_000_000_000
SECOND_NS: Final = 1_000_000_000
EVALUATION_S: Final = 10.0
"""Between two evaluations of the SLOs, as in the live system."""

UNPAGED_AFTER_S: Final = 300.0
"""When the causes of an incident that burns no budget are asked for: five minutes after its alert."""

BEFORE_NS: Final = 3 * 3600 * SECOND_NS
LOOKBACK_NS: Final = 3600 * SECOND_NS
"""As infra/slo/causes.py asks for."""


@dataclass(frozen=True, slots=True)
class PlayedIncident:
    """What an incident led to; times in seconds after its begin, None where it did not happen.

    Attributes:
        first: causes as the page names them when it fires, from anomalies alone.
        ranked: causes as it names them from the next evaluation on, from the samples too.
        anomaly_s, alert_s: the first anomaly, for whoever looks, and the first that is an alert.
        false_anomalies_per_day, false_alerts_per_day: of an entity, before anything was wrong.
    """

    case: Case
    begins_ns: int
    page_s: float | None
    anomaly_s: float | None
    alert_s: float | None
    first: list[Cause]
    ranked: list[Cause]
    false_anomalies_per_day: float
    false_alerts_per_day: float

    @property
    def asked(self) -> bool:
        """Whether anybody was told of the incident, and so asked for its cause."""
        return self.page_s is not None or self.alert_s is not None

    @property
    def lead_s(self) -> float | None:
        """How long before the page the anomaly was there; negative: after it; None where one of them is missing."""
        return self._lead_s(self.anomaly_s)

    @property
    def alert_lead_s(self) -> float | None:
        """The same of its alert."""
        return self._lead_s(self.alert_s)

    def _lead_s(self, at_s: float | None) -> float | None:
        return None if self.page_s is None or at_s is None else self.page_s - at_s


def place_of(cause: str, ranked: list[Cause]) -> int | None:
    """Rank of the known cause, 1 the first; None where it is not named at all."""
    return next((place for place, one in enumerate(ranked, 1) if one.metric == cause), None)


@dataclass
class _Live:
    """The live system's memory while the incident is played: counts by minute and episodes as emitted last."""

    slos: list[Slo]
    backtest: Backtest
    minutes: list[dict[int, tuple[float, float]]] = field(default_factory=list)
    emitted: list[Episode] = field(default_factory=list)

    def play(self, samples: SampleColumns) -> None:
        for folded in self.backtest.play(samples):
            self.take(folded)

    def take(self, folded: Folded) -> None:
        self.emitted += folded.emitted
        c = folded.slo_counts
        for number, minute_s, good, total in zip(
            c.slo_id.tolist(), c.minute_s.tolist(), c.good.tolist(), c.total.tolist(), strict=True
        ):
            before = self.minutes[number].get(minute_s, (0.0, 0.0))
            self.minutes[number][minute_s] = (before[0] + good, before[1] + total)

    def columns(self, number: int) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        minutes = self.minutes[number]
        kept = sorted(minutes)
        return (
            np.array(kept, np.int64),
            np.array([minutes[minute][0] for minute in kept]),
            np.array([minutes[minute][1] for minute in kept]),
        )

    def pages(self, now_ns: int) -> int | None:
        """Number of the first SLO that pages now."""
        now_s = now_ns / SECOND_NS
        for number, slo in enumerate(self.slos):
            minute_s, good, total = self.columns(number)
            recorded = Recorded(minute_s, good, total, minute_s.astype(np.float64))  # all of it is known now
            sums = sums_of_windows(slo, recorded, np.array([now_s]))
            windows = {length: window.at(0) for length, window in sums.items()}
            verdicts = judge(slo, windows, firing=(), now_s=now_s, newest_minute_s=now_s)
            if any(v.reading.burning and v.reading.pair.severity is Severity.PAGE for v in verdicts):
                return number
        return None

    def alerts(self) -> list[Episode]:
        """Alerts so far, as they fired."""
        return [episode for episode in self.emitted if episode.decision is AlertDecision.FIRED]

    def known_at(self, from_ns: int) -> list[Episode]:
        """Episodes that overlap the time since `from_ns`, as they are stored now."""
        newest = {episode.id: episode for episode in self.emitted}
        return [e for e in newest.values() if e.ended_ns is None or e.ended_ns >= from_ns]


def play(case: Case, interval_s: float, config: PipelineConfig, *, with_model: bool) -> PlayedIncident:
    """Simulate, fold and evaluate one incident."""
    start_ns = START_NS + case.seed * 7919 % 86_400 * SECOND_NS  # any time of day
    simulation = Simulation(
        [case.service], seed=case.seed, start_ns=start_ns, interval_s=interval_s, incidents=case.incidents
    )
    samples = simulation.columns(simulation.block(round(case.end_s / interval_s)))
    live = _live(case, config, with_model)
    begins_ns = start_ns + round(case.start_s * SECOND_NS)
    done = int(np.searchsorted(samples.event_time_ns, begins_ns))
    live.play(cut(samples, 0, done))
    entity_days = len(case.service.instance_names) * case.start_s / 86_400
    false_anomalies = len({episode.id for episode in live.emitted})
    false_alerts = len(live.alerts())
    if live.pages(begins_ns) is not None:
        raise RuntimeError(f"{case}: an SLO pages before the incident; it says nothing about causes")
    now_ns, paged, alert_s = begins_ns, None, None
    end_ns = start_ns + round(case.end_s * SECOND_NS)
    while now_ns < end_ns and paged is None:
        now_ns += round(EVALUATION_S * SECOND_NS)
        upto = int(np.searchsorted(samples.event_time_ns, now_ns))
        live.play(cut(samples, done, upto))
        done = upto
        paged = live.pages(now_ns)
        alert_s = alert_s if alert_s is not None else _first_s(case, live.alerts(), begins_ns)
        if case.unpaged and alert_s is not None and now_ns - begins_ns >= (alert_s + UNPAGED_AFTER_S) * SECOND_NS:
            break
    first, ranked = _causes(live, cut(samples, 0, done), paged, begins_ns=begins_ns, now_ns=now_ns)
    anomaly_s = _first_s(case, live.emitted, begins_ns)
    page_s = None if paged is None else (now_ns - begins_ns) / SECOND_NS
    return PlayedIncident(
        case,
        begins_ns,
        page_s,
        anomaly_s,
        alert_s,
        first,
        ranked,
        false_anomalies / entity_days,
        false_alerts / entity_days,
    )


def _live(case: Case, config: PipelineConfig, with_model: bool) -> _Live:
    slos = slos_of(case.service)
    pipeline = Pipeline(config)
    pipeline.use_slos([binding for number, slo in enumerate(slos) for binding in slo.bindings(number)])
    # 512 rows of three or four instances: a model as after the first hour; without, none is ever trained
    rules = TrainingRules(RULE, config.lateness_s, config.alerts_per_entity_week, 512 if with_model else 10**9, 20_000)
    backtest = Backtest(pipeline, rules, cooldown_s=600.0, history_s=7 * 86_400.0)
    return _Live(slos, backtest, [{} for _ in slos])


def _first_s(case: Case, emitted: list[Episode], begins_ns: int) -> float | None:
    """When the first of these episodes of an entity that the incident hits was told, seconds after its begin."""
    hits = [
        episode.at_ns
        for episode in emitted
        if episode.at_ns >= begins_ns
        and episode.state is AlertState.FIRING
        and case.instance in (None, episode.entity.partition("/")[2])
    ]
    return (min(hits) - begins_ns) / SECOND_NS if hits else None


def _causes(
    live: _Live, samples: SampleColumns, paged: int | None, *, begins_ns: int, now_ns: int
) -> tuple[list[Cause], list[Cause]]:
    """Causes from anomalies alone, and with what the samples show."""
    burn_ns = begins_ns
    if paged is not None:
        onset_s = burn_onset(*live.columns(paged), live.slos[paged].target_ratio, 1.0)
        burn_ns = begins_ns if onset_s is None else onset_s * SECOND_NS
    evidence = [one for episode in live.known_at(burn_ns - LOOKBACK_NS) for one in _evidence(episode)]
    shifts = find_shifts(samples, RULE, from_ns=burn_ns - BEFORE_NS, burn_began_ns=burn_ns, now_ns=now_ns)
    return rank_causes(evidence, burn_began_ns=burn_ns), rank_causes(evidence, shifts, burn_began_ns=burn_ns)


def _evidence(episode: Episode) -> list[Evidence]:
    whole = sum(part.part for part in episode.series)
    return [
        Evidence(
            episode.service,
            episode.entity,
            part.metric,
            part.part / whole,
            part.onset_ns,
            part.value,
            part.expected,
            part.expected_lower,
            part.expected_upper,
            episode.peak_score,
            episode.model_version,
        )
        for part in episode.series
    ]
