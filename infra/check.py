"""Whether the configuration is right and every connection works."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from infra.http import answers_ok
from infra.settings import Settings, load
from models.errors import Misconfigured, TidewatchError, Unavailable

TIMEOUT_MS = 3_000


@dataclass(frozen=True)
class Finding:
    """How one check went; `advice` says what to do when it failed."""

    what: str
    ok: bool
    detail: str
    advice: str = ""


def check_all() -> Iterator[Finding]:
    """Every finding, one after the other; the settings first, for nothing else can be tried without them."""
    try:
        settings = load()
    except Misconfigured as error:
        yield Finding("settings", False, str(error), "correct the environment or tidewatch.toml")
        return
    yield Finding("settings", True, f"home is {settings.home}")
    for what, setting, test in (
        ("Kafka", "kafka", kafka),
        ("PostgreSQL", "database_url", postgres),
        ("MLflow", "mlflow_url", mlflow),
        ("Alertmanager", "alertmanager_url", alertmanager),
        ("Prometheus", "prometheus_url", prometheus),
    ):
        advice = f"look at TIDEWATCH_{setting.upper()} and whether {what} runs there (`tidewatch status`)"
        yield _try(what, settings, test, advice, setting)
    yield _try("lake", settings, lake, "make the folder writable, or set TIDEWATCH_LAKE to one that is")


def _try(what: str, settings: Settings, test: Callable[[Settings], str], advice: str, *required: str) -> Finding:
    try:
        settings.require(*required)
        return Finding(what, True, test(settings))
    except (TidewatchError, OSError) as error:
        return Finding(what, False, str(error), advice)


def kafka(settings: Settings) -> str:
    """Asks the cluster for its topics."""
    from infra.kafka.admin import missing_topics_blocking

    missing = missing_topics_blocking(settings, timeout_ms=TIMEOUT_MS)
    return f"{settings.kafka}; a worker will make: {', '.join(missing)}" if missing else settings.kafka


def postgres(settings: Settings) -> str:
    """Connects, and reads the schema's version."""
    from infra.store.database import Database

    database = Database(settings.database_url.get_secret_value(), connect_timeout_s=3)
    try:
        server, schema = database.server_version(), database.schema_version()
        return f"PostgreSQL {server}, " + (f"schema {schema}" if schema else "no schema yet (a worker makes it)")
    finally:
        database.close()


def mlflow(settings: Settings) -> str:
    """Asks the server for its health; a database address is what the registry connects to itself."""
    if settings.mlflow_url.startswith("http"):
        return _answer(settings.mlflow_url, "/health")
    return "the backend store directly"


def alertmanager(settings: Settings) -> str:
    """Asks whether it is ready."""
    return _answer(settings.alertmanager_url, "/-/ready")


def prometheus(settings: Settings) -> str:
    """Asks whether it is ready."""
    return _answer(settings.prometheus_url, "/-/ready")


def lake(settings: Settings) -> str:
    """Writes a file into the lake and takes it away again."""
    if "://" in settings.lake_path:
        return f"{settings.lake_path} (not a folder: not tried)"
    folder = Path(settings.lake_path)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        return str(folder)


def _answer(base_url: str, path: str) -> str:
    if not answers_ok(base_url.rstrip("/") + path, timeout_s=3.0):
        raise Unavailable(base_url, f"no good answer at {path}")
    return base_url


def finding_json(finding: Finding) -> dict[str, Any]:
    """`finding` as JSON is made of."""
    return asdict(finding)
