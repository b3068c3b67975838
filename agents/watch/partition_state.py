"""Everything a worker holds of one partition of `samples`, and how it survives in a snapshot."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from infra.store.progress import ModelSwap, ThresholdChange
from models.errors import Rejected
from models.pipeline.config import PipelineConfig
from models.pipeline.pipeline import Pipeline
from models.pipeline.snapshot import Image
from models.state.results import Folded
from models.stream.identity import UNKNOWN, StreamIdentity, source_name, source_parts
from models.wire.sample_records import Decoded, with_identity

log = logging.getLogger(__name__)

FORMAT: Final = 1
"""Raised when the meaning of a snapshot's envelope changes; one of another format is not used."""


class ModelRef(msgspec.Struct, frozen=True, array_like=True):
    """Which model served, and where its bytes are."""

    version: str
    sha256: str
    artifact: str


NO_MODEL: Final = ModelRef("", "", "")
"""The service's online detectors work alone."""


class _Envelope(msgspec.Struct, frozen=True, array_like=True):
    format: int
    source_high: dict[str, int]
    models: dict[str, ModelRef]
    pipeline: bytes


@dataclass(frozen=True, slots=True)
class PartitionImage:
    """A partition's state at `position`, on its way into a snapshot."""

    position: int
    source_high: dict[str, int]
    models: dict[str, ModelRef]
    pipeline: Image

    def to_bytes(self) -> bytes:
        """Bytes from which `restore` makes the state again. Blocking, a second for 100,000 series."""
        return msgspec.msgpack.encode(_Envelope(FORMAT, self.source_high, self.models, self.pipeline.to_bytes()))


@dataclass(eq=False)
class PartitionState:
    """State of one partition, in memory and as the database has it.

    Attributes:
        position: first offset that is not folded yet.
        stored: `progress.next_offset` as we believe it is; None: no row. Below it effects are muted: they are stored.
        start: offset from which the consumer was told to deliver; None: the earliest there is.
        identity: the stream that the offsets belong to.
        source_high: highest source offset folded per source partition.
        models: the model that serves each service, by reference.
        swaps, thresholds: recorded changes of models and thresholds that the replay has still to make.
        lock: held while the pipeline works or is read.
    """

    partition: int
    pipeline: Pipeline
    position: int
    stored: int | None
    start: int | None
    source_high: dict[str, int] = field(default_factory=dict)
    models: dict[str, ModelRef] = field(default_factory=dict)
    swaps: deque[ModelSwap] = field(default_factory=deque)
    thresholds: deque[ThresholdChange] = field(default_factory=deque)
    generation: int = -1
    slo_revision: int = -1
    slo_looked_steady_s: float = float("-inf")
    snapshot_steady_s: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)
    identity: StreamIdentity = UNKNOWN

    @property
    def replays(self) -> bool:
        """Whether the records at `position` are folded for the state only."""
        return self.stored is not None and self.position < self.stored

    def replay_end(self) -> int:
        """First offset that the present stretch of the replay must not fold: something changes there, or it is over."""
        assert self.stored is not None, "only a replay ends"
        changes = [changes[0].at_offset for changes in (self.swaps, self.thresholds) if changes]
        return min([self.stored, *changes])

    def fold(self, decoded: Sequence[Decoded], next_offset: int) -> Folded:
        """Fold what is new of these records; the state then holds everything below `next_offset`. Blocking."""
        fresh: list[Decoded] = []
        for part in decoded:
            rest = part.after(self._high_of(part.source))
            if len(rest.offsets):
                self.source_high[part.source] = int(rest.offsets[-1])
                fresh.append(rest)
        parts = [part.columns for part in fresh]
        with self.lock:
            try:
                folded = self.pipeline.fold(*parts)
            except Rejected as error:  # nothing has changed yet; ingest lets none through, but others may write
                log.error("samples of series without an identity are left out: %s", error)
                folded = self.pipeline.fold(*map(with_identity, parts))
        self.position = next_offset
        return folded

    def _high_of(self, source: str) -> int:
        """Highest offset folded of a source; one that is named without a topic's id is from a version before ids, and
        belongs to the first topic of its name that comes with one."""
        if source not in self.source_high:
            topic, topic_id, partition = source_parts(source)
            before = self.source_high.pop(source_name(topic, "", partition), None) if topic_id else None
            if before is not None:
                self.source_high[source] = before
            elif any(source_parts(known)[::2] == (topic, partition) for known in self.source_high):
                log.warning("%s:%d is another topic of that name: all of it is new", topic, partition)
        return self.source_high.get(source, -1)

    def use_thresholds(self, factors: Mapping[str, float]) -> list[ThresholdChange]:
        """Bring the thresholds of the services seen here to these factors, 1 where there is none; what changed, at the
        state's position."""
        with self.lock:
            present = self.pipeline.thresholds
            changed = [(name, factors.get(name, 1.0)) for name in present if factors.get(name, 1.0) != present[name]]
            for service, factor in changed:
                self.pipeline.use_threshold(service, factor)
        return [ThresholdChange(self.position, service, factor) for service, factor in changed]

    def image(self) -> PartitionImage:
        """The state as it is now, apart from what is folded next. Blocking."""
        with self.lock:
            return PartitionImage(self.position, dict(self.source_high), dict(self.models), self.pipeline.image())

    def snapshot(self) -> bytes:
        """Bytes from which `restore` makes this state again. Blocking."""
        return self.image().to_bytes()


def restore(body: bytes, partition: int, config: PipelineConfig, position: int, stored: int) -> PartitionState:
    """The state that `snapshot` gave at `position`. Blocking.

    Raises:
        ValueError: the bytes are of another format.
        StateUnusable: the pipeline's part is.
        msgspec.DecodeError: they are none of ours.
    """
    envelope = msgspec.msgpack.decode(body, type=_Envelope)
    if envelope.format != FORMAT:
        raise ValueError(f"snapshot format {envelope.format}, this version reads {FORMAT}")
    return PartitionState(
        partition=partition,
        pipeline=Pipeline.restore(config, envelope.pipeline),
        position=position,
        stored=stored,
        start=position,
        source_high=dict(envelope.source_high),
        models=dict(envelope.models),
    )
