"""`tidewatch dead-letters`: what was refused, why, what to change, and sending it again."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from models.errors import Misconfigured
from models.moments import moment_ns
from models.plain_text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.settings import Settings
    from infra.stream.dead_letters import Letter

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Records that could not be used: how many and why, what they were, and sending them again.",
)

SHOWN_BYTES: Final = 200
"""Of a body: enough to recognise the producer."""

EXIT_FOUND: Final = 1

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Since = Annotated[str, typer.Option("--since", help="Those refused since: 1h, 7d, or RFC 3339.")]
Reason = Annotated[str, typer.Option("--reason", help="Only those refused for this reason.")]


@app.command(
    "list", epilog="Examples:  tidewatch dead-letters list   ·   tidewatch dead-letters list --since 7d --json"
)
def list_(since: Since = "1h", reason: Reason = "", as_json: AsJson = False) -> None:
    """Dead letters by reason, the newest of each, and what to change. Exit code 1 where there are any."""
    from infra.stream.dead_letters import by_reason

    found = by_reason(_letters(since, reason)[1])
    if as_json:
        print(json.dumps([_plain(asdict(one)) for one in found], indent=2))
    else:
        for one in found:
            print(f"{one.reason}: {one.letters:,} since {since}, newest {_clock(one.newest.at_ms)}")
            print(f"  e.g. {one_line(one.newest.detail)}   (tidewatch dead-letters show --reason {one.reason})")
            if one.hint:
                print(f"  {one.hint}")
        if not found:
            print(f"no dead letters since {since}: everything that came in was accepted")
    if found:
        raise typer.Exit(EXIT_FOUND)


@app.command(
    epilog="Examples:  tidewatch dead-letters show   ·   tidewatch dead-letters show --reason bad-timestamp -n 3"
)
def show(
    since: Since = "1h",
    reason: Reason = "",
    number: Annotated[int, typer.Option("--number", "-n", min=1, help="How many, the newest.")] = 10,
    as_json: AsJson = False,
) -> None:
    """The newest dead letters with the beginning of what the producer sent."""
    found = sorted(_letters(since, reason)[1], key=lambda letter: letter.at_ms)[-number:]
    if as_json:
        print(json.dumps([_plain(asdict(letter)) for letter in found], indent=2))
        return
    for one in found:
        print(f"{_clock(one.at_ms)}  {one.reason}  {one.source}")
        print(f"  {one_line(one.detail)}")
        print(f"  {one_line(_beginning(one.body))}")
    if not found:
        print(f"no dead letters since {since}")


@app.command(
    epilog="Examples:  tidewatch dead-letters replay --reason too-many-series   ·   "
    "tidewatch dead-letters replay --since 2d --dry-run"
)
def replay(
    since: Since = "1h",
    reason: Reason = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say how many, and send nothing.")] = False,
) -> None:
    """Send dead letters to the topic of metrics again, after their reason was mended."""
    from infra.stream import dead_letters
    from models.names import Topic

    settings, letters = _letters(since, reason)
    found = list(letters)
    cut = sum(letter.is_cut for letter in found)
    if cut:
        print(f"{cut:,} were cut because of their size and are left out; they are whole where they came from")
    if dry_run or not found:
        print(f"{len(found) - cut:,} would be sent again")
        return
    sent = dead_letters.replay(settings.kafka, settings.topic(Topic.METRICS), found)
    print(f"{sent:,} sent again; `tidewatch dead-letters list --since 1m` shows which are refused once more")


def _letters(since: str, reason: str) -> tuple[Settings, Iterator[Letter]]:
    from infra.settings import load
    from infra.stream.dead_letters import known_reasons, letters
    from models.names import Topic

    if reason and reason not in known_reasons():
        raise Misconfigured(f"--reason: {reason!r} is none of {', '.join(known_reasons())}")
    settings = load()
    settings.require("kafka")
    since_ms = moment_ns(since, time.time_ns()) // 1_000_000
    return settings, letters(settings.kafka, settings.topic(Topic.DEAD_LETTER), since_ms, reason)


def _clock(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(sep=" ", timespec="seconds").removesuffix("+00:00") + "Z"


def _beginning(body: bytes) -> str:
    """The start of a body as text."""
    return body[:SHOWN_BYTES].decode("utf-8", "backslashreplace") + ("…" if len(body) > SHOWN_BYTES else "")


def _plain(value: Any) -> Any:
    """The same for JSON: bytes as text."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return {name: _plain(one) for name, one in value.items()} if isinstance(value, dict) else value
