"""A chain of things that must be seen one after the other, each with the time at which it happened."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from rich.table import Table
from rich.text import Text

Look = Callable[[], datetime | None]
"""Answers when the thing happened, or None while it has not."""


@dataclass
class Link:
    """One thing to be seen."""

    name: str
    look: Look
    happened_at: datetime | None = None


@dataclass
class Chain:
    """Links in the order in which they must be seen; a link is looked for once the one before it was seen."""

    title: str
    links: list[Link] = field(default_factory=list)

    def advance(self) -> list[Link]:
        """Look for the next links and return those newly seen."""
        fresh: list[Link] = []
        for link in self.links:
            if link.happened_at is None:
                link.happened_at = link.look()
                if link.happened_at is None:
                    break
                fresh.append(link)
        return fresh

    @property
    def complete(self) -> bool:
        return all(link.happened_at is not None for link in self.links)

    @property
    def missing(self) -> Link | None:
        """The link that the chain waits for."""
        return next((link for link in self.links if link.happened_at is None), None)


def report(chains: Iterable[Chain]) -> Table:
    """When each link of each chain was seen, and how long after the chain's first."""
    table = Table(title="What was seen", title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("link")
    table.add_column("at")
    table.add_column("after", justify="right")
    for chain in chains:
        table.add_row(Text(chain.title, style="bold"), "", "")
        begin = chain.links[0].happened_at
        for link in chain.links:
            if link.happened_at is None or begin is None:
                table.add_row(f"  {link.name}", Text("not seen", style="bold red"), "")
            else:
                after = (link.happened_at - begin).total_seconds()
                table.add_row(f"  {link.name}", link.happened_at.astimezone().strftime("%H:%M:%S"), f"{after:+.1f} s")
    return table
