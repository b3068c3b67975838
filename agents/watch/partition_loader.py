"""Loads the state of a partition and keeps its models those that were recorded, or those that are to be served now."""

from __future__ import annotations

import logging
from collections import deque

import msgspec
import numpy as np
from psycopg2.extensions import cursor as Cursor

from agents.watch.partition_state import NO_MODEL, ModelRef, PartitionState, restore
from agents.worker.context import Context
from agents.worker.serving_models import Served
from infra.kafka.repair import belongs_elsewhere
from infra.mlflow.model_cache import ModelFiles
from infra.pipeline_config import pipeline_config
from infra.store import progress
from infra.store.progress import ModelSwap, Resume
from models.drift.bank import StateUnusable
from models.errors import Misconfigured
from models.pipeline.pipeline import Pipeline
from models.reasons import IdentityCheck
from models.records import SampleColumns
from models.service_model.model import ModelUnusable, ServiceModel
from models.stream.identity import StreamIdentity, check_identity
from models.timestamps import SECOND_NS

log = logging.getLogger(__name__)


class PartitionLoader:
    """Loads partitions of `topic`."""

    def __init__(self, context: Context, topic: str) -> None:
        settings = context.settings
        self._context = context
        self._topic = topic
        self.files = ModelFiles(settings.home / "models", settings.mlflow_url)
        self._config = pipeline_config(settings)

    async def is_current(self, state: PartitionState) -> bool:
        """Whether a state that we kept is still what the database has: nobody else had the partition meanwhile."""

        def stored() -> int | None:
            with self._context.database.transaction() as cursor:
                return progress.next_offset(cursor, self._topic, state.partition)

        if state.identity != self._context.topic_ids.identity(self._topic):
            return False
        found = await self._context.dependencies.until_available("postgresql", lambda: self._context.run(stored))
        return found == state.stored and state.stored == state.position

    async def load(self, partition: int) -> PartitionState:
        """The newest state of a partition, its models included, or an empty one; waits while PostgreSQL is away.

        Raises:
            Misconfigured: its progress belongs to another cluster.
        """
        present = self._context.topic_ids.identity(self._topic)

        def read() -> Resume:
            with self._context.database.transaction() as cursor:
                return self._resume(cursor, partition, present)

        resume = await self._context.dependencies.until_available("postgresql", lambda: self._context.run(read))
        state = await self._context.run(self._from_snapshot, partition, resume) or self._empty(partition, resume)
        state.identity = present
        if resume.next_offset == state.position == 0:  # begun anew: no replay brings this up to what was folded
            state.source_high |= resume.source_high
        state.swaps, state.thresholds = deque(resume.swaps), deque(resume.thresholds)
        # spread over the interval, so that the partitions of a worker do not all take their snapshots in one moment
        since_s = self._context.chance.random() * self._context.settings.snapshot_every_s
        state.snapshot_steady_s = self._context.clock.steady_s() - since_s
        return state

    def _resume(self, cursor: Cursor, partition: int, present: StreamIdentity) -> Resume:
        """What is stored, brought to the present stream where its topic was made anew."""
        resume = progress.load(cursor, self._topic, partition)
        check = check_identity(resume.identity, present)
        if resume.next_offset is None or check not in (IdentityCheck.TOPIC_MADE_ANEW, IdentityCheck.OTHER_CLUSTER):
            return resume
        if check is IdentityCheck.OTHER_CLUSTER:
            raise Misconfigured(belongs_elsewhere(resume.identity.cluster_id, present.cluster_id))
        log.warning(
            "%s:%s was made anew: folded up to %s in topic %s, from the beginning in topic %s",
            self._topic,
            partition,
            resume.next_offset,
            *(resume.identity.topic_id, present.topic_id),
        )
        self._context.recreated.labels(self._topic).inc()
        progress.rebase(cursor, self._topic, partition, stored=resume.identity, to=present)
        return progress.load(cursor, self._topic, partition)

    def _from_snapshot(self, partition: int, resume: Resume) -> PartitionState | None:
        if resume.snapshot is None or resume.next_offset is None:
            return None
        at = resume.snapshot.next_offset
        try:
            return restore(resume.snapshot.body, partition, self._config, at, resume.next_offset)
        except (StateUnusable, ValueError, msgspec.DecodeError) as error:
            log.error("snapshot of %s:%s is of no use (%s); replaying all there is", self._topic, partition, error)
            return None

    def _empty(self, partition: int, resume: Resume) -> PartitionState:
        return PartitionState(partition, Pipeline(self._config), position=0, stored=resume.next_offset, start=None)

    def fold_nothing_of_value(self) -> None:
        """Fold two ticks in a pipeline that is thrown away, so that everything is compiled. Blocking."""
        Pipeline(self._config).fold(
            SampleColumns(
                ["warm{}", "up{}"],
                np.array([0, 1, 0, 1], np.int32),
                np.array([0, 0, SECOND_NS, SECOND_NS], np.int64),
                np.zeros(4),
            )
        )

    async def apply_recorded_changes(self, state: PartitionState) -> None:
        """Make the changes of models and thresholds that were made at or before the state's position."""
        while state.thresholds and state.thresholds[0].at_offset <= state.position:
            change = state.thresholds.popleft()
            with state.lock:
                state.pipeline.use_threshold(change.service, change.factor)
        while state.swaps and state.swaps[0].at_offset <= state.position:
            swap = state.swaps.popleft()
            await self._use(state, swap.service, ModelRef(swap.version, swap.sha256, swap.artifact))

    async def swap_models(self, state: PartitionState) -> list[ModelSwap]:
        """Bring the state's models to those that are to be served now; what changed, to be stored with the next
        effects."""
        await self.apply_recorded_changes(state)
        models = self._context.models
        if state.generation == models.generation:
            return []
        current, state.generation = models.current, models.generation
        swaps: list[ModelSwap] = []
        for service, served in current.items():
            ref = _ref(served)
            if state.models.get(service, NO_MODEL) != ref and await self._serve(state, service, served):
                swaps.append(ModelSwap(state.position, service, ref.version, ref.sha256, ref.artifact))
        return swaps

    async def _serve(self, state: PartitionState, service: str, served: Served | None) -> bool:
        try:
            await self._context.run(self._use_model, state, service, served.model if served else None)
        except ModelUnusable as error:
            log.error("a model of %s is not used: %s", service, error)
            return False
        state.models[service] = _ref(served)
        return True

    async def _use(self, state: PartitionState, service: str, ref: ModelRef) -> None:
        """Serve the model that is on record, waiting for its file where that is away: a replay needs the very same.

        Where it is there and not what it was, the service goes on with its online detectors: better scores that differ
        from those before the crash than none.
        """
        try:
            await self._context.run(self._use_model, state, service, await self._fetch(ref))
            state.models[service] = ref
        except ModelUnusable as error:
            log.error("version %s of %s can't be replayed: %s", ref.version, service, error)
            await self._context.run(self._use_model, state, service, None)
            state.models[service] = NO_MODEL

    async def _fetch(self, ref: ModelRef) -> ServiceModel | None:
        if ref == NO_MODEL:
            return None
        return await self._context.dependencies.until_available(
            "mlflow", lambda: self._context.run(self.files.load, ref.version, ref.artifact, ref.sha256)
        )

    @staticmethod
    def _use_model(state: PartitionState, service: str, model: ServiceModel | None) -> None:
        with state.lock:
            state.pipeline.use_model(service, model)


def _ref(served: Served | None) -> ModelRef:
    return ModelRef(served.version, served.sha256, served.artifact) if served else NO_MODEL
