"""Rows of a fold as score events in JSON; every id comes from the row."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
import numpy as np
import orjson
from numpy.typing import NDArray

from models.state.results import READINESS
from models.timestamps import to_rfc3339
from models.wire.byte_columns import ByteColumn
from models.wire.score_json import ScoreColumns, score_texts

if TYPE_CHECKING:
    from models.state.results import ScoredRows
    from models.state.tables import EntityName

MAX_CACHED: Final = 100_000
"""Names that are kept as the JSON that they become, some 300 bytes each: a micro-batch of many series has few rows of
each entity."""

_encoder = msgspec.json.Encoder()


def score_events(rows: ScoredRows, entities: list[EntityName]) -> tuple[list[bytes], NDArray[np.int64], ByteColumn]:
    """The `ScoreEvent` of every closed tick, as JSON, in tick order.

    Returns:
        Keys of the entities that have rows; int64 `(n,)`, which of them each row is of; the events.
    """
    numbers, first, entity = np.unique(rows.entity, return_index=True, return_inverse=True)
    names = [_names(entities[number]) for number in numbers.tolist()]
    ticks, tick = np.unique(rows.tick_ns, return_inverse=True)
    series, cause = np.unique(rows.causes, return_inverse=True)
    # -1 is no series, and sorts first
    unknown = int(len(series) > 0 and series[0] < 0)
    contiguous = np.ascontiguousarray
    values = orjson.dumps(contiguous(rows.value), option=orjson.OPT_SERIALIZE_NUMPY)
    columns = ScoreColumns(
        entity=entity,
        ids=ByteColumn.of([name.id for name in names]),
        names=ByteColumn.of([name.between for name in names]),
        versions=ByteColumn.of([_text(rows.model_version[row]) for row in first.tolist()]),
        tick_ns=contiguous(rows.tick_ns),
        tick=tick,
        ticks=ByteColumn.of([_encoder.encode(to_rfc3339(tick_ns)) for tick_ns in ticks.tolist()]),
        score=contiguous(rows.score),
        is_anomaly=contiguous(rows.is_anomaly),
        cause=cause.reshape(rows.causes.shape) - unknown,
        part=contiguous(rows.parts),
        features=ByteColumn.of([_text(rows.features[number]) for number in series[unknown:].tolist()]),
        value=_listed(values),
        expected=contiguous(rows.expected),
        lower=contiguous(rows.expected_lower),
        upper=contiguous(rows.expected_upper),
        readiness=rows.readiness_code.astype(np.int64),
        readiness_texts=ByteColumn.of([_text(readiness.value) for readiness in READINESS]),
    )
    return [name.key for name in names], entity, score_texts(columns)


class _Names(NamedTuple):
    """An entity in a score event: what the event begins with, what comes between the tick in its id and the tick, and
    the record's key."""

    id: bytes
    between: bytes
    key: bytes


@lru_cache(MAX_CACHED)
def _names(name: EntityName) -> _Names:
    service, entity = _encoder.encode(name.service), _encoder.encode(name.entity)
    return _Names(
        b'{"id":%b@' % entity[:-1], b'","service":%b,"entity":%b,"tick":' % (service, entity), name.entity.encode()
    )


@lru_cache(MAX_CACHED)
def _text(text: str) -> bytes:
    return _encoder.encode(text)


def _listed(numbers: bytes) -> ByteColumn:
    """The numbers of a JSON list.

    >>> texts = _listed(b"[1.5,null]")
    >>> texts.at(0), texts.at(1)
    (b'1.5', b'null')
    """
    data = np.frombuffer(numbers, np.uint8)
    ends = np.append(np.flatnonzero(data == ord(",")), len(data) - 1)
    start = np.concatenate([np.ones(1, np.int64), ends[:-1] + 1])
    return ByteColumn(data, start, ends - start)
