"""Announcements of models: what a record says, and which of two counts."""

from __future__ import annotations

import msgspec
import pytest

from models.errors import Rejected
from models.names import CHALLENGER_ALIAS, CHAMPION_ALIAS
from models.reasons import RejectReason
from models.records import ModelEvent
from models.training.announcement import Announced, parse_announcement

AT_NS = 1_780_000_020_250_000_000
EVENT = ModelEvent("request:3", "checkout", "3", CHAMPION_ALIAS, {}, "abc", "runs:/3", "2026-05-28T20:27:00.25Z")
KNOWN = Announced("checkout", "3", "abc", "runs:/3", AT_NS)


def announced(version: str = "3", sha256: str = "abc", after_ns: int = 0) -> Announced:
    return Announced("checkout", version, sha256, "", AT_NS + after_ns)


@pytest.mark.parametrize(
    ("new", "known", "wins"),
    [
        pytest.param(announced(), None, True, id="the first"),
        pytest.param(announced("4", "def", 1_000_000), KNOWN, True, id="a later version"),
        pytest.param(announced("2", "def", 1_000_000), KNOWN, True, id="a later one of an earlier version: a rollback"),
        pytest.param(announced("4", "def", -1_000_000), KNOWN, False, id="an older one"),
        pytest.param(announced("4", "def"), announced(after_ns=400_000), True, id="one of the same millisecond"),
        pytest.param(announced(after_ns=5_000_000), KNOWN, False, id="a repeat"),
        pytest.param(announced(sha256="def"), KNOWN, True, id="another file under the same version"),
    ],
)
def test_which_announcement_wins(new: Announced, known: Announced | None, wins: bool) -> None:
    assert new.wins_over(known) is wins


def test_a_record_announces_a_champion_and_nothing_else() -> None:
    assert parse_announcement(msgspec.json.encode(EVENT)) == KNOWN
    challenger = msgspec.structs.replace(EVENT, alias=CHALLENGER_ALIAS)
    assert parse_announcement(msgspec.json.encode(challenger)) is None


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\xff",
        b"{}",
        msgspec.json.encode(msgspec.structs.replace(EVENT, at="noon")),
        msgspec.json.encode(msgspec.structs.replace(EVENT, at="2026-05-28T20:27:00")),
    ],
    ids=["empty", "no text", "no fields", "no time", "a time without a zone"],
)
def test_what_is_no_announcement_is_rejected(value: bytes) -> None:
    with pytest.raises(Rejected) as told:
        parse_announcement(value)
    assert told.value.reason is RejectReason.UNPARSABLE
