"""The demo itself: everything started, fed and shown; with `--once` broken on purpose and watched until well again."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import psutil
from rich.console import Console
from rich.live import Live

from infra.alerting.webhook import WebhookReceiver
from infra.demo.chain import Chain, report
from infra.demo.host_slo import steady_memory
from infra.demo.incidents import Incidents
from infra.demo.observe import Observation, Observer
from infra.demo.once import Witness, drift_chain, incident_chain
from infra.demo.pressure import Pressure
from infra.demo.production import Production
from infra.demo.scores_tail import ScoresTail
from infra.demo.view import render
from infra.local.shipped import shipped
from infra.local.stack import Stack, external_addresses
from infra.local.stack_file import supervisor_pid
from infra.mlflow.registry import Registry
from infra.producers import host
from infra.settings import Settings, load
from infra.slo.files import read_slos
from infra.store.database import Database
from infra.store.slo import definitions as slos
from infra.terminal import cell
from models.names import Topic
from models.slo.definition import Slo
from models.synthetic.incidents import IncidentKind
from models.synthetic.services import SERVICES

DEMO_SETTINGS: Final = {
    "slo_clock_interval_s": "2",
    "alert_resend_s": "5",
    "snapshot_every_s": "10",
    "lake_flush_s": "2",
    "training_min_rows": "120",
    "retrain_cooldown_s": "30",
}
"""A demonstration's minutes stand for a production's days. What a person set stays."""

LOOK_EVERY_S: Final = 1.0
FAULT_S: Final = 40.0
"""Long enough to burn 14.4 times the budget over the two minutes of a page's long window."""

WARM_UP_LIMIT_S: Final = 180.0
CHAINS_LIMIT_S: Final = 240.0
WARM_UP_ROWS: Final = 30
"""Scores of this machine before its fault. They begin when the start is over, see `Production.begin_host`."""
CALM_ROWS: Final = 100
"""Seconds since this machine last did anything strange: a fault beside something as strange within the newest hundred
rows is no news, and a machine on which somebody has just ended two busy processes hides it."""

HOST_WAITS_S: Final = 75.0
"""Longest that this machine's own metrics wait for the first models of the simulated services."""

DRIFTING_SERVICE: Final = "search"
FAILING_SERVICE: Final = "payments"
FAILING_RATIO: Final = 0.8


@dataclass
class Running:
    """The demo's parts while it runs."""

    console: Console
    say: Callable[[str], None]
    settings: Settings
    database: Database
    observer: Observer
    production: Production
    webhook: WebhookReceiver
    objectives: list[Slo]
    endpoints: dict[str, str]


def run(
    settings: Settings, console: Console, *, once: bool, on_seen: Callable[[Settings, Database], None] | None = None
) -> bool:
    """Run until Ctrl-C, or with `once` until every link was seen or time is up; whether all was seen.

    Args:
        settings: where the home is.
        console: where to show it.
        once: break things, look for every link, end.
        on_seen: called, while everything still runs, after every link was seen.

    Raises:
        Misconfigured: something has to be installed, or a stack runs in this home already.
        Unavailable: a service did not start.
    """
    home = settings.home / "once" if once else settings.home
    if once and supervisor_pid(home) is None:
        shutil.rmtree(home, ignore_errors=True)  # what an earlier run saw must not count for this one
    with _running(home, console) as running:
        if once:
            seen = _once(running)
            if seen and on_seen is not None:
                on_seen(running.settings, running.database)
            return seen
        _until_interrupted(running)
        return True


@contextmanager
def _running(home: Path, console: Console) -> Iterator[Running]:
    def say(line: str) -> None:
        told = cell(f"{datetime.now().astimezone():%H:%M:%S}", "dim").append_text(cell(f" {line}", "not dim"))
        console.print(told, highlight=False, soft_wrap=True)

    with (
        closing(WebhookReceiver(time.time)) as webhook,
        Stack(home, say, external=external_addresses(load(home=home))) as stack,
    ):
        chosen = load(home=home).model_fields_set
        hurried = {name: value for name, value in DEMO_SETTINGS.items() if name not in chosen}
        stack.start(webhook_url=webhook.url, worker_settings=hurried)
        settings = load(home=home)
        with closing(Database(settings.database_url.get_secret_value(), application="tidewatch-demo")) as database:
            observer = Observer(database, lambda: stack.worker_urls, lambda: datetime.now(UTC))
            objectives = read_slos([shipped("slos")])
            _apply(database, objectives)
            with Production(settings, say) as production:
                yield Running(
                    console, say, settings, database, observer, production, webhook, objectives, _endpoints(settings)
                )
        say("stopping")


def _endpoints(settings: Settings) -> dict[str, str]:
    named = {
        "Prometheus": settings.prometheus_url,
        "Alertmanager": settings.alertmanager_url,
        "MLflow": settings.mlflow_url,
        "Kafka": settings.kafka,
    }
    return {name: address for name, address in named.items() if address}


def _apply(database: Database, wanted: Sequence[Slo]) -> None:
    with database.transaction() as cursor:
        slos.apply(cursor, wanted, changed_by="demo")


