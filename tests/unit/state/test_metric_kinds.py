"""What a name tells of a metric, and what it does not."""

import pytest

from models.state.metric_kinds import is_counter, largest_value


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        pytest.param("http_requests_total", True, id="Prometheus' counters"),
        pytest.param("rpc_duration_seconds_bucket", True, id="a histogram's buckets"),
        pytest.param("rpc_duration_seconds_count", True, id="a histogram's count"),
        pytest.param("net_bytes_recv", True, id="Telegraf's bytes of an interface"),
        pytest.param("cpu_time_user", True, id="Telegraf's seconds of a processor"),
        pytest.param("diskio_io_time", True, id="Telegraf's milliseconds of a disk"),
        pytest.param("processes_total", False, id="Telegraf's number of processes"),
        pytest.param("thread_count", False, id="threads there are"),
        pytest.param("active_session_count", False, id="sessions there are"),
        pytest.param("cpu_usage_user", False, id="a level"),
        pytest.param("count", False, id="a name that is only a suffix"),
    ],
)
def test_a_metric_is_cumulative_by_a_catalogue_and_then_by_its_name(metric, expected):
    assert is_counter(metric) is expected


@pytest.mark.parametrize(
    ("metric", "expected"),
    [("disk_used_percent", 100.0), ("hit_ratio", 1.0), ("up", 1.0), ("probe_success", 1.0), ("ratio_of_bytes", 0.0)],
)
def test_the_largest_value_of_a_unit_is_in_its_name(metric, expected):
    assert largest_value(metric) == expected
