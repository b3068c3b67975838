"""Every name that something outside the code depends on: topics, labels, alerts, Prometheus series.

A test holds `prometheus/`, `alertmanager/` and the Grafana dashboards against this file, both ways.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final
from urllib.parse import quote, unquote


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
    SLO_BUDGET_FORECAST = "SLOBudgetForecast"
    METRIC_ANOMALY = "MetricAnomaly"
    TELEMETRY_MISSING = "TelemetryMissing"
    PIPELINE_STALLED = "PipelineStalled"
    WATCHDOG = "Watchdog"
    # raised by Prometheus about Tidewatch itself (prometheus/rules/tidewatch.yml)
    WORKER_DOWN = "WorkerDown"
    DEPENDENCY_DOWN = "DependencyDown"
    OUTBOX_GROWING = "OutboxGrowing"
    SLO_CLOCK_STOPPED = "SLOClockStopped"
    ALERTS_NOT_DELIVERED = "AlertsNotDelivered"
    DEAD_LETTERS_RISING = "DeadLettersRising"
    TOO_MANY_SERIES = "TooManySeries"
    EFFECTS_PARKED = "EffectsParked"
    TOPIC_RECREATED = "TopicRecreated"
    PARTITION_STOPPED = "PartitionStopped"
    MODEL_LOAD_FAILING = "ModelLoadFailing"


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
    """Kafka headers of a dead letter; the value is the producer's bytes. Where it is cut, `size` (bytes) and `sha256`
    are those of the whole."""

    REASON = "reason"
    DETAIL = "detail"
    TOPIC = "topic"
    PARTITION = "partition"
    OFFSET = "offset"
    SIZE = "size"
    SHA256 = "sha256"


MODEL_PREFIX: Final = "tidewatch-"
DASHBOARD_UID: Final = "tidewatch-live"
"""Of `infra/grafana/dashboards/live-anomalies.json`; takes the variables `service` and `entity`."""

CHAMPION_ALIAS: Final = "champion"
CHALLENGER_ALIAS: Final = "challenger"


def registered_model(service: str) -> str:
    """Name of a service's model in the MLflow registry (registered per service, never per series).

    MLflow forbids `/` and `:` in names; percent-encoding keeps the names of two services apart, and can be read back.

    >>> registered_model("checkout")
    'tidewatch-checkout'
    >>> registered_model("shop/eu")
    'tidewatch-shop%2Feu'
    """
    return f"{MODEL_PREFIX}{quote(service, safe='')}"


def service_of_model(name: str) -> str | None:
    """Service of a registered model's name; None where it is not one of ours. The inverse of `registered_model`."""
    return unquote(name.removeprefix(MODEL_PREFIX)) if name.startswith(MODEL_PREFIX) else None


class Metric(StrEnum):
    """Prometheus series that Tidewatch exposes."""

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
    SERIES_REFUSED = "tidewatch_series_refused_total"
    ROWS_SCORED = "tidewatch_rows_scored_total"
    ANOMALOUS_ROWS = "tidewatch_rows_anomalous_total"
    ENTITIES = "tidewatch_entities"
    SERIES = "tidewatch_series"
    CONSUMER_LAG = "tidewatch_consumer_lag_records"
    BATCH_SECONDS = "tidewatch_batch_seconds"
    SCORE_AGE_SECONDS = "tidewatch_score_age_seconds"
    COMMIT_RETRIES = "tidewatch_commit_retries_total"
    PARKED = "tidewatch_parked_total"
    TOPICS_RECREATED = "tidewatch_topics_recreated_total"
    PARTITION_STOPPED = "tidewatch_partition_stopped"
    DEPENDENCY_UP = "tidewatch_dependency_up"
    LIBRARY_PLAIN = "tidewatch_library_plain"
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
    SLO_TARGET = "tidewatch_slo_target_ratio"
    SLO_PERIOD_DAYS = "tidewatch_slo_period_days"
    SLO_BUDGET_GONE = "tidewatch_slo_budget_gone_timestamp_seconds"
    SLO_EVALUATION_SECONDS = "tidewatch_slo_evaluation_seconds"
    ALERTS_ACTIVE = "tidewatch_alerts_active"
    ALERT_DECISIONS = "tidewatch_alert_decisions_total"
    ALERTS_SENT = "tidewatch_alerts_sent_total"


class RecordedSeries(StrEnum):
    """Series that Prometheus' recording rules make of ours: the names Sloth gave them (prometheus/rules/slo.yml)."""

    ERROR_RATIO_EVERY_WINDOW = "tidewatch:slo_error_ratio:sloth"
    ERROR_RATIO_5M = "slo:sli_error:ratio_rate5m"
    ERROR_RATIO_30M = "slo:sli_error:ratio_rate30m"
    ERROR_RATIO_1H = "slo:sli_error:ratio_rate1h"
    ERROR_RATIO_2H = "slo:sli_error:ratio_rate2h"
    ERROR_RATIO_6H = "slo:sli_error:ratio_rate6h"
    ERROR_RATIO_1D = "slo:sli_error:ratio_rate1d"
    ERROR_RATIO_3D = "slo:sli_error:ratio_rate3d"
    CURRENT_BURN_RATE = "slo:current_burn_rate:ratio"
    OBJECTIVE = "slo:objective:ratio"
    ERROR_BUDGET = "slo:error_budget:ratio"
    TIME_PERIOD = "slo:time_period:days"
    PERIOD_BURN_RATE = "slo:period_burn_rate:ratio"
    PERIOD_BUDGET_REMAINING = "slo:period_error_budget_remaining:ratio"
