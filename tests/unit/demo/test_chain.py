"""Links that have to be seen one after the other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO

from rich.console import Console

from infra.demo.chain import Chain, Link, report

START = datetime(2026, 1, 1, 12, tzinfo=UTC)


def chain(*seen_at_s: float | None) -> Chain:
    """A chain whose links are seen at these seconds, or not yet."""

    def looking(at_s: float | None) -> datetime | None:
        return None if at_s is None else START + timedelta(seconds=at_s)

    links = [Link(f"link {n}", lambda at_s=at_s: looking(at_s)) for n, at_s in enumerate(seen_at_s)]
    return Chain("a fault", links)


def test_links_are_looked_for_in_their_order() -> None:
    told = chain(0.0, None, 3.0)
    assert [link.name for link in told.advance()] == ["link 0"]
    assert (told.complete, told.missing) == (False, told.links[1])
    assert told.advance() == [], "what comes after a missing link is not looked for"


def test_a_chain_is_complete_with_its_last_link() -> None:
    told = chain(0.0, 1.5)
    assert len(told.advance()) == 2
    assert (told.complete, told.missing, told.advance()) == (True, None, [])


def test_a_report_says_when_each_was_seen_after_the_first() -> None:
    whole, part = chain(0.0, 1.5), chain(0.0, None)
    for one in (whole, part):
        one.advance()
    console = Console(width=100, file=StringIO(), record=True)
    console.print(report([whole, part]))
    lines = [line.split() for line in console.export_text().splitlines()]
    assert [line[-2:] for line in lines if line[:2] == ["link", "1"]] == [["+1.5", "s"], ["not", "seen"]]
