"""`python -m infra.local.fetch`: what the embedded stack needs once, got before anybody waits for it."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from infra.local.java import find_java
from infra.local.kafka_jars import class_archive, kafka_jars
from infra.local.services.kafka import Kafka
from infra.local.shipped import cache_folder
from infra.settings import home_folder
from models.errors import TidewatchError


def fetch(cache: Path, say: Callable[[str], None]) -> None:
    """Fetch Kafka's jars and archive the classes its broker loads; does nothing where both are there.

    Raises:
        Misconfigured: no Java or no Maven.
        Unavailable: the broker does not run.
    """
    archive = class_archive(kafka_jars(cache, say), find_java())
    if archive.exists():
        return
    say("kafka: running the broker once, so that later starts are quicker")
    with tempfile.TemporaryDirectory() as home:
        part = Path(home) / archive.name
        broker = Kafka(Path(home), cache, say, wanted_port=0, more_jvm=[f"-XX:ArchiveClassesAtExit={part}"])
        broker.start()
        broker.stop()  # the JVM writes the archive as it ends
        if part.exists():
            whole = archive.with_suffix(".part")
            whole.write_bytes(part.read_bytes())  # may be another file system: copied, then put in place in one step
            whole.replace(archive)


def main() -> int:
    """Fetch; the process's exit code."""
    try:
        fetch(cache_folder(home_folder()), print)
    except TidewatchError as error:
        print(f"tidewatch: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
