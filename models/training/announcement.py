"""Announcements of models on the topic `models`: what a record says, and which of two counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from models.errors import Rejected
from models.names import CHAMPION_ALIAS
from models.reasons import RejectReason
from models.records import ModelEvent
from models.timestamps import from_datetime

MILLISECOND_NS: Final = 1_000_000

_decoder = msgspec.json.Decoder(ModelEvent)


@dataclass(frozen=True, slots=True)
class Announced:
    """The version that a service should serve; `at_ns` is when it was promoted, nanoseconds since the epoch."""

    service: str
    version: str
    sha256: str
    artifact: str
    at_ns: int

    def wins_over(self, known: Announced | None) -> bool:
        """Whether this replaces what is known: not where that is newer or the same model.

        Announcements carry milliseconds and the table `serving` microseconds, so times are compared as milliseconds.
        """
        if known is None:
            return True
        older = self.at_ns // MILLISECOND_NS < known.at_ns // MILLISECOND_NS
        return not older and (self.version, self.sha256) != (known.version, known.sha256)


def parse_announcement(value: bytes) -> Announced | None:
    """The champion that a record announces; None where it is about another alias.

    Raises:
        Rejected: not an announcement.
    """
    try:
        event = _decoder.decode(value)
        at_ns = from_datetime(datetime.fromisoformat(event.at))
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, TypeError) as error:
        raise Rejected(RejectReason.UNPARSABLE, str(error)) from error
    if event.alias != CHAMPION_ALIAS:
        return None
    return Announced(event.service, event.version, event.sha256, event.artifact, at_ns)
