"""Micro-batches from Kafka, and acknowledgements that mean something.

Stock Faust handles one message at a time, acknowledges when the stream advances and also when an agent raises, and
commits by walking every single offset. Here one fetch of one partition becomes one message whose value is a
`MicroBatch`, and the offset to commit comes from `MicroBatch.ack()` and from nothing else: what Faust's streams
acknowledge by themselves is not even looked at, so no path through an agent, a rebalance or a shutdown can
acknowledge a batch that its agent did not.

Positions are explicit too. Every assigned partition starts from a known offset: the committed one, the earliest one,
or what the partition's owner says (`resume_from`: the watch agent resumes from PostgreSQL). Records that do not
continue the known position are leftovers of a fetch from before a seek, or a gap in the log; the consumer seeks again
and believes a gap only when a fresh fetch shows it, too.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, cast

import faust
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata
from faust.transport.consumer import ensure_TP
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage
from mode import Service

from agents.kafka import aiokafka_seams, faust_seams
from agents.kafka.fetched import Fetched
from agents.kafka.micro_batch import BATCH_MAX_BYTES, Deliveries, MicroBatch
from agents.kafka.reading import Reading
from agents.kafka.topic_ids import TopicIds

log = logging.getLogger(__name__)

Resumer = Callable[[int], Awaitable[int | None]]
"""Partition → offset to resume from; None: the earliest there is."""

FETCH_MAX_BYTES: Final = 4 * 1024 * 1024
"""Bytes that the broker returns for one partition at once: 35,000 single-sample records, so that a backlog arrives in
micro-batches of `batch_max_records`. With a quarter of it they are half as large, and the worker takes a quarter more
processor time: every record of `samples` names its series. Of that topic, which is compressed, it is six times as much
in memory."""

POLL_S: Final = 1.0
"""Longest wait of one fetch while every partition may be fetched; only bounds how long stopping takes."""

CROWDED_POLL_S: Final = 0.02
"""The same while some partition waits for room: it may not be fetched until the present fetch returns."""

LAG_LOOK_S: Final = 2.0
"""Age of the lag that `/metrics` shows; less than a scrape interval."""

COMMIT_ON_REVOKE_S: Final = 2.0
"""Bounds what a revocation waits for the commit; a lost commit means repeated work, which every agent can take."""


class _ConsumerThread(faust_seams.ConsumerThread):
    """Faust's thread around aiokafka's consumer, which fetches whole batches and lives through a commit that fails."""

    def started_with(self, consumer: AIOKafkaConsumer) -> None:
        if aiokafka_seams.SEAM.fast:
            aiokafka_seams.hand_over_batches(consumer)

    async def commit_to(self, consumer: AIOKafkaConsumer, offsets: Mapping[TP, int]) -> bool:
        """Whether Kafka took the offsets. If it did not, nothing is lost: they are committed again, or read again."""
        ids = cast(Consumer, self.consumer).commit_ids
        try:
            await consumer.commit(
                {
                    TopicPartition(tp.topic, tp.partition): OffsetAndMetadata(at, ids.get(tp, ""))
                    for tp, at in offsets.items()
                }
            )
        except (KafkaError, IllegalStateError) as error:
            log.warning("offsets are not committed for now: %s", error or type(error).__name__)
            return False
        return True


class Consumer(faust_seams.FaustConsumer):
    """Faust's consumer with micro-batches, explicit positions and explicit acknowledgements."""

    thread = _ConsumerThread
    transport: Transport

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._deliveries: dict[TP, Deliveries] = {}
        self._resuming: dict[TP, object] = {}
        self._confirmed: dict[TP, int] = {}
        self.commit_ids: dict[TP, str] = {}
        """Which topic of its name an offset to commit is for: a commit may arrive after the topic was made anew."""
        self._ends: dict[TP, int] = {}
        self._reading = Reading()
        self._room = asyncio.Event()
        super().__init__(*args, **kwargs)

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Join the group for `topics`. Where no agent consumes (the SLO clock alone), let the worker's tasks begin."""
        wanted = set(topics)
        if wanted:
            await super().subscribe(wanted)
        else:
            self._reading.joined(asyncio.get_running_loop().time())
            faust_seams.without_recovery(self.app)

    # fetching

    async def next_messages(self, active: set[TP]) -> Mapping[TP, list[MicroBatch]] | None:
        """Micro-batches of the active partitions that have room for more."""
        ready = {tp for tp in active if tp in self._deliveries and self._deliveries[tp].has_room}
        if not ready:
            await self._wait_for_room()
            return None
        self._reading.fetches()
        fetched = await self.fetch(ready, POLL_S if ready == active else CROWDED_POLL_S)
        if not self.flow_active:
            return None  # a rebalance began; every partition will be sought again
        return {tp: list(await self._accept(tp, records)) for tp, records in _by_tp(fetched)}

    async def _wait_for_room(self) -> None:
        self._room.clear()
        try:
            await asyncio.wait_for(self._room.wait(), POLL_S)
        except TimeoutError:
            return  # whether to stop is looked at again

    async def _accept(self, tp: TP, returned: Sequence[Any]) -> Iterator[MicroBatch]:
        """Micro-batches of those records that continue the partition's known position."""
        deliveries = self._deliveries.get(tp)
        if deliveries is None:
            return iter(())
        position = deliveries.position
        records = Fetched.of_getmany(tp, returned, position)
        if not records:
            return iter(())
        first = int(records.layout.offset[0])
        if first not in (position, deliveries.doubted):
            deliveries.doubted = first
            log.info("%s:%s continues at %s instead of %s; looking again", tp.topic, tp.partition, first, position)
            await self.seek_wait({tp: position})
            return iter(())
        deliveries.doubted = None
        if first < position:  # asked twice for `position` and got less: the topic was deleted and made anew
            await self.transport.refresh_topic_ids()
            await self._begin_anew(tp)
            return iter(())
        limit = self.transport.batch_max_records
        return (
            MicroBatch(tp, part, deliveries, deliveries.hand_out(*part.layout.offset[[0, -1]].tolist()))
            for part in records.parts(limit, BATCH_MAX_BYTES)
        )

    def message_of(self, tp: TP, value: MicroBatch) -> ConsumerMessage:
        """What carries a micro-batch through Faust."""
        batch = value
        return ConsumerMessage(
            batch.topic,
            batch.partition,
            batch.first_offset,
            float(batch.records.layout.time_ms[-1]) / 1000,
            0,  # whose clock that was is of no use to Faust
            None,
            None,
            cast(bytes, batch),  # the "raw" serializer passes it through as it is
            None,
            None,
            None,
            tp,
            generation_id=self.app.consumer_generation_id,
        )

    # positions

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Start every assigned partition anew from its committed offset, the earliest one, or its owner's."""
        await self.transport.refresh_topic_ids()
        committed: dict[TP, int | None] = {ensure_TP(tp): at for tp, at in (await super().seek_to_committed()).items()}
        for tp in await self.transport.committed_elsewhere([tp for tp, at in committed.items() if at is not None]):
            log.warning("%s:%s was committed for another topic of that name", tp.topic, tp.partition)
            committed[tp] = None
        for tp in list(self._deliveries):
            self._forget(tp)
        owned = {tp for tp in committed if tp.topic in self.transport.resumers}
        fresh = [tp for tp, offset in committed.items() if offset is None and tp not in owned]
        start = {tp: offset for tp, offset in committed.items() if offset is not None and tp not in owned}
        if fresh:
            start.update({ensure_TP(tp): offset for tp, offset in (await self.earliest_offsets(*fresh)).items()})
        if start:
            await self.seek_wait(start)
        for tp, offset in start.items():
            self._restart(tp, offset)
        for tp in owned:
            self.reposition(tp)
        return start

    def reposition(self, tp: TP) -> None:
        """Forget what was delivered of a partition and resume it from where its owner says, once the owner can say
        it."""
        self._forget(tp)
        if tp not in self.assignment():
            return
        placeholder = self._resuming[tp] = object()
        self.add_future(self._resume(tp, placeholder))

    async def _resume(self, tp: TP, placeholder: object) -> None:
        offset = await self.transport.resumers[tp.topic](tp.partition)
        if self._resuming.get(tp) is not placeholder or tp not in self.assignment():
            return
        if offset is None:
            offset = (await self.earliest_offsets(tp))[tp]
        try:
            await self.seek_wait({tp: offset})
        except IllegalStateError:  # the group took it away a moment ago; `assignment()` hears of that later
            log.info("%s:%s is somebody else's by now; its new owner resumes it", tp.topic, tp.partition)
            return
        if self._resuming.get(tp) is placeholder:
            del self._resuming[tp]
            self._restart(tp, offset)

    def _restart(self, tp: TP, position: int) -> Deliveries:
        self._forget(tp)
        self._confirmed[tp] = position
        deliveries = self._deliveries[tp] = Deliveries(position, self._room.set, self.transport.topic_id(tp.topic))
        self._room.set()
        return deliveries

    async def _begin_anew(self, tp: TP) -> None:
        """Deliver a partition from the beginning of the topic that has taken the place of the one it was read from."""
        log.warning("%s:%s was made anew: it is read from its beginning", tp.topic, tp.partition)
        if tp.topic in self.transport.resumers:
            self.reposition(tp)
            return
        offset = (await self.earliest_offsets(tp))[tp]
        await self.seek_wait({tp: offset})
        self._restart(tp, offset)

    async def _look_for_new_topics(self) -> None:
        await self.transport.refresh_topic_ids()
        for tp, deliveries in list(self._deliveries.items()):
            if deliveries.topic_id and deliveries.topic_id != self.transport.topic_id(tp.topic):
                await self._begin_anew(tp)

    def _forget(self, tp: TP) -> None:
        self._resuming.pop(tp, None)
        deliveries = self._deliveries.pop(tp, None)
        if deliveries is not None:
            deliveries.live = False

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Begin to fetch what the group gave us."""
        await super().on_partitions_assigned(assigned, generation_id)
        self._reading.joined(asyncio.get_running_loop().time())

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Commit what is acknowledged while the partitions are still ours, then let them go."""
        self._reading.left()
        try:
            await asyncio.wait_for(self.commit(), COMMIT_ON_REVOKE_S)
        except TimeoutError:
            log.warning("the commit before a rebalance took too long; its records will be delivered again")
        for tp in revoked:
            self._forget(ensure_TP(tp))
        await super().on_partitions_revoked(revoked)

    # committing: by our ledgers only

    def delivered(self) -> list[TP]:
        return list(self._deliveries)

    def committable(self, tp: TP) -> int | None:
        deliveries = self._deliveries.get(tp)
        if deliveries is None:
            return None
        self.commit_ids[tp] = deliveries.topic_id
        return deliveries.committable

    def is_news(self, tp: TP, offset: int) -> bool:
        return offset > self._confirmed.get(tp, -1)

    def on_committed(self, offsets: Mapping[TP, int]) -> None:
        self._confirmed.update(offsets)

    # whether it reads, and how far it is

    def waits_for(self, now_s: float) -> list[str]:
        """What has to happen before every partition of ours is fetched; empty: it is. Any thread may ask."""
        return self._reading.waits_for(self.assignment, self._deliveries, now_s)

    def lags(self) -> dict[TP, int]:
        """Records that are in the log and not acknowledged, per partition that is being fetched. Any thread may ask."""
        ends = self._ends
        return {
            tp: max(0, ends[tp] - deliveries.committable)
            for tp, deliveries in list(self._deliveries.items())
            if tp in ends
        }

    @Service.task
    async def _look_for_ends(self) -> None:
        """Ask for the logs' ends: a partition that is held back is not fetched, so fetches do not tell."""
        while not self.should_stop:
            await self.sleep(LAG_LOOK_S)
            fetched = list(self._deliveries)
            try:
                await self._look_for_new_topics()
                ends = await self.highwaters(*fetched) if fetched else {}
            except KafkaError as error:
                log.info("the logs' ends are unknown for now: %s", error)
            else:
                self._ends = {ensure_TP(tp): end for tp, end in ends.items()}
                self._reading.heard(asyncio.get_running_loop().time())


