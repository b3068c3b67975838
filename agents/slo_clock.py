"""The SLO clock: every few seconds one worker evaluates all SLOs, alerts on them and shows them to Prometheus."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Final

import faust
from prometheus_client import CollectorRegistry, Summary
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from agents.worker.context import Context
from agents.worker.decision_counter import decision_counter
from agents.worker.solo import Solo
from infra.lake.lake import LakeReader
from infra.slo.causes import look_at_samples
from infra.slo.changes import DECISION_KIND
from infra.slo.evaluate import Evaluation, SloEvaluator
from infra.slo.forecast import forecast_budgets
from infra.slo.views import status_rows
from infra.store.slo.forecasts import StoredForecast
from infra.store.slo.windows import PERIOD
from models.alerting.alert import Links
from models.names import Metric
from models.timestamps import DAY_S, SECOND_NS

log = logging.getLogger(__name__)

LOCK: Final = "tidewatch-slo-clock"
DEPENDENCY: Final = "postgresql"

CLEANING_S: Final = 3600.0
"""Between two deletions of old minutes: often enough for each to be small and quick."""

FORECAST_S: Final = 300.0
"""Between two forecasts: they rest on blocks of an hour, and read a month of each SLO that burns."""

LABELS: Final = ("service", "slo", "burn_window")


class SloGauges(Collector):
    """The last evaluation as Prometheus gauges. A scrape sees one evaluation, never a mixture of two."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._evaluation = Evaluation()
        self._forecasts: tuple[StoredForecast, ...] = ()
        registry.register(self)

    def show(self, evaluation: Evaluation) -> None:
        """Show this evaluation from now on; an empty one where another worker evaluates."""
        self._evaluation = evaluation

    def foresee(self, forecasts: tuple[StoredForecast, ...]) -> None:
        """Show these forecasts from now on."""
        self._forecasts = forecasts

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Gauges of every SLO, and of its windows that have events: those its alerts look at and those that Sloth's
        dashboards ask for. Called by Prometheus' client."""
        ratio = GaugeMetricFamily(Metric.SLO_ERROR_RATIO.value, "Share of bad events in the window.", labels=LABELS)
        burn = GaugeMetricFamily(
            Metric.SLO_BURN_RATE.value, "How many times faster than allowed the error budget goes.", labels=LABELS
        )
        budget = GaugeMetricFamily(
            Metric.SLO_BUDGET_REMAINING.value, "Share of the period's error budget that is left.", labels=LABELS[:2]
        )
        target = GaugeMetricFamily(Metric.SLO_TARGET.value, "Share of good events wanted.", labels=LABELS[:2])
        days = GaugeMetricFamily(Metric.SLO_PERIOD_DAYS.value, "Days that the budget is for.", labels=LABELS[:2])
        for view in self._evaluation.views:
            slo = view.slo
            target.add_metric((slo.service, slo.name), slo.target_ratio)
            days.add_metric((slo.service, slo.name), slo.window.nominal_s / DAY_S)
            for row in status_rows(view, view.windows):
                if row.error_ratio != row.error_ratio:  # NaN: no events, nothing to show
                    continue
                ratio.add_metric((slo.service, slo.name, row.burn_window), row.error_ratio)
                burn.add_metric((slo.service, slo.name, row.burn_window), row.burn_rate)
                if row.burn_window == PERIOD and row.budget_remaining_ratio is not None:
                    budget.add_metric((slo.service, slo.name), row.budget_remaining_ratio)
        gone = GaugeMetricFamily(
            Metric.SLO_BUDGET_GONE.value, "When the budget is gone at the present burn.", labels=LABELS[:2]
        )
        for one in self._forecasts:
            if one.forecast is not None and one.forecast.gone_s is not None:
                gone.add_metric((one.service, one.slo_name), one.forecast.gone_s)
        yield from (ratio, burn, budget, target, days, gone)


class SloClock:
    """Evaluates while `serve` runs and the lock is ours.

    Args:
        context: the worker's collaborators.
    """

    def __init__(self, context: Context) -> None:
        self._interval_s = context.settings.slo_clock_interval_s
        self._dependencies = context.dependencies
        self._now_ns, self._steady_s = context.clock.now_ns, context.clock.steady_s
        self._solo = Solo(context.database, LOCK)
        links = Links(context.settings.grafana_url, context.settings.runbook_url)
        self._evaluator = SloEvaluator(context.database, links, context.clock.steady_s)
        self._gauges = SloGauges(context.registry)
        self._decisions = decision_counter(context.registry)
        self._seconds = Summary(
            Metric.SLO_EVALUATION_SECONDS.value, "Time that one evaluation of all SLOs took.", registry=context.registry
        )
        self._database, self._lake = context.database, LakeReader(context.settings.lake_path)
        self._entity_rule = context.settings.entity_rule
        self._links = links
        self._foreseen_ns = 0
        self._cleaned_ns = 0

    async def serve(self) -> None:
        """Evaluate until cancelled; while PostgreSQL is down nothing is decided and nothing lost."""
        try:
            await self._solo.repeat(self._turn, self._stand_by)
        finally:
            await self._solo.close()

    def _stand_by(self) -> None:
        """Another worker evaluates from now on."""
        self._gauges.show(Evaluation())
        self._gauges.foresee(())
        self._evaluator.forget()

    async def _turn(self) -> None:
        started_s = self._steady_s()
        await self._dependencies.until_available(DEPENDENCY, self.evaluate)
        await self._dependencies.until_available(DEPENDENCY, self._look_at_samples)
        if self._now_ns() - self._foreseen_ns >= FORECAST_S * SECOND_NS:
            await self._dependencies.until_available(DEPENDENCY, self._foresee)
        if self._now_ns() - self._cleaned_ns >= CLEANING_S * SECOND_NS:
            await self._dependencies.until_available(DEPENDENCY, self._clean)
        taken_s = self._steady_s() - started_s
        await asyncio.sleep(max(self._interval_s - taken_s, 0.0))

    async def evaluate(self) -> None:
        """One evaluation at the present; raises `Unavailable` and `HeldElsewhere`."""
        with self._seconds.time():
            evaluation = await self._solo.run(self._evaluator.evaluate, self._now_ns())
        self._gauges.show(evaluation)
        for decision, times in evaluation.decisions.items():
            self._decisions.labels(DECISION_KIND, decision.value).inc(times)
        for event, planned in zip(evaluation.transitions, evaluation.planned, strict=True):
            log.info("%s (%s) %s", event.state, planned.reason.value, event.labels)

    async def _look_at_samples(self) -> None:
        """After the evaluation, so that no page waits for it: what it finds goes out with the alert's renewal."""
        await self._solo.run(look_at_samples, self._database, self._lake, self._entity_rule, self._now_ns())

    async def _foresee(self) -> None:
        now_ns = self._now_ns()
        found = await self._solo.run(forecast_budgets, self._database, self._links, now_ns)
        self._gauges.foresee(found.forecasts)
        for event in found.transitions:
            log.info("%s %s", event.state, event.labels)
        self._foreseen_ns = now_ns

    async def _clean(self) -> None:
        now_ns = self._now_ns()
        deleted = await self._solo.run(self._evaluator.delete_old_counts, now_ns)
        log.debug("deleted old counts: %s", ", ".join(f"{rows} by {level}" for level, rows in deleted.items()))
        self._cleaned_ns = now_ns


def attach(app: faust.App, context: Context) -> None:
    """Let the worker evaluate SLOs whenever no other worker does."""
    clock = SloClock(context)

    @app.task  # type: ignore[untyped-decorator]
    async def slo_clock() -> None:
        await clock.serve()
