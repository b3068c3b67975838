"""The ingest agent: raw records of `metrics` to columns of samples, at least once.

Per micro-batch: parse; publish a `SampleRecord` for each `samples` partition concerned and a dead letter for each
reject; wait for the broker; hand the samples to the lake; acknowledge when their Parquet files are on disk. One
micro-batch of a source partition is published before the next, so its samples never overtake each other: the watch
agent relies on that when it skips what it has.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from typing import Any, Final

import faust
import numpy as np
from faust.types import StreamT
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Counter

from agents.ingest.dead_letters import dead_letter, parked_file, parked_samples, shortened
from agents.ingest.lake_feed import LAKE, LakeFeed
from agents.ingest.partitioner import Partitioner
from agents.kafka.micro_batch import MicroBatch, side_by_side
from agents.kafka.publisher import Outgoing, Publisher
from agents.worker.context import Context
from infra.lake.lake import ParkedFile
from infra.settings import Settings
from models.errors import Rejected
from models.names import Metric, Topic
from models.parse.outcome import Limits, Parsed
from models.parse.parser import Parser
from models.pipeline.warm_up import warm_up_reading
from models.stream.identity import source_name
from models.timestamps import MILLISECOND_NS
from models.wire.sample_records import encode, halved

log = logging.getLogger(__name__)

AGENT: Final = "ingest"


def attach(app: faust.App, context: Context) -> None:
    """Let the worker take in the `metrics` topic."""
    ingest = Ingest(context)
    context.on_start(ingest.warm_up)
    context.on_stop(ingest.finish)
    topic = app.topic(context.settings.topic(Topic.METRICS), key_serializer="raw", value_serializer="raw")

    @app.agent(topic, name=AGENT)
    async def take_in(stream: StreamT[Any]) -> None:
        await side_by_side(stream, ingest.process)

    @app.task  # type: ignore[untyped-decorator]
    async def write_lake() -> None:
        await ingest.feed.run()


class Ingest:
    """What the agent does with a micro-batch."""

    def __init__(self, context: Context) -> None:
        settings = context.settings
        rule = settings.entity_rule
        self._context = context
        self._samples = settings.topic(Topic.SAMPLES)
        self._dead_letters = settings.topic(Topic.DEAD_LETTER)
        self._parser = Parser(_limits(settings), rule)
        self._parsing = asyncio.Lock()  # the parser remembers the series of all partitions
        self._partitioner: Partitioner | None = None
        self.publisher = Publisher(settings, "tidewatch-ingest", context.clock, context.chance)
        self._counts = _Counts(context.registry)
        self.feed = LakeFeed(context, rule, self._park_files)

    async def warm_up(self) -> None:
        """Compile the loops before partitions are ours."""
        await self._context.run(warm_up_reading)

    async def process(self, batch: MicroBatch) -> None:
        """Take a micro-batch in; it is acknowledged later, when its samples are in the lake.

        Where that fails for a reason of ours, its partition rests and tries the same micro-batch again.
        """
        while not batch.stale:
            try:
                await self._take_in(batch)
            except Exception as error:  # noqa: BLE001 - the outermost loop of a partition
                await self._context.guard.rest(AGENT, batch.partition, error)
            else:
                break
        self._context.guard.goes_on(AGENT, batch.partition)

    async def _take_in(self, batch: MicroBatch) -> None:
        with self._context.batch_seconds.labels(AGENT).time():
            source = source_name(batch.topic, batch.topic_id, batch.partition)
            partitioner = self._partitioner or await self._find_partitions()
            async with self._parsing:
                parsed, offsets, outgoing = await self._context.run(
                    self.prepare, batch, source, partitioner, self._context.clock.now_ns()
                )
            await self._publish(outgoing)
            self._counts.add(batch, parsed)
            if len(parsed.columns):
                await self.feed.add(parsed, source, offsets, batch.ack)
            else:
                batch.ack()

    async def _publish(self, outgoing: Sequence[Outgoing]) -> None:
        """Publish all of it in order. What a topic refuses for its size is found by halves and made smaller."""
        try:
            await self._context.dependencies.until_available("kafka", lambda: self.publisher.publish(outgoing))
        except Rejected as error:
            middle = len(outgoing) // 2
            parts = [outgoing[:middle], outgoing[middle:]] if middle else [self._smaller(outgoing[0], error)]
            for part in parts:
                await self._publish(part)

    def _smaller(self, refused: Outgoing, error: Rejected) -> Sequence[Outgoing]:
        """What to publish in place of a record that its topic refuses; raises `error` where nothing is left to cut."""
        if refused.topic == self._dead_letters:
            return [shortened(refused, error)]
        halves = [refused._replace(value=half) for half in halved(refused.value or b"")]
        if halves:
            return halves
        self._context.parked.labels("samples").inc()
        return [parked_samples(self._dead_letters, refused, error)]

    async def _park_files(self, files: Sequence[ParkedFile]) -> None:
        for file in files:
            log.error("the lake can't hold %d samples of %r: %s", file.samples, file.service, file.error)
            self._context.parked.labels(LAKE).inc(file.samples)
        if files:
            await self._publish([parked_file(self._dead_letters, file) for file in files])

    async def finish(self) -> None:
        """Write what waits for the lake, so that it is acknowledged, and close."""
        await self.feed.flush()
        await self.publisher.close()

    async def _find_partitions(self) -> Partitioner:
        """The topic's own number of partitions, whoever created it; a later change needs a restart of every worker."""
        partitions = await self._context.dependencies.until_available(
            "kafka", lambda: self.publisher.partitions(self._samples)
        )
        self._partitioner = Partitioner(partitions)
        return self._partitioner

    def prepare(
        self, batch: MicroBatch, source: str, partitioner: Partitioner, now_ns: int
    ) -> tuple[Parsed, NDArray[np.int64], list[Outgoing]]:
        """What a batch parses to, the source offset of each sample, and the records to publish; blocks a thread."""
        records = batch.records
        record_time_ns = records.layout.time_ms * MILLISECOND_NS
        parsed = self._parser.parse_column(records.values, record_time_ns, now_ns)
        offsets = records.layout.offset[parsed.record]
        outgoing = [
            Outgoing(self._samples, value, partition=partition)
            for partition, value in encode(
                parsed.columns, partitioner(parsed.book, parsed.numbers), offsets, source, int(record_time_ns[-1])
            )
        ]
        outgoing.extend(self._letters(batch, parsed))
        return parsed, offsets, outgoing

    def _letters(self, batch: MicroBatch, parsed: Parsed) -> Iterator[Outgoing]:
        for reject in parsed.rejected:
            yield dead_letter(self._dead_letters, batch.records[reject.record], reject)


