"""The one way to write to Kafka outside of the workers: batched, acknowledged by all replicas, failures counted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from kafka import KafkaProducer
from kafka.errors import KafkaError

from infra.kafka.probe import probe
from models.errors import Unavailable

# Records handed to the client but not acknowledged: beyond this `publish` waits. The client itself has no bound,
# so that a replay at full speed would pile up the file in memory. 10,000 records of a tick are about 10 MB.
MAX_WAITING: Final = 10_000
# How long a record waits for a broker that is away before it counts as failed. A broker's restart takes seconds;
# Kafka's default of two minutes would lose samples when it takes longer than that.
DELIVERY_TIMEOUT_S: Final = 600.0
# How long the end of a run waits for what is still on its way: at most MAX_WAITING records, a second for a broker.
CLOSING_TIMEOUT_S: Final = 20.0
BOOTSTRAP_TIMEOUT_MS: Final = 5_000
# How long handing on waits to learn where the topic is; later the client knows. Longer than an election takes.
METADATA_TIMEOUT_S: Final = 20.0
LINGER_MS: Final = 20
BATCH_BYTES: Final = 256 * 1024


class RecordPublisher:
    """Publishes records to one topic; use it as a context manager, which flushes at the end.

    Attributes:
        samples: samples acknowledged by the broker; a record that says nothing else counts as one.
        failed: samples whose delivery failed for good.
        waiting: samples handed on and neither of the two yet.

    Args:
        on_delivered: called for each record that the broker has acknowledged, by the client's thread.

    Raises:
        Unavailable: no broker answers.
        Misconfigured: an address is none.
    """

    def __init__(
        self,
        servers: str,
        topic: str,
        *,
        delivery_timeout_s: float = DELIVERY_TIMEOUT_S,
        on_delivered: Callable[[], None] = lambda: None,
    ) -> None:
        self._topic = topic
        self._on_delivered = on_delivered
        self._timeout_s = delivery_timeout_s
        self._lock = threading.Lock()  # callbacks come from the client's thread
        self._waiting_records = 0
        self._problem: BaseException | None = None
        self.samples = 0
        self.failed = 0
        self.waiting = 0
        probe(servers)
        try:
            self.producer = KafkaProducer(
                bootstrap_servers=servers.split(","),
                client_id="tidewatch-producer",
                acks="all",
                linger_ms=LINGER_MS,
                batch_size=BATCH_BYTES,
                delivery_timeout_ms=int(delivery_timeout_s * 1000),
                request_timeout_ms=int(min(10.0, delivery_timeout_s) * 1000),
                max_block_ms=int(METADATA_TIMEOUT_S * 1000),
                reconnect_backoff_max_ms=5_000,
                bootstrap_timeout_ms=BOOTSTRAP_TIMEOUT_MS,
            )
        except KafkaError as error:
            raise Unavailable("Kafka", f"no answer from {servers}: {error or type(error).__name__}") from error

    def send(self, key: bytes | None, value: bytes, samples: int = 1) -> None:
        """Hand a record on. Waits where too many are unacknowledged; raises `Unavailable` where earlier ones failed."""
        self._raise_problem()
        if self._waiting_records >= MAX_WAITING:
            self.flush()
        with self._lock:
            self._waiting_records += 1
            self.waiting += samples
        try:
            future = self.producer.send(self._topic, value=value, key=key)
        except KafkaError as error:
            self._failed(samples, error)
            return
        future.add_callback(self._delivered, samples)
        future.add_errback(self._failed, samples)

    def _delivered(self, samples: int, _metadata: object) -> None:
        with self._lock:
            self._waiting_records -= 1
            self.waiting -= samples
            self.samples += samples
        self._on_delivered()

    def _failed(self, samples: int, error: BaseException) -> None:
        with self._lock:
            self._waiting_records -= 1
            self.waiting -= samples
            self.failed += samples
            self._problem = error

    def _raise_problem(self) -> None:
        with self._lock:
            problem, self._problem = self._problem, None
        if problem is not None:
            raise Unavailable("Kafka", f"{self.failed} samples not delivered: {problem!r}")

    def flush(self, timeout_s: float | None = None) -> None:
        """Return when everything handed on is acknowledged; raises `Unavailable` where something was not."""
        timeout_s = self._timeout_s if timeout_s is None else timeout_s
        try:
            self.producer.flush(timeout=timeout_s)
        except KafkaError as error:
            raise Unavailable("Kafka", f"{self.waiting} samples not acknowledged within {timeout_s:g} s") from error
        self._raise_problem()

    def close(self) -> None:
        """Let go of the connection without waiting for what is not acknowledged; `flush` first."""
        self.producer.close(timeout=5)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.flush(min(self._timeout_s, CLOSING_TIMEOUT_S))
        finally:
            self.close()
