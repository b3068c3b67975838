"""The watch agent: samples to scores, SLO counts, anomalies, alerts, each exactly once.

The order per micro-batch, and what a death after each step does:

1. leave out what the state holds already; while the offset is below the stored one, fold with the results thrown away;
2. fold: from here on the state in memory is ahead of the database. Death: the stretch is folded again from the
   snapshot;
3. publish scores and drifts and wait for the broker. Death: they are published again under the same ids;
4. one PostgreSQL transaction with every effect and the new offset. Death before COMMIT: as after 3; after it: all is
   stored;
5. acknowledge to Kafka, which only lag tools read.

3 and 4 are repeated with the same results in hand while something is down. Whoever finds the stored offset moved by
another worker drops the state and loads it again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import faust
import msgspec
from faust.types import TP, StreamT

from agents.kafka.micro_batch import MicroBatch, side_by_side
from agents.kafka.publisher import Outgoing, Publisher
from agents.kafka.records import FetchedRecord, Packed
from agents.kafka.transport import reposition, resume_from
from agents.watch.metrics import WatchMetrics
from agents.watch.outgoing import drift_records, outbox_events, packed_scores
from agents.watch.partition_loader import PartitionLoader
from agents.watch.partition_state import PartitionState
from agents.watch.snapshots import Snapshots
from agents.worker.context import Context
from infra.store import feedback
from infra.store.progress import Fenced, ModelSwap, ThresholdChange
from infra.store.slo import definitions as slos
from infra.store.watch import Effects, commit
from models.alerting.alert import Links
from models.errors import Misconfigured
from models.names import Topic
from models.pipeline.warm_up import warm_up_writing
from models.state.results import Folded
from models.wire.sample_records import Decoded, decode

log = logging.getLogger(__name__)

SLO_LOOK_S: Final = 1.0
"""How old the bindings may get: an applied SLO counts from the next second on."""

FOLDS_AT_ONCE: Final = 2
"""Partitions that are folded at the same moment; a fold of a large micro-batch takes 50 MB. While their results are
published and stored, others are folded."""

AGENT: Final = "watch"

HAND_OVER_S: Final = 3.0
"""What a revocation waits for the micro-batches in hand. Shorter than the group's session; the fence does the rest."""


def attach(app: faust.App, context: Context) -> None:
    """Let the worker fold the `samples` topic."""
    watch = Watch(app, context)
    topic = app.topic(watch.topic, key_serializer="raw", value_serializer="raw")
    resume_from(app, watch.topic, watch.resume)
    context.on_start(watch.warm_up)
    context.on_stop(watch.close)

    async def revoked(_: object, /, *tps: Any, **__: Any) -> None:
        await watch.on_revoked(*tps)

    async def assigned(_: object, /, *tps: Any, **__: Any) -> None:
        await watch.on_assigned(*tps)

    app.on_partitions_revoked.connect(revoked, weak=False)
    app.on_partitions_assigned.connect(assigned, weak=False)

    @app.agent(topic, name=AGENT)
    async def fold(stream: StreamT[Any]) -> None:
        await side_by_side(stream, watch.process)