class _Counts:
    """What ingest tells Prometheus about itself."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: Metric, text: str, *labels: str) -> Counter:
            return Counter(name.value.removesuffix("_total"), text, labels, registry=registry)

        self._records = counter(Metric.RECORDS, "Records of `metrics` taken in.")
        self._samples = counter(Metric.SAMPLES, "Samples that were accepted.")
        self._rejected = counter(Metric.REJECTED, "Samples that went to the dead-letter topic.", "reason")
        self._crowded = counter(
            Metric.SERIES_REFUSED, "Samples of series for which there was no room.", "scope", "service", "label"
        )

    def add(self, batch: MicroBatch, parsed: Parsed) -> None:
        self._records.inc(len(batch))
        self._samples.inc(len(parsed.columns))
        for reject in parsed.rejected:
            self._rejected.labels(reject.reason.value).inc(reject.samples)
        for crowd, samples in parsed.crowded.items():
            self._crowded.labels(crowd.scope.value, crowd.service, crowd.label).inc(samples)


def _limits(settings: Settings) -> Limits:
    return Limits(
        max_record_bytes=settings.max_record_bytes,
        max_labels=settings.max_labels,
        max_series_per_entity=settings.max_series_per_entity,
        max_series_per_service=settings.max_series_per_service,
        max_services=settings.max_services,
        max_future_s=settings.max_future_s,
        max_age_s=settings.max_age_s,
    )
