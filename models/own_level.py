"""What a service's model usually says of one entity: the tail of its surprises outside of alarms.

A model is calibrated on a fifth of the rows of its history, between those that it has learnt from. What comes later is
a little stranger, and much stranger where the history was an hour; the level and the news that are added make the tail
longer still. Beside the entity's own past such a surprise is nothing new. See `threshold` for the tail.
"""

from __future__ import annotations

from models.compiled import compiled
from models.state import Table
from models.threshold import Tail, learn_tail, tail_surprise

P_CUT = 0.05

START = Tail(cut=3.0, excess=1.0, square=2.0, beyond=0.0)
"""That of nats which are as probable as they say."""


@compiled
def surprise(entity: Table, nats: float) -> float:
    """Nats of surprise that the model is as surprised as this; 0 before it has said anything of this entity."""
    return tail_surprise(nats, _tail(entity), P_CUT) if entity.own_rows > 0.0 else 0.0


@compiled
def learn(entity: Table, nats: float) -> None:
    """Take in what the model says of a row outside of an alarm."""
    before = _tail(entity) if entity.own_rows > 0.0 else START
    entity.own_rows += 1.0
    tail = learn_tail(nats, before, P_CUT, entity.own_rows, 1.0)
    entity.cut, entity.excess, entity.square, entity.beyond = tail.cut, tail.excess, tail.square, tail.beyond


@compiled
def _tail(entity: Table) -> Tail:
    return Tail(entity.cut, entity.excess, entity.square, entity.beyond)
