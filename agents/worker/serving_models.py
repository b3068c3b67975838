"""The models that this worker should serve, as last announced: written by `model_updates`, read by `watch`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from models.service_model.model import ServiceModel


class Served(NamedTuple):
    """A loaded model and where its bytes are on record, so that a replay elsewhere can load the very same one."""

    version: str
    sha256: str
    artifact: str
    model: ServiceModel


class ServingModels:
    """Newest usable model of each service. `generation` rises with every change, so that looking is cheap."""

    def __init__(self) -> None:
        self._current: Mapping[str, Served | None] = MappingProxyType({})
        self.generation = 0

    @property
    def current(self) -> Mapping[str, Served | None]:
        """Service → model, None where there should be none any more; a snapshot that no later change touches."""
        return self._current

    def put(self, service: str, served: Served) -> None:
        """Serve `served` from now on. Call it from the event loop, with a model that is loaded and probed."""
        self._current = MappingProxyType({**self._current, service: served})
        self.generation += 1

    def remove(self, service: str) -> None:
        """Serve no model of the service any more: its online detectors go on alone."""
        self._current = MappingProxyType({**self._current, service: None})
        self.generation += 1
