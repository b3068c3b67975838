"""Dead letters: what was refused, why, and sending it again once that is mended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from infra.kafka.recent import recent
from infra.kafka.record_publisher import RecordPublisher
from models.names import DeadLetterHeader
from models.parse.hints import HINTS
from models.reasons import RejectReason

DELIVERY_TIMEOUT_S: Final = 60.0


_HINTS: Final[Mapping[str, str]] = {reason.value: hint for reason, hint in HINTS.items()}
"""By the text in a letter's header, which may be of a version that knows other reasons."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One refused record, or the refused samples of one.

    Attributes:
        at_ms: when it was refused; milliseconds since the epoch.
        reason: a member of `RejectReason`, or a text that this version does not know.
        source: topic, partition and offset that it came from, `metrics:3@1200`.
        is_cut: whether the body is only the beginning of what came.
    """

    at_ms: int
    reason: str
    detail: str
    source: str
    key: bytes | None
    body: bytes
    is_cut: bool


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """The letters of one reason: how many, the newest, and what to change."""

    reason: str
    letters: int
    newest: Letter
    hint: str


def letters(servers: str, topic: str, since_ms: int, reason: str = "") -> Iterator[Letter]:
    """Letters since a moment, of one reason where one is named; raises `Unavailable`."""
    for record in recent(servers, topic, since_ms):
        letter = _letter(record)
        if not reason or letter.reason == reason:
            yield letter


def by_reason(found: Iterable[Letter]) -> list[ReasonCount]:
    """The letters counted by reason, the commonest first."""
    counts: dict[str, int] = {}
    newest: dict[str, Letter] = {}
    for letter in found:
        counts[letter.reason] = counts.get(letter.reason, 0) + 1
        if letter.reason not in newest or letter.at_ms >= newest[letter.reason].at_ms:
            newest[letter.reason] = letter
    order = sorted(counts, key=lambda reason: (-counts[reason], reason))
    return [ReasonCount(reason, counts[reason], newest[reason], _HINTS.get(reason, "")) for reason in order]


def replay(servers: str, topic: str, found: Sequence[Letter]) -> int:
    """Send letters to `topic` again as they came, key included; returns how many the broker has.

    One that was cut is left out: what is missing of it is still at its source's offset. A record of which only some
    samples were refused is sent whole; the samples that were taken are recognised as duplicates.

    Raises:
        Unavailable: the broker did not acknowledge all of them.
    """
    whole = [letter for letter in found if not letter.is_cut]
    with RecordPublisher(servers, topic, delivery_timeout_s=DELIVERY_TIMEOUT_S) as publisher:
        for letter in whole:
            publisher.send(letter.key, letter.body)
        publisher.flush()
    return len(whole)


def _letter(record: Any) -> Letter:
    headers: dict[str, str] = {name: value.decode("utf-8", "replace") for name, value in record.headers or ()}

    def header(name: DeadLetterHeader) -> str:
        return headers.get(name.value, "")

    source = f"{header(DeadLetterHeader.TOPIC)}:{header(DeadLetterHeader.PARTITION)}@{header(DeadLetterHeader.OFFSET)}"
    return Letter(
        record.timestamp,
        header(DeadLetterHeader.REASON),
        header(DeadLetterHeader.DETAIL),
        source,
        record.key,
        record.value or b"",
        DeadLetterHeader.SIZE.value in headers,
    )


def known_reasons() -> list[str]:
    """Every reason that a letter may have."""
    return [reason.value for reason in RejectReason]
