"""Where there was no room for another series, and which label is to blame: what an alert tells of a flood."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import Final, NamedTuple

from models.series import SeriesBook, parse_series

LOOKED_AT: Final = 2_000
"""Series of a crowd whose labels are looked at, once: taking a text apart costs 3 us."""

MAX_CROWDS: Final = 50
"""Crowds that are told apart; each becomes a series of Prometheus."""


class Scope(StrEnum):
    """What a limit on series is for."""

    ENTITY = "entity"
    SERVICE = "service"
    SERVICES = "services"


class Crowd(NamedTuple):
    """What is full. `label` has the most values there; `service` is empty where services themselves are too many."""

    scope: Scope
    service: str
    label: str


OTHER: Final = Crowd(Scope.SERVICES, "", "")
"""Counts for all crowds beyond `MAX_CROWDS`."""


class Crowds:
    """Counts refused samples by crowd, and remembers whom it found to blame until the series are counted anew."""

    def __init__(self) -> None:
        self._refused: Counter[Crowd] = Counter()
        self._known: set[Crowd] = set()
        self._blamed: dict[tuple[Scope, str], str] = {}

    def clear(self) -> None:
        """Look again for the label to blame: what is alive has changed."""
        self._blamed.clear()

    def refuse(self, crowd: Crowd) -> None:
        """Count a sample that found no room."""
        if crowd not in self._known and len(self._known) >= MAX_CROWDS:
            crowd = OTHER
        self._known.add(crowd)
        self._refused[crowd] += 1

    def take(self) -> dict[Crowd, int]:
        """What was refused since the last call."""
        refused, self._refused = self._refused, Counter()
        return dict(refused)

    def label_to_blame(self, scope: Scope, name: str, book: SeriesBook) -> str:
        """The label with the most values among the series of a crowd; empty where they have none."""
        known = self._blamed.get((scope, name))
        if known is None:
            if len(self._blamed) >= LOOKED_AT:
                self._blamed.clear()
            known = self._blamed[scope, name] = _most_varied(scope, name, book)
        return known


def _most_varied(scope: Scope, name: str, book: SeriesBook) -> str:
    values: dict[str, set[str]] = {}
    looked_at = 0
    for text, owner in zip(book.texts, book.owners, strict=True):
        if (owner.entity if scope is Scope.ENTITY else owner.service) != name:
            continue
        for label, value in parse_series(text)[1].items():
            values.setdefault(label, set()).add(value)
        looked_at += 1
        if looked_at == LOOKED_AT:
            break
    return max(values, key=lambda label: (len(values[label]), label), default="")
