"""Faust, and what we override of it beside its documentation: where records come from and what is committed.

Stock Faust acknowledges when a stream advances, also when an agent raises, so counts could not be exact. There is no
documented way to acknowledge otherwise, hence no plain path: a process does not start on a version whose parts have
moved. `transport.py` fills in the hooks below by names of our own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

import faust
from aiokafka import AIOKafkaConsumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from models.seams import Library, LibraryPart, Seam

_CONSUMER: Final = "faust.transport.drivers.aiokafka:Consumer"
_THREAD: Final = "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread"
_NO_RECORDS: Final = "agents get no micro-batches"
_WRONG_COMMITS: Final = "offsets are committed that no agent has acknowledged: records are lost"
_NEVER_BEGINS: Final = "a worker that only evaluates SLOs never begins"
_NONE: Final = "none: the process does not start"


def _sets(*names: str) -> Any:
    """Whether a function's code has these names."""
    return lambda function: set(names) <= set(function.__code__.co_names)


SEAM: Final = Seam(
    Library.FAUST,
    tested=("0.15.3",),
    parts=(
        LibraryPart(f"{_CONSUMER}._new_consumer_thread", _NO_RECORDS, _NONE, ("self",)),
        LibraryPart(f"{_CONSUMER}._wait_next_records", _NO_RECORDS, _NONE, ("self", "timeout")),
        LibraryPart(f"{_CONSUMER}._get_active_partitions", _NO_RECORDS, _NONE, ("self",)),
        LibraryPart(f"{_CONSUMER}._getmany", _NO_RECORDS, _NONE, ("self", "active_partitions", "timeout")),
        LibraryPart(f"{_CONSUMER}._to_message", _NO_RECORDS, _NONE, ("self", "tp", "record")),
        LibraryPart(
            "faust.transport.consumer:Consumer.__init__",
            _NO_RECORDS,
            _NONE,
            works=_sets("_read_offset"),
            name="Consumer._read_offset",
        ),
        LibraryPart(
            f"{_CONSUMER}.getmany",
            _NO_RECORDS,
            _NONE,
            ("self", "timeout"),
            _sets("_wait_next_records", "_to_message"),
        ),
        LibraryPart(f"{_CONSUMER}._filter_tps_with_pending_acks", _WRONG_COMMITS, _NONE, ("self", "topics")),
        LibraryPart(f"{_CONSUMER}._new_offset", _WRONG_COMMITS, _NONE, ("self", "tp")),
        LibraryPart(f"{_CONSUMER}._should_commit", _WRONG_COMMITS, _NONE, ("self", "tp", "offset")),
        LibraryPart(
            f"{_CONSUMER}._filter_committable_offsets",
            _WRONG_COMMITS,
            _NONE,
            ("self", "tps"),
            _sets("_new_offset", "_should_commit"),
        ),
        LibraryPart(f"{_CONSUMER}._commit", _WRONG_COMMITS, _NONE, ("self", "offsets")),
        LibraryPart(f"{_CONSUMER}._add_gap", _WRONG_COMMITS, _NONE, ("self", "tp", "offset_from", "offset_to")),
        LibraryPart(f"{_THREAD}._ensure_consumer", _NO_RECORDS, _NONE, ("self",)),
        LibraryPart(f"{_THREAD}._commit", "a commit that fails ends the worker", _NONE, ("self", "offsets")),
        LibraryPart(
            "mode.services:Service.crashed",
            "a crash does not end the worker",
            _NONE,
            works=lambda crashed: _sets("_crashed", "is_set")(crashed.fget),
            name="Service._crashed",
        ),
        LibraryPart("faust.tables.manager:TableManager.recovery", _NEVER_BEGINS, _NONE),
        LibraryPart(
            "faust.tables.recovery:Recovery.__init__",
            _NEVER_BEGINS,
            _NONE,
            works=_sets("completed"),
            name="Recovery.completed",
        ),
    ),
    has_plain_path=False,
)
SEAM.require()


class _NoReadOffsets(dict[TP, int | None]):
    """Keeps Faust from dropping what it thinks it has read: the ledgers decide that."""

    def __getitem__(self, tp: TP) -> None:
        return None


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's thread around aiokafka's consumer, with hooks."""

    async def on_start(self) -> None:
        await super().on_start()
        self.started_with(self._ensure_consumer())

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        return await self.commit_to(self._ensure_consumer(), offsets)

    def started_with(self, consumer: AIOKafkaConsumer) -> None:
        """Hook: aiokafka's consumer has started."""
        raise NotImplementedError

    async def commit_to(self, consumer: AIOKafkaConsumer, offsets: Mapping[TP, int]) -> bool:
        """Hook: commit; whether Kafka took the offsets."""
        raise NotImplementedError


class FaustConsumer(driver.Consumer):
    """Faust's consumer, with hooks."""

    logger = driver.logger
    thread: type[ConsumerThread]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read_offset = _NoReadOffsets()

    def _new_consumer_thread(self) -> ConsumerThread:
        return self.thread(self, loop=self.loop, beacon=self.beacon)

    # fetching

    async def _wait_next_records(self, timeout: float) -> tuple[Mapping[TP, list[Any]] | None, set[TP] | None]:
        if not self.flow_active:
            await self.wait(self.can_resume_flow)  # type: ignore[arg-type]  # asyncio's Event serves as mode's
        active = self._get_active_partitions()
        return await self.next_messages(active), active

    async def fetch(self, partitions: set[TP], timeout_s: float) -> Mapping[Any, list[Any]]:
        """aiokafka's records, by its own partitions."""
        return cast(Mapping[Any, list[Any]], await self._getmany(partitions, timeout_s))

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        return self.message_of(tp, record)

    async def next_messages(self, active: set[TP]) -> Mapping[TP, list[Any]] | None:
        """Hook: what comes next of the active partitions; None: nothing yet."""
        raise NotImplementedError

    def message_of(self, tp: TP, value: Any) -> ConsumerMessage:
        """Hook: the message to Faust that carries one of `next_messages`."""
        raise NotImplementedError

    # committing

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        return (tp for tp in self.delivered() if topics is None or tp in topics or tp.topic in topics)

    def _new_offset(self, tp: TP) -> int | None:
        return self.committable(tp)

    def _should_commit(self, tp: TP, offset: int) -> bool:
        return self.is_news(tp, offset)

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        done = bool(await super()._commit(offsets))
        if done:
            self.on_committed(offsets)
        return done

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Nothing: a gap between batches needs no acknowledgement."""

    def delivered(self) -> list[TP]:
        """Hook: partitions of which anything may be committed."""
        raise NotImplementedError

    def committable(self, tp: TP) -> int | None:
        """Hook: the offset that everything below is acknowledged of."""
        raise NotImplementedError

    def is_news(self, tp: TP, offset: int) -> bool:
        """Hook: whether Kafka does not know of this offset yet."""
        raise NotImplementedError

    def on_committed(self, offsets: Mapping[TP, int]) -> None:
        """Hook: Kafka took these."""
        raise NotImplementedError


def without_recovery(app: Any) -> None:
    """Let the app's tasks begin where nothing is consumed: they wait for a recovery that nobody ends then."""
    app.tables.recovery.completed.set()


async def crash_of(app: faust.App) -> None:
    """Return when something in the app has crashed."""
    await app._crashed.wait()
