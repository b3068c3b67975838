"""Quix Streams: its consumer and its JSON deserializer (orjson), and nothing else."""

from __future__ import annotations

import os
import tempfile
import uuid
from typing import Any

from quixstreams import Application

from benchmarks.peers.meter import Meter, arguments


def main() -> None:
    chosen = arguments()
    meter = Meter(chosen.samples)
    with tempfile.TemporaryDirectory(prefix="quix-") as state:
        application = Application(
            broker_address=chosen.servers,
            consumer_group=f"quix-{uuid.uuid4().hex}",
            auto_offset_reset="earliest",
            auto_create_topics=False,
            state_dir=state,
            loglevel="WARNING",
        )

        def count(_: Any) -> None:
            if meter.add(1):
                print(meter.report("quixstreams", "confluent-kafka", "orjson"), flush=True)
                os._exit(0)  # its clean stop would count as work

        frame = application.dataframe(application.topic(chosen.topic, value_deserializer="json"))
        frame.update(count)
        meter.start()
        application.run()


if __name__ == "__main__":
    main()
