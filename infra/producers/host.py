"""This machine's own metrics, by psutil: a bounded number of series, whatever runs on it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
import psutil

from infra.producers.pace import WaitingClock
from infra.producers.simulate import Sink
from models.errors import Misconfigured
from models.records import SampleColumns
from models.series import format_series
from models.timestamps import SECOND_NS

SERVICE: Final = "host"
# per-core series beyond this say little that the mean does not, and their number would be the machine's, not ours
MAX_CORES: Final = 16
TOP_PROCESSES: Final = 3

CONTAINER_ID: Final = re.compile(r"[0-9a-f]{12}")
"""What Docker calls a container with a network of its own."""

Reading = tuple[str, dict[str, str], float]


def machine_name(host_name: str) -> str:
    """The value of the label `instance`: what the machine is called.

    Raises:
        Misconfigured: that is a container's id, which changes with every creation, and each would be a new entity.

    >>> machine_name("web-1")
    'web-1'
    """
    if CONTAINER_ID.fullmatch(host_name):
        raise Misconfigured(
            f"{host_name!r} is a container's id and changes whenever that is made anew: share the machine's network,"
            " and so its name (`network_mode: host`, `docker run --network host`), or name it by --instance"
        )
    return host_name


class HostMetrics:
    """Reads the machine's metrics; ratios of CPU are over the time since the reading before."""

    def __init__(self, instance: str, top: int = TOP_PROCESSES) -> None:
        self._labels = {"service": SERVICE, "instance": instance}
        self._top = top
        self._cores = psutil.cpu_count() or 1
        list(self._readings())  # the first CPU reading has no time before it and is meaningless

    def read(self, now_ns: int) -> SampleColumns:
        """All metrics, at one event time."""
        readings = list(self._readings())
        series_ids = [format_series(metric, self._labels | labels) for metric, labels, _ in readings]
        values = np.array([value for _, _, value in readings], np.float64)
        return SampleColumns(
            series_ids, np.arange(len(values), dtype=np.int32), np.full(len(values), now_ns, np.int64), values
        )

    def _readings(self) -> Iterator[Reading]:
        yield from self._cpu()
        yield from self._memory()
        yield from self._disk()
        yield from self._network()
        yield from self._processes()

    def _cpu(self) -> Iterator[Reading]:
        cores = psutil.cpu_percent(interval=None, percpu=True)
        yield "cpu_ratio", {}, sum(cores) / len(cores) / 100
        if len(cores) <= MAX_CORES:
            for number, percent in enumerate(cores):
                yield "cpu_core_ratio", {"cpu": str(number)}, percent / 100
        yield "load1", {}, psutil.getloadavg()[0]

    def _memory(self) -> Iterator[Reading]:
        memory, swap = psutil.virtual_memory(), psutil.swap_memory()
        yield "memory_ratio", {}, memory.percent / 100
        yield "swap_ratio", {}, swap.percent / 100

    def _disk(self) -> Iterator[Reading]:
        yield "disk_used_ratio", {}, psutil.disk_usage("/").percent / 100
        io = psutil.disk_io_counters()
        if io is not None:  # some containers show no disks
            yield "disk_read_bytes_total", {}, io.read_bytes
            yield "disk_write_bytes_total", {}, io.write_bytes

    def _network(self) -> Iterator[Reading]:
        outside = [io for name, io in psutil.net_io_counters(pernic=True).items() if name != "lo"]
        yield "network_receive_bytes_total", {}, sum(io.bytes_recv for io in outside)
        yield "network_transmit_bytes_total", {}, sum(io.bytes_sent for io in outside)

    def _processes(self) -> Iterator[Reading]:
        """The number of processes, and CPU and memory of those that use most, by rank: which ones they are changes."""
        if not self._top:
            return
        total = psutil.virtual_memory().total
        cpu, memory = [], []
        # process_iter keeps its Process objects between calls, which is what cpu_percent measures against;
        # what has ended or may not be read has None
        for process in psutil.process_iter(["cpu_percent", "memory_info"]):
            # the kernel counts in ticks of 10 ms: over less, one tick is more than there was time for
            cpu.append(min((process.info["cpu_percent"] or 0.0) / 100 / self._cores, 1.0))
            memory.append(process.info["memory_info"].rss / total if process.info["memory_info"] else 0.0)
        yield "processes", {}, len(cpu)
        for metric, values in (("process_cpu_ratio", cpu), ("process_memory_ratio", memory)):
            highest = sorted(values, reverse=True)[: self._top]
            for rank in range(1, self._top + 1):
                yield metric, {"rank": str(rank)}, highest[rank - 1] if rank <= len(highest) else 0.0


def run(
    metrics: HostMetrics,
    sink: Sink,
    clock: WaitingClock,
    *,
    interval_s: float = 1.0,
    count: int | None = None,
    progress: Callable[[int], None] = lambda samples: None,
) -> int:
    """Publish a reading every `interval_s`, `count` times or until the clock is stopped; returns the number of samples.

    Readings missed while the machine slept are gone: nobody took them.
    """
    interval_ns = round(interval_s * SECOND_NS)
    published = 0
    next_ns = (clock.now_ns() // interval_ns + 1) * interval_ns
    while (count is None or count > 0) and clock.sleep_until(next_ns):
        columns = metrics.read(next_ns)
        sink.publish(columns)
        published += len(columns)
        progress(len(columns))
        count = count if count is None else count - 1
        next_ns = max(next_ns + interval_ns, clock.now_ns() // interval_ns * interval_ns)
    return published
