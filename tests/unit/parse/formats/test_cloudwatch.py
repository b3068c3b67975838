"""CloudWatch metric streams: JSON lines and OpenTelemetry 1.0 give the same series."""

from __future__ import annotations

import json
from typing import Any

from google.protobuf.internal.encoder import _VarintBytes
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from models.reasons import RejectReason
from models.series import MetricKind
from tests.unit.parse.formats.reading import NOW_S, kinds, parse, samples

LABELS = '{InstanceId="i-1",account_id="1234",instance="i-1",region="eu-west-1",service="AWS/EC2"}'


def metric(**changes: Any) -> dict[str, Any]:
    return {
        "metric_stream_name": "all",
        "account_id": "1234",
        "region": "eu-west-1",
        "namespace": "AWS/EC2",
        "metric_name": "CPUUtilization",
        "dimensions": {"InstanceId": "i-1"},
        "timestamp": NOW_S * 1000,
        "value": {"count": 4.0, "sum": 10.0, "max": 5.0, "min": 1.0, "p99.9": 4.9},
        "unit": "Percent",
    } | changes


EXPECTED = {
    f"aws_ec2_cpuutilization_{name}{LABELS}": value
    for name, value in (("count", 4.0), ("sum", 10.0), ("max", 5.0), ("min", 1.0), ("p99_9", 4.9), ("average", 2.5))
}


def test_a_metric_becomes_its_statistics_and_their_average() -> None:
    record = "".join(json.dumps(one) + "\n" for one in (metric(), metric(metric_name="NetworkIn", value={"sum": 1})))
    parsed = parse(record.encode())
    found = {series: value for series, value, _ in samples(parsed)}
    assert found == EXPECTED | {f"aws_ec2_networkin_sum{LABELS}": 1.0}
    assert kinds(parsed)[f"aws_ec2_cpuutilization_sum{LABELS}"] is MetricKind.DELTA
    assert kinds(parsed)[f"aws_ec2_cpuutilization_max{LABELS}"] is MetricKind.GAUGE


def test_opentelemetry_1_0_gives_the_same_series() -> None:
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    for key, value in (("cloud.account.id", "1234"), ("cloud.region", "eu-west-1"), ("cloud.provider", "aws")):
        resource.resource.attributes.add(key=key).value.string_value = value
    summary = resource.scope_metrics.add().metrics.add(name="amazonaws.com/AWS/EC2/CPUUtilization").summary
    point = summary.data_points.add(count=4, sum=10.0, time_unix_nano=NOW_S * 10**9)
    for quantile, value in ((0.0, 1.0), (0.999, 4.9), (1.0, 5.0)):
        point.quantile_values.add(quantile=quantile, value=value)
    dimensions = point.attributes.add(key="Dimensions").value.kvlist_value.values.add(key="InstanceId")
    dimensions.value.string_value = "i-1"
    body = request.SerializeToString()
    parsed = parse(2 * (_VarintBytes(len(body)) + body))
    assert {series: value for series, value, _ in samples(parsed)} == EXPECTED
    assert len(parsed.columns) == 2 * len(EXPECTED)


def test_a_metric_without_values_that_are_numbers_is_refused() -> None:
    parsed = parse(json.dumps(metric(value={"sum": "a"})).encode())
    assert [reject.reason for reject in parsed.rejected] == [RejectReason.WRONG_TYPE]
