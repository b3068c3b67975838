"""Every name that something outside the code depends on: topics, labels, alerts, Prometheus series.

A test holds `prometheus/`, `alertmanager/` and the Grafana dashboards against this file, both ways.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Topic(StrEnum):
    """Kafka topics, without the prefix that the settings may add."""

    METRICS = "metrics"
    SAMPLES = "samples"
    SCORES = "scores"
    DRIFT = "drift"
    ALERTS = "alerts"
    RETRAIN = "retrain"
    MODELS = "models"
    DEAD_LETTER = "metrics.dead-letter"


class AlertName(StrEnum):
    """Values of the `alertname` label."""

    SLO_BURN_RATE = "SLOBurnRate"
    METRIC_ANOMALY = "MetricAnomaly"
    TELEMETRY_MISSING = "TelemetryMissing"
    DATA_DRIFT = "DataDrift"
    MODEL_DEGRADED = "ModelDegraded"
    PIPELINE_STALLED = "PipelineStalled"
    WATCHDOG = "Watchdog"


class Severity(StrEnum):
    """Values of the `severity` label."""

    PAGE = "page"
    TICKET = "ticket"
    INFO = "info"


class AlertLabel(StrEnum):
    """The only labels an alert may carry. Identity is the label set: no score, value, time or version in here."""

    ALERTNAME = "alertname"
    SERVICE = "service"
    ENTITY = "entity"
    SLO = "slo"
    SEVERITY = "severity"
    BURN_WINDOW = "burn_window"


class Annotation(StrEnum):
    """Annotations of an alert."""

    SUMMARY = "summary"
    DESCRIPTION = "description"
    CAUSES = "causes"
    SCORE = "score"
    EXPECTED = "expected"
    BUDGET_LEFT = "budget_left"
    MODEL_VERSION = "model_version"
    DASHBOARD_URL = "dashboard_url"
    RUNBOOK_URL = "runbook_url"


class DeadLetterHeader(StrEnum):
    """Kafka headers of a dead letter; the value is the producer's bytes, untouched."""

    REASON = "reason"
    DETAIL = "detail"
    TOPIC = "topic"
    PARTITION = "partition"
    OFFSET = "offset"


CHAMPION_ALIAS: Final = "champion"
CHALLENGER_ALIAS: Final = "challenger"


def registered_model(service: str) -> str:
    """Name of a service's model in the MLflow registry (registered per service, never per series).

    >>> registered_model("checkout")
    'tidewatch-checkout'
    """
    return f"tidewatch-{service.replace('/', '_').replace(':', '_')}"


class Metric(StrEnum):
    """Prometheus series that Tidewatch exposes or that its recording rules create."""

    # per entity (and, where selected, per series)
    ANOMALY_SCORE = "tidewatch_anomaly_score"
    EXPECTED = "tidewatch_expected"
    EXPECTED_LOWER = "tidewatch_expected_lower"
    EXPECTED_UPPER = "tidewatch_expected_upper"
    VALUE = "tidewatch_value"
    # the stream
    RECORDS = "tidewatch_records_total"
    SAMPLES = "tidewatch_samples_total"
    SAMPLE_FATE = "tidewatch_samples_placed_total"
    REJECTED = "tidewatch_rejected_total"
    ROWS_SCORED = "tidewatch_rows_scored_total"
    ANOMALOUS_ROWS = "tidewatch_rows_anomalous_total"
    ENTITIES = "tidewatch_entities"
    SERIES = "tidewatch_series"
    CONSUMER_LAG = "tidewatch_consumer_lag_records"
    BATCH_SECONDS = "tidewatch_batch_seconds"
    SCORE_AGE_SECONDS = "tidewatch_score_age_seconds"
    COMMIT_RETRIES = "tidewatch_commit_retries_total"
    DEPENDENCY_UP = "tidewatch_dependency_up"
    LAKE_FILES = "tidewatch_lake_files_total"
    OUTBOX_PENDING = "tidewatch_outbox_pending"
    # drift and models
    DRIFTS = "tidewatch_drifts_total"
    RETRAIN_REQUESTS = "tidewatch_retrain_requests_total"
    TRAININGS = "tidewatch_trainings_total"
    MODEL_INFO = "tidewatch_model_info"
    MODEL_LOAD_FAILURES = "tidewatch_model_load_failures_total"
    # SLOs and alerts
    SLO_ERROR_RATIO = "tidewatch_slo_error_ratio"
    SLO_BURN_RATE = "tidewatch_slo_burn_rate"
    SLO_BUDGET_REMAINING = "tidewatch_slo_budget_remaining_ratio"
    SLO_EVALUATION_SECONDS = "tidewatch_slo_evaluation_seconds"
    ALERTS_ACTIVE = "tidewatch_alerts_active"
    ALERT_DECISIONS = "tidewatch_alert_decisions_total"
    ALERTS_SENT = "tidewatch_alerts_sent_total"
