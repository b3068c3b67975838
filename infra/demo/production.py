"""The demo's producers: this machine and the simulated services, each in a thread of its own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from infra.kafka.admin import create_topics_blocking
from infra.producers import host
from infra.producers.pace import SystemWaitingClock
from infra.producers.publisher import SamplePublisher
from infra.producers.simulate import LiveSimulation
from infra.settings import Settings
from models.errors import TidewatchError
from models.names import Topic
from models.synthetic.services import SERVICES

SEED: Final = 7
INTERVAL_S: Final = 1.0
BACKFILL_S: Final = 1800.0
"""History of the simulated services: enough for a first model at once, drained in seconds."""


class Production:
    """Publishes until it is left; use it as a context manager."""

    def __init__(self, settings: Settings, on_event: Callable[[str], None]) -> None:
        settings.require("kafka")
        create_topics_blocking(settings)
        rule = settings.entity_rule
        self._say = on_event
        self._clock = SystemWaitingClock()
        self._host_begins = threading.Event()
        self._publisher = SamplePublisher.connect(settings.kafka, settings.topic(Topic.METRICS), rule, say=on_event)
        self.simulation = LiveSimulation(
            list(SERVICES.values()),
            self._publisher,
            self._clock,
            seed=SEED,
            interval_s=INTERVAL_S,
            backfill_s=BACKFILL_S,
        )
        self._threads = [
            threading.Thread(target=self._carefully, args=(work,), name=f"produce-{name}", daemon=True)
            for name, work in (("host", self._host), ("simulation", self._simulate))
        ]
        self.problem: TidewatchError | None = None

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clock.stop()
        self._host_begins.set()
        for thread in self._threads:
            thread.join(timeout=5)
        self._publisher.close()

    def begin_host(self) -> None:
        """Begin with this machine's own metrics, once the start is over: its load is not what is normal here, and
        beside live samples of the same partition, services still in their past would look silent.
        """
        self._host_begins.set()

    def _carefully(self, work: Callable[[], None]) -> None:
        """Run a producer; what ends it is kept for whoever looks, because nobody joins a thread that runs forever."""
        try:
            work()
        except TidewatchError as error:
            self.problem = error
            self._say(f"{threading.current_thread().name}: {error}")

    def _host(self) -> None:
        self._host_begins.wait()
        host.run(host.HostMetrics(socket.gethostname()), self._publisher, self._clock, interval_s=INTERVAL_S)

    def _simulate(self) -> None:
        samples = self.simulation.backfill()
        self._say(f"{len(SERVICES)} simulated services: published {samples:,} samples of history, now live")
        self.simulation.run()
