"""Entities that have fallen silent, and when they speak again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.reasons import AlertState
from models.state.results import Silence
from models.state.rows import Rows
from models.state.tables import EntityName
from models.timestamps import to_rfc3339


class Silences:
    """Follows the silent entities; everybody else costs nothing."""

    def __init__(self) -> None:
        self._since_ns: dict[int, int] = {}

    def advance(
        self,
        names: list[EntityName],
        rows: Rows,
        newest_ns: NDArray[np.int64],
        first_ns: NDArray[np.int64],
        lateness_ns: int,
    ) -> list[Silence]:
        """Transitions that rows lead to. A backfill that ends is no silence: see `models.ticks.assembly`. Neither is an
        instance that others have taken the place of: its service has as many as before.

        Args:
            newest_ns: int64 `(n_entities,)`, newest row of each entity before these rows.
            first_ns: int64 `(n_entities,)`, first event time of each.
            lateness_ns: least time without rows that can be a silence.
        """
        silent = np.diff(rows.start) == 0
        if not silent.any() and not self._since_ns:
            return []
        newest = newest_ns.copy()
        found = []
        for row, (entity, tick_ns) in enumerate(zip(rows.entity.tolist(), rows.tick_ns.tolist(), strict=True)):
            if silent[row]:
                if (
                    newest[entity] > 0
                    and tick_ns - newest[entity] >= lateness_ns
                    and not is_replaced(entity, names, newest, first_ns, lateness_ns)
                ):
                    self._since_ns[entity] = int(newest[entity])
                    found.append(self._transition(names[entity], int(newest[entity]), tick_ns, AlertState.FIRING))
                continue
            newest[entity] = tick_ns
            since_ns = self._since_ns.pop(entity, None)
            if since_ns is not None:
                found.append(self._transition(names[entity], since_ns, tick_ns, AlertState.RESOLVED))
        return found

    def _transition(self, name: EntityName, since_ns: int, at_ns: int, state: AlertState) -> Silence:
        return Silence(f"{name.entity}:{to_rfc3339(since_ns)}", name.service, name.entity, since_ns, at_ns, state)

    def to_plain(self) -> dict[int, int]:
        """Plain values, for the snapshot."""
        return dict(sorted(self._since_ns.items()))

    def load(self, plain: dict[int, int]) -> None:
        """Go on from `to_plain`."""
        self._since_ns = {int(entity): since_ns for entity, since_ns in plain.items()}


def is_replaced(
    entity: int, names: list[EntityName], newest_ns: NDArray[np.int64], first_ns: NDArray[np.int64], lateness_ns: int
) -> bool:
    """Whether a service has as many instances without a silent one as it had when that spoke last."""
    last_ns = int(newest_ns[entity])
    service = names[entity].service
    of_service = np.array([name.service == service for name in names])
    before = of_service & (first_ns <= last_ns) & (newest_ns >= last_ns - lateness_ns)
    after = of_service & (newest_ns > last_ns + lateness_ns)
    return bool(after.any() and (first_ns[after] > last_ns).any() and after.sum() >= before.sum())
