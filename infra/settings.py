"""Settings, read once: the environment (`TIDEWATCH_*`), `tidewatch.toml`, the running embedded stack, defaults.

Nothing else in the project reads the environment. Composition roots (the command line, the worker) call `load()` and
hand the frozen result on.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from models.errors import Misconfigured
from models.names import Topic
from models.seams import Library
from models.series import EntityRule
from models.state.metric_rules import MetricRule

STACK_FILE = "stack.json"

CENTURY_S = 100 * 365 * 86_400.0
"""64 bits of nanoseconds hold three of them."""


class EmbeddedStackSource(PydanticBaseSettingsSource):
    """Addresses of the embedded stack that runs under `TIDEWATCH_HOME`, as `tidewatch up` wrote them down."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        home = Path(str(self.current_state.get("home", ".tidewatch")))
        path = home / STACK_FILE
        if not path.exists():
            return {}
        try:
            addresses = json.loads(path.read_text())["addresses"]
        except (ValueError, KeyError) as error:
            raise Misconfigured(f"{path} is damaged ({error}): `tidewatch down`, then `tidewatch up`") from error
        return {name: value for name, value in addresses.items() if value is not None}


class Settings(BaseSettings):
    """Everything a person may set. Units are in the names."""

    model_config = SettingsConfigDict(env_prefix="TIDEWATCH_", toml_file="tidewatch.toml", frozen=True, extra="forbid")

    home: Path = Field(Path(".tidewatch"), description="where the embedded stack and local caches live")

    # addresses of the services; empty means: the embedded stack, when it runs
    kafka: str = Field("", description="bootstrap servers, host:port[,host:port]")
    database_url: SecretStr = Field(SecretStr(""), description="postgresql://user:password@host:port/name")
    alertmanager_url: str = ""
    mlflow_url: str = Field("", description="tracking server, or postgresql://... to use the backend store directly")
    prometheus_url: str = ""
    grafana_url: str = Field("", description="base of dashboard_url in alerts")
    runbook_url: str = Field(
        "https://github.com/tidewatch/tidewatch/blob/main/docs/runbook.md", description="base of runbook_url in alerts"
    )

    # Kafka
    topic_prefix: str = Field("", max_length=100, description="names of files contain a topic's")
    group: str = Field("tidewatch", description="consumer group, and the Faust app's id")
    partitions: int = Field(4, ge=1, description="partitions of topics that Tidewatch creates")
    replication: int = Field(1, ge=1)
    batch_max_records: int = Field(
        20_000,
        ge=1,
        description="records of one partition folded in one transaction; bounds memory and the replay after a crash",
    )

    # what a sample may be
    service_labels: tuple[str, ...] = ("service", "service_name", "service.name", "job")
    instance_labels: tuple[str, ...] = ("instance", "host", "hostname", "host.name")
    default_service: str = Field("host", description="service of series that carry none of `service_labels`")
    max_future_s: float = Field(300.0, ge=0, le=CENTURY_S, description="tolerated clock skew of producers")
    max_age_s: float = Field(
        14 * 86_400.0,
        ge=0,
        le=CENTURY_S,
        description="older samples are rejected; bounds what a replay may bring in",
    )
    lateness_s: float = Field(60.0, description="how far behind its partition's newest sample a sample may be placed")
    max_record_bytes: int = Field(
        1_000_000, ge=1, le=4_000_000, description="a record's samples have to fit into one record of `samples`"
    )
    max_labels: int = 40
    max_series_per_entity: int = Field(10_000, ge=1, description="a tick of an entity costs what its series cost")
    max_series_per_service: int = 50_000
    max_services: int = Field(1_000, ge=1, description="each is a folder of the lake and a model")

    # lake
    lake: str = Field("", description="folder of the Parquet lake; empty: <home>/lake")
    lake_flush_s: float = Field(
        5.0, description="longest time a sample waits for its Parquet file, and its record for the acknowledgement"
    )
    lake_flush_rows: int = 200_000

    # scoring, models
    alerts_per_entity_week: float = Field(
        1.0, gt=0, description="the false-alarm rate the score's threshold is calibrated to; fewer in a first week"
    )
    metric_rules: tuple[MetricRule, ...] = Field(
        (), description="which changes of which metrics count; the first that names a metric does"
    )
    snapshot_every_s: float = Field(30.0, description="bounds the replay after a crash")
    training_min_rows: int = Field(240, description="rows of a service before its first model is asked for")
    training_max_rows: int = 200_000
    training_history_s: float = Field(
        28 * 86_400.0, description="how far back a training looks: of two weeks, an incident is twice the part"
    )
    retrain_cooldown_s: float = Field(600.0, description="shortest time between two trainings of one service")
    stale_after_s: float = Field(86_400.0, description="a champion is not stale before it is this old")

    # SLOs and alerts
    slo_clock_interval_s: float = Field(10.0, gt=0)
    alert_resend_s: float = Field(15.0, gt=0, description="renewal of firing alerts; `endsAt` is four of these ahead")
    resolve_repeat_s: float = Field(300.0, description="how long a resolve is repeated")

    # worker
    metrics_host: str = "127.0.0.1"
    metrics_port: int = Field(0, description="port of the worker's /metrics; 0 = a free one")
    health_file: str = Field(
        "", description="where a long-running process says how `python -m infra.health` is to ask it; empty: nowhere"
    )
    log_level: str = "INFO"
    plain_libraries: tuple[Library, ...] = Field(
        (), description="libraries of which only documented parts are used, which is slower; see models/seams.py"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls), EmbeddedStackSource(settings_cls)

    def topic(self, topic: Topic) -> str:
        """Full name of a topic, prefix included."""
        return f"{self.topic_prefix}{topic.value}"

    @property
    def entity_rule(self) -> EntityRule:
        """Which labels make a service and an entity."""
        return EntityRule(self.service_labels, self.instance_labels, self.default_service)

    @property
    def lake_path(self) -> str:
        return self.lake or str(self.home / "lake")

    def require(self, *names: str) -> None:
        """Raise `Misconfigured` unless each named address is set."""
        for name in names:
            value = getattr(self, name)
            if not (value.get_secret_value() if isinstance(value, SecretStr) else value):
                raise Misconfigured(
                    f"no address for {name}: set TIDEWATCH_{name.upper()} or start the embedded stack: `tidewatch up`"
                )


