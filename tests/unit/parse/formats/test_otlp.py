"""What OTLP means, the same in JSON and in protobuf: both forms of one message give the same series."""

import json
from typing import Any

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from models.reasons import RejectReason
from models.series import MetricKind
from tests.unit.parse.formats.reading import NOW_S, kinds, parse, samples

AT = str(NOW_S * 10**9)


def message(metric: dict[str, Any], resource: dict[str, str] | None = None) -> dict[str, Any]:
    attributes = [{"key": key, "value": {"stringValue": value}} for key, value in (resource or {}).items()]
    return {"resourceMetrics": [{"resource": {"attributes": attributes}, "scopeMetrics": [{"metrics": [metric]}]}]}


def as_protobuf(body: dict[str, Any]) -> bytes:
    return json_format.ParseDict(body, ExportMetricsServiceRequest()).SerializeToString()


FORMS = {"JSON": lambda body: json.dumps(body).encode(), "protobuf": as_protobuf}
CASES: dict[str, tuple[dict[str, Any], list[tuple[str, float, int]], dict[str, MetricKind]]] = {
    "a gauge": (
        message({"name": "temp", "gauge": {"dataPoints": [{"asDouble": 21.5, "timeUnixNano": AT}]}}),
        [("temp{}", 21.5, 0)],
        {"temp{}": MetricKind.GAUGE},
    ),
    "a cumulative sum, 64-bit integers as texts, labels of the resource and of the point": (
        message(
            {
                "name": "http.requests",
                "sum": {
                    "aggregationTemporality": 2,
                    "isMonotonic": True,
                    "dataPoints": [
                        {
                            "attributes": [
                                {"key": "code", "value": {"intValue": "200"}},
                                {"key": "tls", "value": {"boolValue": True}},
                            ],
                            "asInt": "9007199254740993",
                            "timeUnixNano": AT,
                        }
                    ],
                },
            },
            {"service.name": "pay"},
        ),
        [('http.requests{code="200",service.name="pay",tls="true"}', 9007199254740992.0, 0)],
        {'http.requests{code="200",service.name="pay",tls="true"}': MetricKind.COUNTER},
    ),
    "a delta sum": (
        message(
            {
                "name": "n",
                "sum": {
                    "aggregationTemporality": 1,
                    "isMonotonic": True,
                    "dataPoints": [{"asInt": "12", "timeUnixNano": AT}],
                },
            }
        ),
        [("n{}", 12.0, 0)],
        {"n{}": MetricKind.DELTA},
    ),
    "a sum that also falls is a gauge": (
        message(
            {"name": "n", "sum": {"aggregationTemporality": 2, "dataPoints": [{"asInt": "5", "timeUnixNano": AT}]}}
        ),
        [("n{}", 5.0, 0)],
        {"n{}": MetricKind.GAUGE},
    ),
    "a histogram": (
        message(
            {
                "name": "d",
                "histogram": {
                    "aggregationTemporality": 2,
                    "dataPoints": [
                        {
                            "count": "6",
                            "sum": 3.5,
                            "min": 0.1,
                            "bucketCounts": ["1", "2", "3"],
                            "explicitBounds": [0.5, 1],
                            "timeUnixNano": AT,
                        }
                    ],
                },
            }
        ),
        [
            ("d_count{}", 6.0, 0),
            ("d_sum{}", 3.5, 0),
            ("d_min{}", 0.1, 0),
            ('d_bucket{le="0.5"}', 1.0, 0),
            ('d_bucket{le="1"}', 3.0, 0),
            ('d_bucket{le="+Inf"}', 6.0, 0),
        ],
        {"d_count{}": MetricKind.COUNTER, "d_min{}": MetricKind.GAUGE, 'd_bucket{le="1"}': MetricKind.COUNTER},
    ),
    "an exponential histogram gives count and sum": (
        message(
            {
                "name": "d",
                "exponentialHistogram": {
                    "aggregationTemporality": 1,
                    "dataPoints": [{"count": "4", "sum": 2, "scale": 3, "timeUnixNano": AT}],
                },
            }
        ),
        [("d_count{}", 4.0, 0), ("d_sum{}", 2.0, 0)],
        {"d_count{}": MetricKind.DELTA},
    ),
    "a summary": (
        message(
            {
                "name": "d",
                "summary": {
                    "dataPoints": [
                        {
                            "count": "4",
                            "sum": 2,
                            "quantileValues": [{"quantile": 0.5, "value": 0.4}, {"quantile": 0.99, "value": 1}],
                            "timeUnixNano": AT,
                        }
                    ]
                },
            }
        ),
        [
            ("d_count{}", 4.0, 0),
            ("d_sum{}", 2.0, 0),
            ('d{quantile="0.5"}', 0.4, 0),
            ('d{quantile="0.99"}', 1.0, 0),
        ],
        {"d_count{}": MetricKind.COUNTER, 'd{quantile="0.5"}': MetricKind.GAUGE},
    ),
    "a point without a recorded value is none": (
        message({"name": "up", "gauge": {"dataPoints": [{"flags": 1, "timeUnixNano": AT}]}}),
        [],
        {},
    ),
    "no time is the record's own": (
        message({"name": "up", "gauge": {"dataPoints": [{"asInt": "1"}]}}),
        [("up{}", 1.0, 0)],
        {},
    ),
    "a point's attribute comes before its resource's": (
        message(
            {
                "name": "up",
                "gauge": {
                    "dataPoints": [
                        {
                            "asInt": "1",
                            "timeUnixNano": AT,
                            "attributes": [{"key": "host", "value": {"stringValue": "mine"}}],
                        }
                    ]
                },
            },
            {"host": "resource's"},
        ),
        [('up{host="mine"}', 1.0, 0)],
        {},
    ),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize(("body", "expected", "of_kind"), CASES.values(), ids=CASES)
def test_both_forms_give_the_same_series(form: Any, body: Any, expected: Any, of_kind: Any) -> None:
    parsed = parse(form(body))
    assert parsed.rejected == []
    assert samples(parsed) == expected
    assert kinds(parsed).items() >= of_kind.items()


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_buckets_that_do_not_fit_their_bounds_are_refused(form: Any) -> None:
    point = {"count": "6", "bucketCounts": ["1", "2"], "explicitBounds": [0.5, 1], "timeUnixNano": AT}
    body = message({"name": "d", "histogram": {"aggregationTemporality": 2, "dataPoints": [point]}})
    parsed = parse(form(body))
    assert [(r.reason, r.detail) for r in parsed.rejected] == [(RejectReason.WRONG_TYPE, "d: 2 buckets for 2 bounds")]
    assert [series for series, _, _ in samples(parsed)] == ["d_count{}"]


@pytest.mark.parametrize(
    ("point", "reason"),
    [
        pytest.param({"asDouble": "NaN", "timeUnixNano": AT}, RejectReason.NOT_FINITE, id="NaN as text"),
        pytest.param({"asDouble": "1_0", "timeUnixNano": AT}, RejectReason.WRONG_TYPE, id="no number"),
        pytest.param({"asInt": "1", "timeUnixNano": "soon"}, RejectReason.BAD_TIMESTAMP, id="no time"),
        pytest.param({"asInt": "1", "timeUnixNano": "1" * 40}, RejectReason.BAD_TIMESTAMP, id="a time beyond 64 bits"),
        pytest.param({"asInt": [], "timeUnixNano": AT}, RejectReason.WRONG_TYPE, id="an array for a number"),
    ],
)
def test_bad_points_in_json_are_refused(point: dict[str, Any], reason: RejectReason) -> None:
    record = json.dumps(message({"name": "m", "gauge": {"dataPoints": [point]}})).encode()
    assert [reject.reason for reject in parse(record).rejected] == [reason]


def test_a_protobuf_time_beyond_64_signed_bits_is_refused() -> None:
    request = ExportMetricsServiceRequest()
    gauge = request.resource_metrics.add().scope_metrics.add().metrics.add(name="m").gauge
    gauge.data_points.add(as_int=1, time_unix_nano=2**64 - 1)
    assert [reject.reason for reject in parse(request.SerializeToString()).rejected] == [RejectReason.BAD_TIMESTAMP]


def test_protobuf_of_another_service_is_not_taken_for_metrics() -> None:
    # a trace: resource_spans stand where resource_metrics do
    trace = bytes.fromhex("0a1c0a00121812160a100102030405060708090a0b0c0d0e0f102a026f70")
    assert [reject.reason for reject in parse(trace).rejected] == [RejectReason.UNPARSABLE]
