"""The state of a pipeline as bytes: arrays, a few plain values and the models' files; no pickle.

Taking an image of the state is quick, making bytes of it is not: that can go on beside the next fold.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.drift.adwin import LEVEL, WINDOW
from models.drift.bank import DriftBank, StateUnusable
from models.fold_state import ENTITIES, SERIES
from models.pipeline import snapshot_format_4
from models.scoring.episodes import OpenEpisodes
from models.service_model.model import ServiceModel
from models.state.tables import State
from models.ticks.silences import Silences
from models.training.triggers import ServiceRecord
from models.wire.array_file import OtherArrays, pack, unpack

if TYPE_CHECKING:
    from models.pipeline.config import PipelineConfig

FORMAT = 5
"""Raised when the meaning of any part changes. Format 4 is read as well (`snapshot_format_4`); a snapshot of any other
is not used, and the stream is replayed instead."""

SERIES_DRIFT, SCORE_DRIFT = "series_drift_", "score_drift_"
"""What the names of the detectors' arrays begin with."""

_BYTES, _INTEGERS = np.dtype(np.uint8), np.dtype(np.int64)
_DRIFT = {"windows": WINDOW, "levels": LEVEL, "taken": _INTEGERS}
ARRAY_DTYPES = {
    "plain": _BYTES,
    "models": _BYTES,
    "series": SERIES.dtype,
    "entities": ENTITIES.dtype,
    **{f"{bank}{name}": dtype for bank in (SERIES_DRIFT, SCORE_DRIFT) for name, dtype in _DRIFT.items()},
}
"""Arrays of a snapshot, in this order."""


@dataclass(slots=True)
class Memory:
    """Everything a pipeline remembers from one fold to the next, but what it is told: SLOs and configuration.

    Attributes:
        state: tables of series and entities. models: champions by service number. records: for retraining, by service.
        series_drift, score_drift: detectors by number of series, of entity. episodes: those that are open, with their
        peaks.
        silences: of entities.
    """

    state: State
    models: dict[int, ServiceModel]
    records: dict[str, ServiceRecord]
    series_drift: DriftBank
    score_drift: DriftBank
    episodes: OpenEpisodes
    silences: Silences


@dataclass(frozen=True, slots=True)
class Image:
    """Everything that a pipeline remembered at one moment, apart from it: the pipeline may go on meanwhile.

    Attributes:
        plain: names and what is neither array nor model, packed. models: champions by service number; those never
            change. arrays: copies of the tables.
    """

    plain: bytes
    models: dict[int, ServiceModel]
    arrays: dict[str, NDArray[Any]]

    def to_bytes(self) -> bytes:
        """A snapshot; the same state gives the same bytes."""
        models = {number: model.to_bytes(compress=False) for number, model in sorted(self.models.items())}
        parts = {"plain": self.plain, "models": msgspec.msgpack.encode(models)}
        return pack({name: np.frombuffer(part, np.uint8) for name, part in parts.items()} | self.arrays)


def image(config: PipelineConfig, memory: Memory) -> Image:
    """The state as it is now: two milliseconds for a thousand series."""
    plain = {
        "format": FORMAT,
        "rule": _rule(config),
        "series": list(memory.state.series_number),
        "services": memory.state.services,
        "thresholds": memory.state.thresholds.tolist(),
        "newest_ns": memory.state.newest_ns,
        "next_deadline_ns": memory.state.next_deadline_ns,
        "records": {service: record.to_plain() for service, record in sorted(memory.records.items())},
        "episodes": memory.episodes.to_plain(),
        "silences": memory.silences.to_plain(),
    }
    arrays = {
        "series": _apart(memory.state.series[: len(memory.state.identities)]),
        "entities": _apart(memory.state.entities[: len(memory.state.entity_names)]),
        **_named(SERIES_DRIFT, memory.series_drift.to_arrays()),
        **_named(SCORE_DRIFT, memory.score_drift.to_arrays()),
    }
    return Image(msgspec.msgpack.encode(plain), dict(memory.models), arrays)


def _apart(rows: NDArray[np.void]) -> NDArray[np.void]:
    """A copy byte by byte; numpy's own takes fields only, and between those it leaves what was in memory before."""
    return np.frombuffer(rows.tobytes(), rows.dtype)


def _named(prefix: str, arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {f"{prefix}{name}": array for name, array in arrays.items()}


def _of(prefix: str, arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def read(body: bytes, config: PipelineConfig, memory: Memory) -> None:
    """Fill an empty memory; raises `StateUnusable` for bytes that are not a snapshot for this configuration."""
    try:
        arrays, plain = _parts(body)
        series, entities = arrays["series"], arrays["entities"]
        if plain["rule"] != _rule(config):
            raise StateUnusable("the snapshot was made with other entity labels")
        _fill(memory.state, plain, series, entities)
        for number, model in msgspec.msgpack.decode(arrays["models"].tobytes(), type=dict[int, bytes]).items():
            memory.models[number] = ServiceModel.from_bytes(model)
        memory.records |= {service: ServiceRecord(**record) for service, record in plain["records"].items()}
        memory.episodes.load(plain["episodes"])
        memory.silences.load(plain["silences"])
        memory.series_drift.load(_of(SERIES_DRIFT, arrays))
        memory.score_drift.load(_of(SCORE_DRIFT, arrays))
    except (KeyError, TypeError, ValueError, msgspec.DecodeError) as error:
        raise StateUnusable(f"not a snapshot: {error}") from error


def _parts(body: bytes) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """The arrays and the plain values of a snapshot, as they would be in one of the present format."""
    try:
        arrays = unpack(body, ARRAY_DTYPES)
    except OtherArrays:
        arrays = unpack(body, ARRAY_DTYPES | snapshot_format_4.ROWS)
        plain = msgspec.msgpack.decode(arrays["plain"].tobytes())
        if plain["format"] != snapshot_format_4.FORMAT:
            raise StateUnusable("the snapshot has another format") from None
        return snapshot_format_4.renamed(arrays), snapshot_format_4.renamed_plain(plain)
    plain = msgspec.msgpack.decode(arrays["plain"].tobytes())
    if plain["format"] != FORMAT:
        raise StateUnusable("the snapshot has another format")
    return arrays, plain


def _rule(config: PipelineConfig) -> list[Any]:
    service, instance, default = astuple(config.entity_rule)
    return [list(service), list(instance), default]


def _fill(state: State, plain: dict[str, Any], series: NDArray[np.void], entities: NDArray[np.void]) -> None:
    for name in plain["services"]:
        state.service(name)
    state.thresholds = np.array(plain["thresholds"], np.float64)
    state.add_all(plain["series"], [state.rule.identify(text) for text in plain["series"]])
    if len(series) != len(state.identities) or len(entities) != len(state.entity_names):
        raise StateUnusable("the snapshot's names and arrays do not fit together")
    state.series[: len(series)] = series
    state.series["sli_n_bindings"] = 0
    state.apply_rules(0)
    state.entities[: len(entities)] = entities
    state.newest_ns, state.next_deadline_ns = plain["newest_ns"], plain["next_deadline_ns"]
