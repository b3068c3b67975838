"""One run of a producer: the topic in place, a publisher while it lasts, everything delivered, what came of it told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Final

from infra.clock import SystemClock
from infra.health import HealthFile
from infra.kafka.admin import create_topics_blocking
from infra.producers.publisher import SamplePublisher
from infra.settings import Settings
from models.names import Topic

LATE_AFTER_S: Final = 30.0
"""How long a broker may take to restart before a producer counts as unhealthy."""


@dataclass(frozen=True, slots=True)
class Published:
    """What a run came to.

    Attributes:
        what: which run.
        samples: acknowledged by the broker. failed: not delivered.
    """

    what: str
    topic: str
    samples: int
    failed: int
    seconds: float


def published_json(summary: Published) -> dict[str, Any]:
    """`summary` as JSON is made of."""
    return asdict(summary)


@contextmanager
def publishing(
    settings: Settings,
    what: str,
    *,
    say: Callable[[str], None],
    end: Callable[[Published], None],
    interval_s: float = 1.0,
    clock_s: Callable[[], float] = time.monotonic,
) -> Iterator[SamplePublisher]:
    """A publisher to `metrics`, with the topic in place; it ends with everything delivered.

    Args:
        what: which run, for the summary.
        say: told what is waited for.
        end: told the summary, however the run ends.
        interval_s: longest time between two samples; a health check allows for it.
        clock_s: seconds of a clock that is never set.

    Raises:
        Misconfigured: the settings name no Kafka.
        Unavailable: no broker answers, or not everything was delivered.
    """
    settings.require("kafka")
    topic, health_file = settings.topic(Topic.METRICS), HealthFile(settings.health_file, SystemClock())
    publisher = SamplePublisher.connect(
        settings.kafka,
        topic,
        settings.entity_rule,
        say=say,
        on_delivered=lambda: health_file.good_for(LATE_AFTER_S + 2 * interval_s),
    )
    began_s = clock_s()
    try:
        with publisher:
            create_topics_blocking(settings)
            yield publisher
    finally:
        health_file.remove()
        undelivered = publisher.failed + publisher.waiting
        end(Published(what, topic, publisher.samples, undelivered, round(clock_s() - began_s, 1)))
