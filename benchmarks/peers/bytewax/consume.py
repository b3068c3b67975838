"""Bytewax: its Kafka source, whole batches decoded by orjson, and nothing else; one worker.

The source is used without the step that parts errors from messages, and batches are decoded by one call: both cost
less than the documented way, so the comparison leans towards the peer. Its default of 1,000 messages a batch is the
quickest that was tried: 10,000 reach three quarters of it.
"""

from __future__ import annotations

from typing import Any

import bytewax.operators as op
import orjson
from bytewax.connectors.kafka import KafkaSource, KafkaSourceMessage
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.testing import run_main

from benchmarks.peers.meter import Meter, arguments


class _Counted(StatelessSinkPartition[Any]):
    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def write_batch(self, items: list[Any]) -> None:
        self._meter.add(len(items))


class _Count(DynamicSink[Any]):
    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def build(self, step_id: str, worker_index: int, worker_count: int) -> _Counted:
        return _Counted(self._meter)


def _decoded(batch: list[KafkaSourceMessage[Any, Any]]) -> list[Any]:
    return [orjson.loads(message.value) for message in batch]


def main() -> None:
    chosen = arguments()
    meter = Meter(chosen.samples)
    flow = Dataflow("decode")
    source = KafkaSource([chosen.servers], [chosen.topic], tail=False)
    decoded = op.flat_map_batch("decode", op.input("metrics", flow, source), _decoded)
    op.output("count", decoded, _Count(meter))
    meter.start()
    run_main(flow)  # ends at the ends of the partitions
    print(meter.report("bytewax", "confluent-kafka", "orjson"), flush=True)


if __name__ == "__main__":
    main()
