"""Prometheus remote write, 1.0 and 2.0."""

from __future__ import annotations

import struct
from typing import Any

import cramjam

from models.parse import Limits
from models.parse.formats.remote_write import message
from models.reasons import RejectReason
from models.series import MetricKind
from tests.unit.parse.formats.reading import NOW_S, kinds, parse, samples

AT_MS = NOW_S * 1000
STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]


def packed(request: Any) -> bytes:
    return bytes(cramjam.snappy.compress_raw(request.SerializeToString()))


def first_version(*series: tuple[dict[str, str], list[tuple[float, int]]]) -> Any:
    request = message("WriteRequest")()
    for labels, values in series:
        one = request.timeseries.add()
        for name, value in labels.items():
            one.labels.add(name=name, value=value)
        for value, time_ms in values:
            one.samples.add(value=value, timestamp=time_ms)
    return request


def test_version_1_several_samples_of_a_series() -> None:
    request = first_version(({"__name__": "up", "job": "node", "instance": "a"}, [(1.0, AT_MS - 15_000), (0.0, AT_MS)]))
    assert samples(parse(packed(request))) == [
        ('up{instance="a",job="node"}', 1.0, -15),
        ('up{instance="a",job="node"}', 0.0, 0),
    ]


def test_version_1_says_by_family_what_a_series_is() -> None:
    at = [(1.0, AT_MS)]
    names = ("up", "requests_total", "d_bucket", "d_count", "unheard_of")
    request = first_version(*(({"__name__": name}, at) for name in names))
    for family, type_ in (("up", 2), ("requests_total", 1), ("d", 3)):
        request.metadata.add(name=family, type=type_)
    assert kinds(parse(packed(request))) == {
        "up{}": MetricKind.GAUGE,
        "requests_total{}": MetricKind.COUNTER,
        "d_bucket{}": MetricKind.COUNTER,
        "d_count{}": MetricKind.COUNTER,
        "unheard_of{}": MetricKind.UNKNOWN,
    }


def test_version_2_labels_are_references_to_symbols() -> None:
    request = message("Request")(symbols=["", "__name__", "requests_total", "job", "shop"])
    series = request.timeseries.add(labels_refs=[1, 2, 3, 4])
    series.metadata.type = 1
    series.samples.add(value=7.0, timestamp=AT_MS)
    parsed = parse(packed(request))
    assert samples(parsed) == [('requests_total{job="shop"}', 7.0, 0)]
    assert kinds(parsed) == {'requests_total{job="shop"}': MetricKind.COUNTER}


def test_version_2_references_beyond_the_symbols_are_refused() -> None:
    request = message("Request")(symbols=["", "__name__", "up"])
    request.timeseries.add(labels_refs=[1, 9]).samples.add(value=1.0, timestamp=AT_MS)
    request.timeseries.add(labels_refs=[1, 2]).samples.add(value=1.0, timestamp=AT_MS)
    parsed = parse(packed(request))
    assert [reject.reason for reject in parsed.rejected] == [RejectReason.UNPARSABLE]
    assert samples(parsed) == [("up{}", 1.0, 0)]


def test_a_stale_marker_is_no_value_and_another_nan_is_a_bad_one() -> None:
    request = first_version(({"__name__": "a"}, [(STALE, AT_MS)]), ({"__name__": "b"}, [(float("nan"), AT_MS)]))
    parsed = parse(packed(request))
    assert samples(parsed) == []
    assert [(reject.reason, reject.samples) for reject in parsed.rejected] == [(RejectReason.NOT_FINITE, 1)]


def test_a_native_histogram_gives_its_count_and_sum() -> None:
    request = message("WriteRequest")()
    series = request.timeseries.add()
    series.labels.add(name="__name__", value="d")
    series.histograms.add(count_int=5, sum=2.5, timestamp=AT_MS)
    assert samples(parse(packed(request))) == [("d_count{}", 5.0, 0), ("d_sum{}", 2.5, 0)]


def test_a_series_without_a_name_is_refused() -> None:
    parsed = parse(packed(first_version(({"job": "node"}, [(1.0, AT_MS)]))))
    assert [(r.reason, r.detail) for r in parsed.rejected] == [(RejectReason.MISSING_FIELD, "no __name__")]


def test_an_absurd_time_is_refused() -> None:
    parsed = parse(packed(first_version(({"__name__": "up"}, [(1.0, 2**63 - 1)]))))
    assert [reject.reason for reject in parsed.rejected] == [RejectReason.IN_THE_FUTURE]


def test_a_request_beyond_the_limit_is_refused_unread() -> None:
    record = packed(first_version(({"__name__": "up", "x": "y" * 4000}, [(1.0, AT_MS)])))
    parsed = parse(record, Limits(max_inflated_bytes=3000))
    assert [reject.reason for reject in parsed.rejected] == [RejectReason.TOO_LARGE]
