"""The embedded stack as a whole: what it is made of, and in which order it starts and stops."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from infra.local.processes.pids import pid_file, record, stop_recorded
from infra.local.services.alertmanager import AlertmanagerService
from infra.local.services.kafka import Kafka
from infra.local.services.keeper import Keeper
from infra.local.services.mlflow import DATABASE as MLFLOW_DATABASE
from infra.local.services.mlflow import Mlflow
from infra.local.services.postgres import Postgres
from infra.local.services.prometheus import Prometheus
from infra.local.services.service import Service
from infra.local.services.worker import Worker
from infra.local.shipped import cache_folder
from infra.local.stack_file import SUPERVISOR, take_home, write_stack_file
from infra.settings import STACK_FILE, Settings
from infra.store.database import Database
from models.errors import Misconfigured

SERVICES = ("alertmanager", "prometheus", "postgres", "kafka", "mlflow")
# scoring has a process to itself; what waits for databases, people and training shares another
WORKERS: Mapping[str, str] = {"stream": "ingest,watch", "control": "slo-clock,notify,trainer"}
DATABASE = "tidewatch"
# which setting holds a service's address; one that a person has set takes the service's place
SETTING: Mapping[str, str] = {
    "kafka": "kafka",
    "postgres": "database_url",
    "alertmanager": "alertmanager_url",
    "prometheus": "prometheus_url",
    "mlflow": "mlflow_url",
}


def external_addresses(settings: Settings) -> dict[str, str]:
    """Addresses that a person has set, by the setting's name; load the settings while no stack's file is there."""
    plain = settings.model_dump(include=set(SETTING.values()))
    plain["database_url"] = settings.database_url.get_secret_value()
    return {name: value for name, value in plain.items() if value}


class Stack:
    """Kafka, PostgreSQL, Prometheus, Alertmanager, MLflow and the workers, as children of this process.

    Use it as a context manager from a thread that lives as long as the stack (the kernel ends the children with it):

        with Stack(Path(".tidewatch"), print) as stack:
            stack.start()
            ...

    Leaving the block stops everything, whatever was running by then; a second Ctrl-C meanwhile kills instead of
    waiting.
    """

    def __init__(
        self,
        settings_home: Path,
        on_event: Callable[[str], None],
        *,
        external: Mapping[str, str] | None = None,
        cache: Path | None = None,
    ) -> None:
        """Nothing happens before `start`.

        Args:
            settings_home: data, logs, pid files and `stack.json` live here.
            on_event: hears a line for everything that happens, from two threads.
            external: addresses, by the setting's name, of services that run elsewhere and are not started here.
            cache: where fetched jars are kept; by default the checkout's, so that several homes share them.
        """
        self.home = settings_home.resolve()
        self.addresses: dict[str, str] = dict(external or {})
        self._external = frozenset(self.addresses)
        self._say = on_event
        self._cache = cache or cache_folder(self.home)
        self._lock: IO[str] | None = None
        self._keeper = Keeper(on_event, self._write_down)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def services(self) -> Mapping[str, Service]:
        """What runs here, workers included, by name."""
        return self._keeper.services

    @property
    def worker_urls(self) -> list[str]:
        """Where the workers serve their metrics."""
        return [f"http://{s.address}/metrics" for s in self.services.values() if isinstance(s, Worker)]

    def start(
        self,
        services: Iterable[str] = SERVICES,
        workers: Mapping[str, str] = WORKERS,
        webhook_url: str = "",
        worker_settings: Mapping[str, str] | None = None,
    ) -> None:
        """Start everything; return when all but MLflow, which follows in its own time, is ready.

        Args:
            services: which of `SERVICES` to run.
            workers: agents by worker name.
            webhook_url: base address that Alertmanager delivers to; empty: the one in its configuration.
            worker_settings: settings of the workers, by name, that go before those of the environment.

        Raises:
            Misconfigured: something has to be installed, or another stack runs here.
            Unavailable: something did not start; its log's last line is in the message.
        """
        began_s = time.monotonic()
        self._take_home(workers)
        ours = {name for name in services if SETTING[name] not in self._external}
        if "alertmanager" in ours:
            with self._told_when_missing("alertmanager"):
                self._start_alertmanager(webhook_url)
        if "prometheus" in ours:
            with self._told_when_missing("prometheus"):
                self._start_prometheus()
        mlflow = self._start_stores(ours)
        self._write_down()
        # they load for seconds and wait for Kafka by themselves
        for offset, (name, agents) in enumerate(workers.items()):
            self._keeper.launch(Worker(self.home, name, agents, 9108 + offset, worker_settings))
        self._write_down()
        self._keeper.until_ready()
        self._keeper.look_after()
        if mlflow is not None:  # the heaviest comes when nobody waits for a processor any more
            self._keeper.launch(mlflow)
            self._write_down()
        self._say(f"ready in {time.monotonic() - began_s:.1f} s")

    def wait(self) -> None:
        """Return when the stack was stopped."""
        self._keeper.wait()

    def hold(self, name: str) -> None:
        """Stop a service and leave it stopped until `release`: how a dependency's bad minute is played."""
        self._keeper.hold(name)

    def release(self, name: str) -> None:
        """Start a held service again, on its port and data; returns when it is ready."""
        self._keeper.release(name)

    def stop(self) -> None:
        """Stop everything: workers, then who watches them, then the stores. May be called again."""
        if self._lock is None:
            return
        workers = [service for service in self.services.values() if isinstance(service, Worker)]
        stores = [self.services[name] for name in ("kafka", "postgres") if name in self.services]
        others = [service for service in self.services.values() if service not in workers and service not in stores]
        try:
            self._keeper.stop([workers, others, stores])
            self._say("stopped")
        finally:
            (self.home / STACK_FILE).unlink(missing_ok=True)
            pid_file(self.home, SUPERVISOR).unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

    def _take_home(self, workers: Mapping[str, str]) -> None:
        self._lock = take_home(self.home)
        record(pid_file(self.home, SUPERVISOR), os.getpid())
        for name in (*WORKERS, *workers, *SERVICES):  # before ports are chosen: what a killed stack left may hold them
            if stop_recorded(pid_file(self.home, name)):
                self._say(f"{name}: ended the one that an earlier run left behind")
        (self.home / STACK_FILE).unlink(missing_ok=True)

    def _start_alertmanager(self, webhook_url: str) -> None:
        alertmanager = AlertmanagerService(self.home, webhook_url)
        self._keeper.launch(alertmanager)
        self.addresses["alertmanager_url"] = alertmanager.url

    def _start_prometheus(self) -> None:
        prometheus = Prometheus(self.home)
        self._keeper.launch(prometheus)
        self.addresses["prometheus_url"] = prometheus.url

    def _start_stores(self, ours: set[str]) -> Mlflow | None:
        """Start PostgreSQL and Kafka side by side; returns MLflow, its address chosen, to be launched last."""
        postgres = Postgres(self.home, self._say) if "postgres" in ours else None
        if postgres is not None:
            self._keeper.launch(postgres)
            self.addresses["database_url"] = postgres.url(DATABASE)
        if "kafka" in ours:
            kafka = Kafka(self.home, self._cache, self._say)
            self._keeper.launch(kafka)
            self.addresses["kafka"] = kafka.address
        store = f"sqlite:///{self.home / 'mlflow.db'}"  # somebody else's server has no database for MLflow
        if postgres is not None:
            self._keeper.until_ready("postgres")
            postgres.create_database(DATABASE)
            postgres.create_database(MLFLOW_DATABASE)
            store = postgres.url(MLFLOW_DATABASE)
        mlflow = Mlflow(self.home, store) if "mlflow" in ours else None
        if mlflow is not None:
            self.addresses["mlflow_url"] = mlflow.url
        elif postgres is not None and "mlflow_url" not in self._external:
            self.addresses["mlflow_url"] = store  # without a server, trainer and workers use its store directly
        if "database_url" in self.addresses:
            with contextlib.closing(Database(self.addresses["database_url"])) as database:
                database.migrate()
        return mlflow

    @contextlib.contextmanager
    def _told_when_missing(self, name: str) -> Iterator[None]:
        """The stack works without what a distribution may not have; its absence is said, not hidden."""
        try:
            yield
        except Misconfigured as error:
            self._say(f"{name} is missing: {error}")

    def _write_down(self) -> None:
        """Tell every other process, and Prometheus, what runs where."""
        prometheus = self.services.get("prometheus")
        if isinstance(prometheus, Prometheus):
            workers = [service.address for service in self.services.values() if isinstance(service, Worker)]
            alertmanager = self.addresses.get("alertmanager_url", "").partition("://")[2].rstrip("/")
            prometheus.targets("workers", workers)
            prometheus.targets("alertmanager", [alertmanager] if alertmanager else [])
        processes: dict[str, dict[str, Any]] = {
            name: {
                "pid": service.child.pid,
                "address": service.address,
                "note": service.note,
                "log": str(service.child.log),
                "restarts": self._keeper.restarts[name].count,
            }
            for name, service in self.services.items()
        }
        write_stack_file(self.home, {n: a for n, a in self.addresses.items() if n not in self._external}, processes)