def _by_tp(fetched: Mapping[Any, list[Any]]) -> Iterator[tuple[TP, list[Any]]]:
    return ((ensure_TP(tp), records) for tp, records in fetched.items())


class Transport(driver.Transport):
    """Faust's aiokafka transport with our consumer.

    Args:
        batch_max_records: most records of one `MicroBatch`.
    """

    Consumer = Consumer

    def __init__(self, *args: Any, batch_max_records: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.batch_max_records = batch_max_records
        self.resumers: dict[str, Resumer] = {}
        self._topic_ids: TopicIds | None = None

    def topic_id(self, topic: str) -> str:
        """Id of a topic as last known; empty where it is not."""
        return self._topic_ids.identity(topic).topic_id if self._topic_ids is not None else ""

    async def committed_elsewhere(self, partitions: Sequence[TP]) -> list[TP]:
        """Those whose committed offset belongs to a topic that another of the same name has replaced."""
        known = [tp for tp in partitions if self.topic_id(tp.topic)]
        if self._topic_ids is None or not known:
            return []
        ids = await self._topic_ids.of_committed(known)
        return [tp for tp in known if ids.get(tp) not in (None, "", self.topic_id(tp.topic))]

    async def refresh_topic_ids(self) -> None:
        """Ask the brokers; where none answers, what is known stays."""
        if self._topic_ids is not None:
            await self._topic_ids.refresh()

    def use_topic_ids(self, topic_ids: TopicIds) -> None:
        """Tell topics of the same name apart from now on."""
        self._topic_ids = topic_ids


def identify_topics(app: faust.App, topic_ids: TopicIds) -> None:
    """Let the app's consumer notice topics that are made anew."""
    cast(Transport, app.transport).use_topic_ids(topic_ids)


def resume_from(app: faust.App, topic: str, resumer: Resumer) -> None:
    """Let `resumer` say where each partition of `topic` starts when this worker gets it.

    It may take as long as it needs (a dependency may be down): the partition stays unfetched meanwhile, other topics
    go on.
    """
    cast(Transport, app.transport).resumers[topic] = resumer


def reposition(app: faust.App, topic: str, partition: int) -> None:
    """Start a partition anew from what its resumer says; batches that are out become stale."""
    cast(Consumer, app.consumer).reposition(TP(topic, partition))


def waits_for(app: faust.App, now_s: float) -> list[str]:
    """What has to happen before a started app fetches every partition of its own. Any thread may ask.

    Args:
        now_s: seconds of the steady clock, which is that of asyncio's loops.
    """
    return cast(Consumer, app.consumer).waits_for(now_s) if app.started else []
