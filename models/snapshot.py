"""The state of a pipeline as bytes: two arrays, a few plain values, the models' files and River's detectors.

No pickle but River's own objects, which are read by an unpickler that knows two classes and nothing else.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import astuple
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.drift import DriftBank, StateUnusable
from models.open_episodes import Incidents
from models.retraining import ServiceRecord
from models.service_model import ServiceModel
from models.state import ENTITY, SERIES, State

if TYPE_CHECKING:
    from models.pipeline import PipelineConfig

FORMAT = 1
"""Raised when the meaning of any part changes; a snapshot of another format is not used, the stream is replayed instead."""


def write(
    config: PipelineConfig,
    state: State,
    models: dict[int, ServiceModel],
    records: dict[str, ServiceRecord],
    drift: DriftBank,
    incidents: Incidents,
) -> bytes:
    """The state as bytes; the same state gives the same bytes."""
    plain = {
        "format": FORMAT,
        "rule": _rule(config),
        "series": list(state.series_number),
        "services": state.services,
        "newest_ns": state.newest_ns,
        "next_deadline_ns": state.next_deadline_ns,
        "records": {service: record.to_plain() for service, record in records.items()},
        "incidents": incidents.to_plain(),
        "models": {number: model.to_bytes() for number, model in models.items()},
        "drift": drift.to_bytes(),
    }
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        plain=np.frombuffer(msgspec.msgpack.encode(plain), np.uint8),
        series=state.series[: len(state.identities)],
        entities=state.entities[: len(state.entity_names)],
    )
    return buffer.getvalue()


def read(
    body: bytes,
    config: PipelineConfig,
    state: State,
    models: dict[int, ServiceModel],
    records: dict[str, ServiceRecord],
    drift: DriftBank,
    incidents: Incidents,
) -> None:
    """Fill the parts of a new pipeline; raises `StateUnusable` for bytes that are not a snapshot for this configuration."""
    try:
        with np.load(io.BytesIO(body), allow_pickle=False) as file:
            plain = msgspec.msgpack.decode(file["plain"].tobytes())
            series, entities = file["series"], file["entities"]
        if plain["format"] != FORMAT or series.dtype != SERIES or entities.dtype != ENTITY:
            raise StateUnusable("the snapshot has another format")
        if plain["rule"] != _rule(config):
            raise StateUnusable("the snapshot was made with other entity labels")
        _fill(state, plain, series, entities)
        for number, model in plain["models"].items():
            models[int(number)] = ServiceModel.from_bytes(model)
        records |= {service: ServiceRecord(**record) for service, record in plain["records"].items()}
        incidents.load(plain["incidents"])
        drift.load(plain["drift"])
    except (KeyError, TypeError, ValueError, EOFError, OSError, zipfile.BadZipFile, msgspec.DecodeError) as error:
        raise StateUnusable(f"not a snapshot: {error}") from error


def _rule(config: PipelineConfig) -> list[Any]:
    service, instance, default = astuple(config.entity_rule)
    return [list(service), list(instance), default]


def _fill(state: State, plain: dict[str, Any], series: NDArray[np.void], entities: NDArray[np.void]) -> None:
    for name in plain["services"]:
        state.service(name)
    for text in plain["series"]:
        state.add(text, state.rule.identify(text))
    if len(series) != len(state.identities) or len(entities) != len(state.entity_names):
        raise StateUnusable("the snapshot's names and arrays do not fit together")
    state.series[: len(series)] = series
    state.series["bound"] = 0
    state.entities[: len(entities)] = entities
    state.newest_ns, state.next_deadline_ns = plain["newest_ns"], plain["next_deadline_ns"]