class Watch:
    """What the agent does with partitions and micro-batches."""

    def __init__(self, app: faust.App, context: Context) -> None:
        self.topic = context.settings.topic(Topic.SAMPLES)
        self._scores = context.settings.topic(Topic.SCORES)
        self._app = app
        self._context = context
        self._drifts = context.settings.topic(Topic.DRIFT)
        self._links = Links(context.settings.grafana_url, context.settings.runbook_url)
        self.loader = PartitionLoader(context, self.topic)
        self._snapshots = Snapshots(context, self.topic)
        self.publisher = Publisher(context.settings, "tidewatch-watch", context.clock, context.chance)
        self.partitions: dict[int, PartitionState] = {}
        self._busy: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._folding = asyncio.Semaphore(FOLDS_AT_ONCE)
        self._metrics = WatchMetrics(context.registry, lambda: list(self.partitions.values()))

    async def warm_up(self) -> None:
        """Compile the kernels before partitions are ours: minutes on a small machine that has no compiled ones yet."""
        await self._context.run(self.loader.fold_nothing_of_value)
        await self._context.run(warm_up_writing)

    # partitions come and go

    async def resume(self, partition: int) -> int | None:
        """Offset from which a partition is to be delivered, with its state loaded (or kept, where nobody else had
        it)."""
        async with self._busy[partition]:
            known = self.partitions.get(partition)
            if known is not None and await self.loader.is_current(known):
                known.start = known.position
            else:
                self._forget(partition)
                self.partitions[partition] = known = await self.loader.load(partition)
        log.info("%s:%s resumes at %s, effects from %s", self.topic, partition, known.start, known.stored)
        return known.start

    async def on_revoked(self, revoked: set[TP]) -> None:
        """Let the micro-batches in hand finish, so that whoever gets a partition need not do them again."""
        if any(tp.topic == self.topic for tp in revoked):
            try:
                async with asyncio.timeout(HAND_OVER_S), self._at_rest():
                    pass
            except TimeoutError:
                log.warning("partitions are handed over with a micro-batch in hand; its new owner folds it again")

    async def on_assigned(self, assigned: set[TP]) -> None:
        """Forget the states of partitions that are somebody else's now."""
        ours = {tp.partition for tp in assigned if tp.topic == self.topic}
        for number in self.partitions.keys() - ours:
            self._forget(number)
            self._context.guard.goes_on(AGENT, number)

    def _forget(self, partition: int) -> None:
        state = self.partitions.pop(partition, None)
        if state is not None:
            self._snapshots.forget(state)

    async def close(self) -> None:
        """Wait for the micro-batches in hand, then let go of the producer."""
        async with self._at_rest():
            await self.publisher.close()

    @asynccontextmanager
    async def _at_rest(self) -> AsyncIterator[None]:
        """Between the micro-batches of every partition."""
        async with AsyncExitStack() as held:
            for lock in list(self._busy.values()):
                await held.enter_async_context(lock)
            yield

    # micro-batches

    async def process(self, batch: MicroBatch) -> None:
        """Fold a micro-batch and make its effects durable; acknowledged then, or dropped if the partition is not ours.

        Where that fails for a reason of ours the partition rests and is loaded again: its state may be half folded.
        """
        try:
            await self._process(batch)
        except Exception as error:  # noqa: BLE001 - the outermost loop of a partition
            self._forget(batch.partition)
            await self._context.guard.rest(AGENT, batch.partition, error)
            if not batch.stale:
                reposition(self._app, self.topic, batch.partition)
        else:
            if not batch.stale:
                self._context.guard.goes_on(AGENT, batch.partition)

    async def _process(self, batch: MicroBatch) -> None:
        async with self._busy[batch.partition]:
            state = self.partitions.get(batch.partition)
            if batch.stale or state is None:
                return
            if state.start is not None and batch.last_offset < state.start:
                raise Misconfigured(
                    f"{self.topic}:{batch.partition} has offset {batch.last_offset}, PostgreSQL has processed it up to"
                    f" {state.start}, and Kafka does not tell whether the topic was made anew: see `tidewatch repair`"
                )
            try:
                await self._fold_all(state, batch)
            except Fenced as fenced:
                log.warning("%s; loading it again", fenced)
                self._forget(batch.partition)
                reposition(self._app, self.topic, batch.partition)
            else:
                batch.ack()

    async def _fold_all(self, state: PartitionState, batch: MicroBatch) -> None:
        records = [record for record in batch.records if record.offset >= state.position]
        while records and state.replays:
            await self.loader.apply_recorded_changes(state)
            end = state.replay_end()
            stretch = [record for record in records if record.offset < end]
            records = records[len(stretch) :]
            # everything below `end` is folded once a record at or above it is seen, even where offsets are missing
            position = end if records else stretch[-1].offset + 1
            async with self._folding:
                await self._context.run(state.fold, self._decode(stretch), position)
        if records:
            with self._context.batch_seconds.labels(AGENT).time():
                await self._fold_live(state, records)

    async def _fold_live(self, state: PartitionState, records: Sequence[FetchedRecord]) -> None:
        swaps = await self.loader.swap_models(state)
        thresholds = await self._take_up_changes(state)
        expected = state.stored
        async with self._folding:
            decoded = self._decode(records)
            folded = await self._context.run(state.fold, decoded, records[-1].offset + 1)
            await self._snapshots.begin_if_due(state)
            scores = await self._context.run(
                packed_scores,
                folded,
                state.pipeline.entities,
                self._scores,
                await self._score_partitions(),
                self._context.clock.now_ns() // 1_000_000,
            )
        await self._publish(drift_records(folded, self._drifts), scores)
        effects = self._effects(state, expected, folded, swaps, thresholds)
        await self._commit(effects)
        state.stored = state.position
        if effects.snapshot is not None:
            await self._snapshots.stored(state, effects.snapshot)
        self._metrics.count(folded, decoded, self._context.clock.now_ns())

    def _decode(self, records: Sequence[FetchedRecord]) -> list[Decoded]:
        decoded = []
        for record in records:
            try:
                decoded.append(decode(record.value or b""))
            except (msgspec.DecodeError, ValueError) as error:
                log.error("%s:%s has no samples record at %s: %s", self.topic, record.partition, record.offset, error)
                self._metrics.count_undecodable()
        return decoded

    async def _publish(self, outgoing: Sequence[Outgoing], packed: Sequence[Packed]) -> None:
        if outgoing or packed:
            await self._context.dependencies.until_available("kafka", lambda: self.publisher.publish(outgoing, packed))

    async def _score_partitions(self) -> int:
        """How many there are now; the client has it at hand."""
        return await self._context.dependencies.until_available(
            "kafka", lambda: self.publisher.partitions(self._scores)
        )

    def _effects(
        self,
        state: PartitionState,
        expected: int | None,
        folded: Folded,
        swaps: Sequence[ModelSwap],
        thresholds: Sequence[ThresholdChange],
    ) -> Effects:
        return Effects(
            topic=self.topic,
            partition=state.partition,
            expected=expected,
            next_offset=state.position,
            source_high=dict(state.source_high),
            identity=state.identity,
            slo_counts=folded.slo_counts,
            episodes=folded.emitted,
            drifts=folded.drifts,
            events=outbox_events(folded, self._links),
            swaps=swaps,
            thresholds=thresholds,
            calls=folded.calls,
            snapshot=self._snapshots.take_written(state),
        )

    async def _commit(self, effects: Effects) -> None:
        attempts = 0

        async def attempt() -> None:
            nonlocal attempts
            attempts += 1
            parked = await self._context.run(commit, self._context.database, effects, repeated=attempts > 1)
            for one in parked:
                log.error("%s:%s parked a %s: %s", self.topic, effects.partition, one.what, one.error)
                self._context.parked.labels(one.what).inc()

        await self._context.dependencies.until_available("postgresql", attempt)

    async def _take_up_changes(self, state: PartitionState) -> list[ThresholdChange]:
        """Take up what people changed: SLOs, and thresholds, which are to be stored with the next effects."""
        steady_s = self._context.clock.steady_s()
        if steady_s - state.slo_looked_steady_s < SLO_LOOK_S:
            return []

        def look() -> tuple[slos.StoredSlos | None, dict[str, float]]:
            with self._context.database.transaction() as cursor:
                changed = slos.load(cursor) if slos.revision(cursor) != state.slo_revision else None
                return changed, feedback.thresholds(cursor)

        found, factors = await self._context.dependencies.until_available("postgresql", lambda: self._context.run(look))
        state.slo_looked_steady_s = steady_s
        if found is not None:
            with state.lock:
                state.pipeline.use_slos(found.bindings())
            state.slo_revision = found.revision
        return state.use_thresholds(factors)
