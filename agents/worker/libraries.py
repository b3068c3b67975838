"""Which path a worker takes of each library whose private parts it uses: for its log, its metrics, and people."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Gauge

from agents.kafka import aiokafka_seams, faust_seams
from infra import libc_seams
from models import numba_seams
from models.names import Metric
from models.seams import Seam

log = logging.getLogger(__name__)

SEAMS: Final = (aiokafka_seams.SEAM, faust_seams.SEAM, libc_seams.SEAM, numba_seams.SEAM)
"""Of what a worker's process imports; training has a process of its own."""


@dataclass(frozen=True)
class LibraryFinding:
    """What `tidewatch check` reads of a worker's process; `warning` is empty on the fast path."""

    library: str
    path: str
    tested: tuple[str, ...]
    warning: str


def findings() -> list[LibraryFinding]:
    """One for each library."""
    return [_of(seam) for seam in SEAMS]


def _of(seam: Seam) -> LibraryFinding:
    return LibraryFinding(seam.library.value, seam.path.value, seam.tested, seam.warning())


def report() -> str:
    """The findings as JSON."""
    return json.dumps([asdict(finding) for finding in findings()]) + "\n"


def tell(registry: CollectorRegistry) -> None:
    """Say in the log and on `/metrics` which libraries are used the slow way."""
    plain = Gauge(
        Metric.LIBRARY_PLAIN.value,
        "1 for a library of which only documented parts are used, which is slower.",
        ["library", "reason"],
        registry=registry,
    )
    for finding in findings():
        if finding.warning:
            log.warning("%s", finding.warning)
            plain.labels(finding.library, finding.path).set(1)
