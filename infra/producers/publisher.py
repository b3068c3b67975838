"""How our producers reach Kafka: samples as native JSON, through a `RecordPublisher`."""

from __future__ import annotations

import time
from collections.abc import Callable

from infra.backoff import Backoff
from infra.kafka.record_publisher import DELIVERY_TIMEOUT_S, RecordPublisher
from infra.producers.native_records import NativeWriter
from models.errors import Unavailable
from models.records import SampleColumns
from models.series import EntityRule


class SamplePublisher(RecordPublisher):
    """Publishes samples; use it as a context manager, which flushes at the end."""

    def __init__(
        self,
        servers: str,
        topic: str,
        entity_rule: EntityRule,
        *,
        delivery_timeout_s: float = DELIVERY_TIMEOUT_S,
        on_delivered: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(servers, topic, delivery_timeout_s=delivery_timeout_s, on_delivered=on_delivered)
        self._writer = NativeWriter(entity_rule)

    @classmethod
    def connect(
        cls,
        servers: str,
        topic: str,
        entity_rule: EntityRule,
        *,
        patience_s: float = 60.0,
        say: Callable[[str], None] = lambda line: None,
        on_delivered: Callable[[], None] = lambda: None,
    ) -> SamplePublisher:
        """A publisher as soon as a broker answers; raises `Unavailable` when none does for `patience_s`."""
        backoff, give_up_at = Backoff(first_s=0.5, most_s=5.0), time.monotonic() + patience_s
        while True:
            try:
                return cls(servers, topic, entity_rule, on_delivered=on_delivered)
            except Unavailable as error:
                wait_s = backoff.next_s()
                if time.monotonic() + wait_s >= give_up_at:
                    raise
                say(f"{error}; trying again in {wait_s:g} s")
                time.sleep(wait_s)

    def publish(self, columns: SampleColumns) -> None:
        """Hand samples on. Waits where too many are unacknowledged; raises `Unavailable` where earlier ones failed."""
        for record in self._writer.records(columns):
            self.send(record.key, record.value, record.samples)
