"""`tidewatch check`: the configuration and every connection."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from infra.settings import Settings, load
from infra.terminal import cell
from models.errors import Misconfigured, TidewatchError, Unavailable

TIMEOUT_MS = 3_000


@dataclass(frozen=True)
class Finding:
    """How one check went; `advice` says what to do when it failed."""

    what: str
    ok: bool
    detail: str
    advice: str = ""


def command(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Test the configuration and every connection; exit 1 when one of them fails."""
    findings = list(check_all())
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=1))
    else:
        _show(findings)
    raise typer.Exit(0 if all(finding.ok for finding in findings) else 1)


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
    from kafka.admin import KafkaAdminClient
    from kafka.errors import KafkaError

    from infra.kafka.admin import topics

    try:
        client = KafkaAdminClient(bootstrap_servers=settings.kafka.split(","), bootstrap_timeout_ms=TIMEOUT_MS)
        there = set(client.list_topics())
        client.close()
    except KafkaError as error:
        raise Unavailable(settings.kafka, str(error) or type(error).__name__) from error
    missing = [topic.name for topic in topics(settings) if topic.name not in there]
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
    from infra.http import answers_ok

    if not answers_ok(base_url.rstrip("/") + path, timeout_s=3.0):
        raise Unavailable(base_url, f"no good answer at {path}")
    return base_url


def _show(findings: list[Finding]) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("check", "result", "detail", "what to do"):
        table.add_column(heading, overflow="fold")
    for finding in findings:
        result = cell("ok", "green") if finding.ok else cell("failed", "red")
        table.add_row(cell(finding.what), result, cell(finding.detail), cell(finding.advice))
    Console(highlight=False).print(table)
