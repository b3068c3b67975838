"""Dead letters as people see them."""

from infra.stream.dead_letters import Letter, by_reason
from models.parse.hints import HINTS
from models.reasons import RejectReason


def letter(at_ms: int, reason: str) -> Letter:
    return Letter(at_ms, reason, f"detail {at_ms}", "metrics:0@1", None, b"?", is_cut=False)


def test_letters_are_counted_by_reason_the_commonest_first_with_the_newest_of_each() -> None:
    found = by_reason([letter(1, "too-old"), letter(3, "unparsable"), letter(2, "unparsable")])
    assert [(one.reason, one.letters, one.newest.at_ms) for one in found] == [("unparsable", 2, 3), ("too-old", 1, 1)]
    assert found[1].hint == HINTS[RejectReason.TOO_OLD]


def test_a_reason_of_another_version_has_no_hint() -> None:
    assert by_reason([letter(1, "cosmic-rays")])[0].hint == ""


def test_every_reason_has_a_hint() -> None:
    assert set(HINTS) == set(RejectReason)
