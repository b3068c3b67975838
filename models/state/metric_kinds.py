"""What a metric's name tells of it: whether it is cumulative, and how large its unit lets it get.

A name is a hint. Prometheus and OpenMetrics end the names of counters in `_total` and those of histograms in `_count`,
`_sum` and `_bucket`; Telegraf's plugins do not, and neither do people who name the number of threads `thread_count`.
So a catalogue of what known producers write comes first, then nouns of things that are counted and not added up.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache
from typing import Final

COUNTER_SUFFIXES: Final = ("_total", "_count", "_sum", "_bucket")
"""Prometheus' and OpenMetrics' naming rules, which translations of OTLP keep."""

KNOWN_COUNTERS: Final = (
    "net_bytes_*",
    "net_packets_*",
    "net_err_*",
    "net_drop_*",
    "net_icmp_*",
    "net_tcp_*",
    "net_udp_*",
    "cpu_time_*",
    "diskio_reads",
    "diskio_writes",
    "diskio_read_bytes",
    "diskio_write_bytes",
    "diskio_read_time",
    "diskio_write_time",
    "diskio_io_time",
    "diskio_weighted_io_time",
    "diskio_merged_*",
    "kernel_context_switches",
    "kernel_interrupts",
    "kernel_processes_forked",
    "swap_in",
    "swap_out",
    "docker_container_net_*_bytes",
    "docker_container_net_*_packets",
    "docker_container_blkio_*",
    "nginx_accepts",
    "nginx_handled",
    "nginx_requests",
    "haproxy_bin",
    "haproxy_bout",
    "haproxy_stot",
    "rabbitmq_*_messages_published",
    "mysql_bytes_*",
    "mysql_com_*",
    "mysql_questions",
    "postgresql_blks_*",
    "postgresql_tup_*",
    "postgresql_xact_*",
)
"""What Telegraf's plugins write as ever growing sums (influxdata/telegraf, plugins/inputs/*/README.md)."""

KNOWN_GAUGES: Final = ("processes_*", "threads_total", "mem_total", "swap_total", "disk_total", "disk_inodes_total")
"""What its plugins name like a counter and is none."""

_THINGS: Final = """
active busy blocked clients connection connections consumer consumers cpu current files goroutine goroutines
idle inode inodes item items job jobs memory node nodes object objects open partition partitions pending pod
pods pool process processes queue queued replica replicas running session sessions shard shards sleeping
socket sockets subscriber subscribers thread threads user users waiting worker workers zombies
"""
THINGS: Final = frozenset(_THINGS.split())
"""Words before `_count` or `_total` that name what is there now, not what has happened so far."""

PERCENTAGES: Final = frozenset(("percent", "pct", "percentage"))
SHARES: Final = frozenset(("ratio", "fraction", "share", "success", "ok", "up"))


@cache
def is_counter(metric: str) -> bool:
    """Whether a metric is taken for cumulative, so that its rate is the feature.

    >>> [is_counter(name) for name in ("http_requests_total", "net_bytes_recv", "rpc_duration_seconds_count")]
    [True, True, True]
    >>> [is_counter(name) for name in ("latency_ms", "thread_count", "active_session_count", "processes_total")]
    [False, False, False, False]
    """
    if any(fnmatchcase(metric, pattern) for pattern in KNOWN_GAUGES):
        return False
    if any(fnmatchcase(metric, pattern) for pattern in KNOWN_COUNTERS):
        return True
    if not metric.endswith(COUNTER_SUFFIXES):
        return False
    words = metric.lower().split("_")
    return not (words[-1] in ("count", "total") and len(words) > 1 and words[-2] in THINGS)


@cache
def largest_value(metric: str) -> float:
    """The largest value that a metric's unit has, by its name: 100 of per cents, 1 of ratios, 0 where it has none.

    >>> largest_value("cpu_percent"), largest_value("probe_success"), largest_value("latency_ms")
    (100.0, 1.0, 0.0)
    """
    words = metric.lower().replace(".", "_").replace("-", "_").split("_")
    if any(word in PERCENTAGES for word in words):
        return 100.0
    return 1.0 if words[-1] in SHARES else 0.0