def _until_interrupted(running: Running) -> None:
    incidents = Incidents(running.production.simulation, time.monotonic())
    for _ in _looks(running, lambda: f"{incidents.told} · Ctrl-C stops everything"):
        incidents.advance(time.monotonic())


def _looks(running: Running, note: Callable[[], str]) -> Iterator[Observation]:
    """An observation a second, shown as it is taken: redrawn on a terminal, a line every ten seconds elsewhere."""
    on_screen = running.console.is_terminal
    host_from = time.monotonic() + HOST_WAITS_S
    with Live(console=running.console, auto_refresh=False, screen=False) as live:
        looks = 0
        while True:
            began = time.monotonic()
            seen = running.observer.look()
            if running.production.problem is not None:
                raise running.production.problem
            if len(seen.models) >= len(SERVICES) or time.monotonic() > host_from:
                running.production.begin_host()
            if on_screen:
                live.update(render(seen, running.endpoints, note()), refresh=True)
            elif looks % 10 == 0:
                running.say(_line(seen))
            yield seen
            looks += 1
            time.sleep(max(0.0, LOOK_EVERY_S - (time.monotonic() - began)))


def _line(seen: Observation) -> str:
    worst = seen.scores[0] if seen.scores else None
    return (
        f"{seen.samples_per_s:8,.0f} samples/s  lag {seen.lag_records:,.0f}  "
        f"{seen.entities:.0f} entities  worst {f'{worst.entity} {worst.score:.2f}' if worst else '-'}  "
        f"{sum(alert['state'] == 'firing' for alert in seen.alerts)} alerts  {len(seen.serving)} models"
    )


def _once(running: Running) -> bool:
    settings = running.settings
    with _following(ScoresTail(settings.kafka, settings.topic(Topic.SCORES))) as scores:
        if not _warm(running):
            running.say(f"[red]not ready in time[/]: see the logs in {settings.home / 'logs'}")
            return False
        latest = Observation(at=datetime.now(UTC))
        registry = Registry.at(settings.mlflow_url, settings.home / "artifacts")
        witness = Witness(
            running.database, lambda: latest, scores, running.webhook, registry, lambda: datetime.now(UTC)
        )
        pressure, chains = _break_things(running, witness)
        try:
            deadline = time.monotonic() + CHAINS_LIMIT_S
            for seen in _looks(running, lambda: _waiting_for(chains)):
                latest = seen
                for chain in chains:
                    for link in chain.advance():
                        running.say(f"[green]seen[/] {chain.title}: {link.name}")
                if all(chain.complete for chain in chains) or time.monotonic() > deadline:
                    break
        finally:
            pressure.stop()
    running.console.print(report(chains))
    return all(chain.complete for chain in chains)


@contextmanager
def _following(tail: ScoresTail) -> Iterator[ScoresTail]:
    """The tail, stopped in the end."""
    try:
        yield tail
    finally:
        tail.stop()


def _warm(running: Running) -> bool:
    """Whether, before time is up, this machine has been scored for a while; calm ones, unless it is never calm."""
    deadline = time.monotonic() + WARM_UP_LIMIT_S
    rows, calm = 0, CALM_ROWS
    for seen in _looks(running, lambda: "warming up: first models, first scores of this machine"):
        of_host = [score.score for score in seen.scores if score.service == host.SERVICE]
        rows += bool(of_host)
        calm = 0 if any(score > 1 for score in of_host) else calm + 1
        late = time.monotonic() > deadline
        if late or (rows >= WARM_UP_ROWS and calm >= CALM_ROWS):
            return rows >= WARM_UP_ROWS
    return False


def _break_things(running: Running, witness: Witness) -> tuple[Pressure, list[Chain]]:
    memory = psutil.virtual_memory()
    pressure = Pressure(FAULT_S)
    memory_slo = steady_memory(memory.percent / 100, pressure.memory_ratio)
    failing_slo = next(slo for slo in running.objectives if slo.service == FAILING_SERVICE)
    _apply(running.database, [memory_slo])
    begin = datetime.now(UTC)
    over_at = begin.timestamp() + FAULT_S
    simulation = running.production.simulation
    simulation.inject(FAILING_SERVICE, IncidentKind.ERRORS, FAULT_S, FAILING_RATIO)
    simulation.inject(DRIFTING_SERVICE, IncidentKind.LEVEL_SHIFT)

    def simulated_fault_over() -> datetime | None:
        return datetime.fromtimestamp(over_at, UTC) if time.time() >= over_at else None

    def pressure_over() -> datetime | None:
        return None if pressure.active else datetime.now(UTC)

    return pressure, [
        incident_chain(witness, f"this machine: {pressure.description}", memory_slo, begin, pressure_over),
        incident_chain(
            witness,
            f"{FAILING_SERVICE}: {FAILING_RATIO:.0%} of requests fail for {FAULT_S:.0f} s",
            failing_slo,
            begin,
            simulated_fault_over,
        ),
        drift_chain(witness, f"{DRIFTING_SERVICE}: a deployment changes its normal", DRIFTING_SERVICE, begin),
    ]


def _waiting_for(chains: Sequence[Chain]) -> str:
    missing = [f"{chain.title}: {chain.missing.name}" for chain in chains if chain.missing is not None]
    return "waiting for " + "; ".join(missing) if missing else "everything was seen"
