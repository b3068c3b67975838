"""Which measurements there are, in the order in which they run."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, cast

if TYPE_CHECKING:
    from benchmarks.speed.bench import Bench
    from benchmarks.speed.figures import Figure


class Measurement(NamedTuple):
    """A module with `measure(bench)`, what it measures, and how many seconds it takes on two cores, in full and
    quickly."""

    name: str
    module: str
    about: str
    full_s: float
    quick_s: float

    def run(self, bench: Bench) -> Sequence[Figure]:
        """Its figures."""
        measure = importlib.import_module(f"benchmarks.speed.{self.module}").measure
        return cast("Callable[[Bench], Sequence[Figure]]", measure)(bench)


MEASUREMENTS: Final = (
    Measurement("path", "path", "the whole path beside raw aiokafka, Bytewax, Quix Streams and Faust", 330, 60),
    Measurement("series", "live_series", "1,000 and 100,000 live series", 270, 60),
    Measurement("storage", "storage", "what a worker writes in PostgreSQL, as samples multiply", 220, 45),
    Measurement("latency", "latency", "from event to score, and to alert, at 20,000 samples/s", 110, 75),
    Measurement("forest", "forest", "Isolation Forest beside scikit-learn's", 15, 5),
    Measurement("univariate", "univariate", "online scoring beside HalfSpaceTrees and Random Cut Forest", 60, 20),
    Measurement("slos", "slos", "one evaluation of 1,000 SLOs", 110, 20),
    Measurement("training", "training", "training of 1,000,000 rows of 16 features", 60, 10),
    Measurement("workers", "workers", "one, two and three workers on twelve partitions", 230, 60),
    Measurement("stack", "embedded", "`tidewatch up`: start, idle processor time, memory", 400, 90),
    Measurement("catch-up", "catch_up", "a backlog of 10,000,000 samples", 700, 50),
)
