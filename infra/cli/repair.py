"""`tidewatch repair`: progress that belongs to a topic or a cluster that is no more."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from infra.kafka.repair import PartitionFinding


def command(
    yes: Annotated[bool, typer.Option("--yes", help="Do what is said; without it nothing is changed.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say which stored offsets belong to a topic or a cluster that is no more, and let them begin anew.

    Counts, anomalies and state stay as they are. Stop the workers first; a worker does the same by itself for a topic
    that was made anew. Exit 1 while something is left to repair.
    """
    from infra.cli.database import open_database
    from infra.kafka import repair
    from infra.kafka.identity import ask_ids
    from infra.settings import load
    from infra.store import progress

    settings = load()
    settings.require("kafka", "database_url")
    database = open_database()
    try:
        database.migrate()
        with database.transaction() as cursor:
            rows = progress.every_partition(cursor)
            findings = repair.find(rows, ask_ids(settings.kafka, (row.topic for row in rows)))
            repaired = repair.apply(cursor, findings) if yes else 0
    finally:
        database.close()
    if as_json:
        typer.echo(json.dumps([_plain(found) for found in findings], indent=1))
    else:
        typer.echo("\n".join(_told(findings, repaired, done=yes)))
    raise typer.Exit(1 if any(found.repairable for found in findings) and not yes else 0)


def _plain(found: PartitionFinding) -> dict[str, object]:
    return {
        "topic": found.stored.topic,
        "partition": found.stored.partition,
        "next_offset": found.stored.next_offset,
        "check": found.check.value,
        "stored": found.stored.identity._asdict(),
        "present": found.present._asdict(),
    }


def _told(findings: Sequence[PartitionFinding], repaired: int, *, done: bool) -> list[str]:
    from models.reasons import IdentityCheck

    lines = [
        f"{found.stored.topic}:{found.stored.partition} at {found.stored.next_offset}: {found.check.value}"
        for found in findings
    ]
    broken = [found for found in findings if found.repairable]
    if not broken:
        return [*lines, "nothing to repair"]
    if done:
        return [*lines, f"{repaired} partitions begin at the beginning of their topics, with the state that they have"]
    lines.append(
        f"With --yes {len(broken)} partitions will begin at the beginning of their topics, with the state that they"
        " have; counts and anomalies stay."
    )
    if any(found.check is IdentityCheck.OTHER_CLUSTER for found in broken):
        lines.append(
            "The offsets are another cluster's. If that one still runs, correct the address instead. If its records"
            " were copied here, those that were counted before are counted again."
        )
    return lines
