"""`python -m infra.lake.compaction LAKE`: merges the lake's small files, in a process that gives its memory back."""

from __future__ import annotations

import logging
import sys

from infra.lake.lake import compact, crowded_days
from models.errors import Unavailable

log = logging.getLogger("lake")


def run(path: str) -> int:
    """Merge until no day is crowded; how many files were replaced. Raises `Unavailable`."""
    replaced = 0
    while merged := sum(compact(path, service, day) for service, day in crowded_days(path)):
        replaced += merged
    return replaced


def main() -> int:
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(name)s: %(message)s")
    try:
        log.info("%d files merged", run(sys.argv[1]))
    except Unavailable as error:
        log.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