class _Early(BaseSettings):
    """What has to be known before all settings are read, or while others are wrong."""

    model_config = SettingsConfigDict(env_prefix="TIDEWATCH_", toml_file="tidewatch.toml", extra="ignore")
    home: Path = Settings.model_fields["home"].default
    plain_libraries: tuple[Library, ...] = ()

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], *sources: PydanticBaseSettingsSource, **named: PydanticBaseSettingsSource
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return named["env_settings"], TomlConfigSettingsSource(settings_cls)


def home_folder() -> Path:
    """`home` alone, for what must work while other settings, or a stack's file, are wrong: `up`, `down`, `status`."""
    return _Early().home


def plain_libraries() -> tuple[Library, ...]:
    """`plain_libraries` alone, for what must be decided before modules with compiled loops are imported."""
    try:
        return _Early().plain_libraries
    except ValidationError as error:
        raise Misconfigured(_problems(error)) from error


def load(**overrides: Any) -> Settings:
    """Read the settings; raise `Misconfigured` with one line a problem when they do not hold.

    >>> load(kafka="127.0.0.1:9092").kafka
    '127.0.0.1:9092'
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise Misconfigured(_problems(error)) from error


def _problems(error: ValidationError) -> str:
    return "; ".join(
        f"TIDEWATCH_{'_'.join(str(part) for part in e['loc']).upper()}: {e['msg']}" for e in error.errors()
    )
