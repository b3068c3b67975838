"""Follows the `scores` topic and remembers what the demo's chains ask for."""

from __future__ import annotations

import threading
from collections import defaultdict
from datetime import datetime

import msgspec
from kafka import KafkaConsumer

from models.records import ScoreEvent

POLL_MS = 200


class ScoresTail:
    """Reads new scores in a thread of its own until stopped."""

    def __init__(self, kafka: str, topic: str) -> None:
        self._consumer = KafkaConsumer(
            topic, bootstrap_servers=kafka, group_id=None, auto_offset_reset="earliest", enable_auto_commit=False
        )
        self._anomalous: dict[str, list[datetime]] = defaultdict(list)
        self._versions: dict[tuple[str, str], datetime] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="scores-tail", daemon=True)
        self._thread.start()

    def first_anomalous(self, service: str, since: datetime) -> datetime | None:
        """Tick of the first anomalous score of a service at or after `since`."""
        with self._lock:
            return min((tick for tick in self._anomalous[service] if tick >= since), default=None)

    def first_with_version(self, service: str, version: str) -> datetime | None:
        """Tick of the first score of a service that carries a model version."""
        with self._lock:
            return self._versions.get((service, version))

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(timeout=5)
        self._consumer.close()

    def _follow(self) -> None:
        decoder = msgspec.json.Decoder(ScoreEvent)
        while not self._stopping.is_set():
            for records in self._consumer.poll(timeout_ms=POLL_MS).values():
                for record in records:
                    self._take(decoder.decode(record.value))

    def _take(self, event: ScoreEvent) -> None:
        tick = datetime.fromisoformat(event.tick)
        with self._lock:
            if event.is_anomaly:
                self._anomalous[event.service].append(tick)
            self._versions.setdefault((event.service, event.model_version), tick)
