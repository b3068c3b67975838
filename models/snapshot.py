"""The state of a pipeline as bytes: two arrays, a few plain values, the models' files and River's detectors.

No pickle but River's own objects, which are read by an unpickler that knows two classes and nothing else.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.drift import DriftBank, StateUnusable
from models.open_episodes import Incidents
from models.retraining import ServiceRecord
from models.service_model import ServiceModel
from models.silences import Silences
from models.state import ENTITY, SERIES, State

if TYPE_CHECKING:
    from models.pipeline import PipelineConfig

FORMAT = 2
"""Raised when the meaning of any part changes; a snapshot of another format is not used, the stream is replayed
instead."""


@dataclass(slots=True)
class Memory:
    """Everything a pipeline remembers from one fold to the next, but what it is told: SLOs and configuration.

    Attributes:
        state: tables of series and entities. models: champions by service number. records: for retraining, by service.
        drift: detectors. incidents: peaks of open episodes. silences: of entities.
    """

    state: State
    models: dict[int, ServiceModel]
    records: dict[str, ServiceRecord]
    drift: DriftBank
    incidents: Incidents
    silences: Silences


def write(config: PipelineConfig, memory: Memory) -> bytes:
    """The state as bytes; the same state gives the same bytes."""
    plain = {
        "format": FORMAT,
        "rule": _rule(config),
        "series": list(memory.state.series_number),
        "services": memory.state.services,
        "thresholds": memory.state.thresholds.tolist(),
        "newest_ns": memory.state.newest_ns,
        "next_deadline_ns": memory.state.next_deadline_ns,
        "records": {service: record.to_plain() for service, record in sorted(memory.records.items())},
        "incidents": memory.incidents.to_plain(),
        "silences": memory.silences.to_plain(),
        "models": {number: model.to_bytes() for number, model in sorted(memory.models.items())},
        "drift": memory.drift.to_bytes(),
    }
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        plain=np.frombuffer(msgspec.msgpack.encode(plain), np.uint8),
        series=memory.state.series[: len(memory.state.identities)],
        entities=memory.state.entities[: len(memory.state.entity_names)],
    )
    return buffer.getvalue()


def read(body: bytes, config: PipelineConfig, memory: Memory) -> None:
    """Fill an empty memory; raises `StateUnusable` for bytes that are not a snapshot for this configuration."""
    try:
        with np.load(io.BytesIO(body), allow_pickle=False) as file:
            plain = msgspec.msgpack.decode(file["plain"].tobytes())
            series, entities = file["series"], file["entities"]
        if plain["format"] != FORMAT or series.dtype != SERIES or entities.dtype != ENTITY:
            raise StateUnusable("the snapshot has another format")
        if plain["rule"] != _rule(config):
            raise StateUnusable("the snapshot was made with other entity labels")
        _fill(memory.state, plain, series, entities)
        for number, model in plain["models"].items():
            memory.models[int(number)] = ServiceModel.from_bytes(model)
        memory.records |= {service: ServiceRecord(**record) for service, record in plain["records"].items()}
        memory.incidents.load(plain["incidents"])
        memory.silences.load(plain["silences"])
        memory.drift.load(plain["drift"])
    except (
        KeyError,
        TypeError,
        ValueError,
        EOFError,
        OSError,
        zlib.error,
        zipfile.BadZipFile,
        msgspec.DecodeError,
    ) as error:
        raise StateUnusable(f"not a snapshot: {error}") from error


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
    state.series["bound"] = 0
    state.apply_rules(0)
    state.entities[: len(entities)] = entities
    state.newest_ns, state.next_deadline_ns = plain["newest_ns"], plain["next_deadline_ns"]
