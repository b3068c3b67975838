"""A stock Faust agent: its consumer and its JSON codec (orjson), and nothing else."""

from __future__ import annotations

from typing import Any

from faust.types import StreamT

from benchmarks.peers.faust.stock import finish, stock_app
from benchmarks.peers.meter import Meter, arguments


def main() -> None:
    chosen = arguments()
    meter = Meter(chosen.samples)
    app = stock_app(chosen.servers)
    topic = app.topic(chosen.topic, value_serializer="json")

    @app.agent(topic)
    async def decode(stream: StreamT[Any]) -> None:
        async for _ in stream:
            if meter.add(1):
                finish(meter.report("faust-streaming", "aiokafka", "orjson"))

    app.main()


if __name__ == "__main__":
    main()
