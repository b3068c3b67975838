"""What every input format must hold: one good record of each, and real messages where they are at hand."""

from __future__ import annotations

import gzip
import importlib
import json
import os
import pkgutil
from collections.abc import Callable
from pathlib import Path

import cramjam
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from models.parse import Limits, Parsed, Parser
from models.parse.formats import remote_write
from models.reasons import RejectReason
from models.series import EntityRule, MetricKind, parse_series

RULE = EntityRule(("service",), ("instance", "host"), "host")
NOW_NS = 1_763_632_800 * 10**9
SHARED = Path(os.environ.get("TIDEWATCH_SHARED", Path(__file__).parents[2].parent / "shared"))


def otlp_protobuf() -> bytes:
    attribute = KeyValue(key="host", value=AnyValue(string_value="h"))
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    resource.resource.attributes.append(attribute)
    metrics = resource.scope_metrics.add().metrics
    for name, value in (("a", 1.0), ("b", 2.5), ("c", -3.0)):
        metrics.add(name=name).gauge.data_points.add(as_double=value, time_unix_nano=1_763_632_790 * 10**9)
    return request.SerializeToString()


def prometheus_remote_write() -> bytes:
    request = remote_write.message("WriteRequest")()
    for name, value in (("a", 1.0), ("b", 2.5), ("c", -3.0)):
        series = request.timeseries.add()
        series.labels.add(name="__name__", value=name)
        series.labels.add(name="host", value="h")
        series.samples.add(value=value, timestamp=1_763_632_790_000)
    return bytes(cramjam.snappy.compress_raw(request.SerializeToString()))


OTLP_JSON = {
    "resourceMetrics": [
        {
            "resource": {"attributes": [{"key": "host", "value": {"stringValue": "h"}}]},
            "scopeMetrics": [
                {
                    "metrics": [
                        {"name": name, "gauge": {"dataPoints": [{"timeUnixNano": "1763632790000000000", **value}]}}
                        for name, value in (("a", {"asInt": "1"}), ("b", {"asDouble": 2.5}), ("c", {"asInt": "-3"}))
                    ]
                }
            ],
        }
    ]
}

# format -> a record of it with three series of one entity
RECORDS = {
    "native": b'{"samples":[{"metric":"a","value":1,"timestamp":1763632790,"labels":{"host":"h"}},'
    b'{"metric":"b","value":2.5,"timestamp":1763632790,"labels":{"host":"h"}},'
    b'{"metric":"c","value":-3,"timestamp":1763632790,"labels":{"host":"h"}}]}',
    "telegraf": b'{"fields":{"a":1,"b":2.5,"c":-3},"name":"m","tags":{"host":"h"},"timestamp":1763632790}\n',
    "influx": b"m,host=h a=1i,b=2.5,c=-3 1763632790000000000\n",
    "prometheus_adapter": b"\n".join(
        b'{"timestamp":"2025-11-20T09:59:50Z","value":"%s","name":"%s","labels":{"__name__":"%s","host":"h"}}'
        % (value, name, name)
        for name, value in ((b"a", b"1"), (b"b", b"2.5"), (b"c", b"-3"))
    ),
    "otlp_json": json.dumps(OTLP_JSON).encode(),
    "otlp_protobuf": otlp_protobuf(),
    "remote_write": prometheus_remote_write(),
}
TEXTS = {name: record for name, record in RECORDS.items() if name not in ("otlp_protobuf", "remote_write", "influx")}


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": lambda body: bytes(cramjam.zstd.compress(body)),
}


def parse(values: list[bytes | None], record_time_ns: list[int] | None = None) -> Parsed:
    return Parser(Limits(), RULE).parse(values, record_time_ns or [NOW_NS] * len(values))


def test_every_format_has_a_record_here() -> None:
    formats = {module.name for module in pkgutil.iter_modules(importlib.import_module("models.parse.formats").__path__)}
    # what OTLP's two forms share; CloudWatch, whose record is one metric and more than three series
    assert set(RECORDS) == formats - {"otlp", "cloudwatch"}


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_a_record_becomes_typed_finite_columns_of_canonical_series(record: bytes) -> None:
    parsed = parse([record, record])
    assert parsed.rejected == []
    columns = parsed.columns
    arrays = (columns.series, columns.event_time_ns, columns.values, parsed.record)
    assert [array.dtype.name for array in arrays] == ["int32", "int64", "float64", "int32"]
    assert parsed.record.tolist() == [0, 0, 0, 1, 1, 1]
    assert columns.values.tolist() == [1.0, 2.5, -3.0] * 2
    assert set(columns.event_time_ns.tolist()) == {1_763_632_790 * 10**9}
    assert len(columns.series_ids) == len(set(columns.series_ids)) == 3
    assert [parse_series(text)[1] for text in columns.series_ids] == [{"host": "h"}] * 3


@pytest.mark.parametrize("record", TEXTS.values(), ids=TEXTS)
def test_every_cut_of_a_record_is_refused_and_spoils_nothing(record: bytes) -> None:
    first = record.splitlines()[0]
    cuts: list[bytes | None] = [first[:length] for length in range(len(first))]
    parsed = parse([*cuts, record])
    assert len(parsed.rejected) == len(cuts)
    assert set(parsed.record.tolist()) == {len(cuts)}


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_a_cut_of_a_record_never_raises_and_is_accounted_for(record: bytes) -> None:
    cuts: list[bytes | None] = [record[:length] for length in range(len(record))]
    parsed = parse([*cuts, record])
    accounted = set(parsed.record.tolist()) | {reject.record for reject in parsed.rejected}
    assert len(accounted) + parsed.empty >= len(cuts) + 1
    assert len(cuts) in accounted


@pytest.mark.parametrize(
    "compress", [gzip.compress, lambda body: bytes(cramjam.zstd.compress(body))], ids=["gzip", "zstd"]
)
@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_a_compressed_record_is_the_same_record(record: bytes, compress: Callable[[bytes], bytes]) -> None:
    plain, packed = parse([record]), parse([compress(record)])
    assert packed.rejected == []
    assert packed.columns.series_ids == plain.columns.series_ids
    assert packed.columns.values.tolist() == plain.columns.values.tolist()


@pytest.mark.parametrize(
    "compress", [gzip.compress, lambda body: bytes(cramjam.zstd.compress(body))], ids=["gzip", "zstd"]
)
def test_a_decompression_bomb_is_refused_before_it_goes_off(compress: Callable[[bytes], bytes]) -> None:
    parsed = parse([compress(b" " * 200_000_000), RECORDS["native"]])
    assert [(reject.record, reject.reason) for reject in parsed.rejected] == [(0, RejectReason.TOO_LARGE)]
    assert len(parsed.columns) == 3


@pytest.mark.parametrize(
    "compress", [gzip.compress, lambda body: bytes(cramjam.zstd.compress(body))], ids=["gzip", "zstd"]
)
def test_compressed_bytes_that_are_cut_off_say_so(compress: Callable[[bytes], bytes]) -> None:
    parsed = parse([compress(RECORDS["native"])[:-9]])
    assert [reject.reason for reject in parsed.rejected] == [RejectReason.UNPARSABLE]
    assert parsed.rejected[0].detail.startswith(("gzip: ", "zstd: "))


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
@settings(max_examples=50)
@given(data=st.data())
def test_damaged_bytes_never_raise_and_are_accounted_for(record: bytes, data: st.DataObject) -> None:
    damaged = bytearray(record)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    parsed = parse([bytes(damaged), record])
    assert {0, 1} <= set(parsed.record.tolist()) | {reject.record for reject in parsed.rejected} or parsed.empty == 1
    assert np.isfinite(parsed.columns.values).all()


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_formats_may_be_mixed_in_one_batch(record: bytes) -> None:
    others = list(RECORDS.values())
    mixed = parse([*others, record, *others])
    assert mixed.rejected == []
    assert len(mixed.columns) == 3 * (2 * len(others) + 1)


def captured(name: str) -> tuple[list[bytes | None], list[int]]:
    path = SHARED / "samples" / f"{name}.jsonl"
    if not path.exists():
        pytest.skip(f"no captured messages at {path}: set TIDEWATCH_SHARED to the folder that holds samples/")
    records = [json.loads(line) for line in path.read_text().splitlines()]
    values = [r["value"].encode() if isinstance(r["value"], str) else bytes.fromhex(r["value"]["hex"]) for r in records]
    return values, [record["ts"][1] * 1_000_000 for record in records]


def test_what_the_collector_really_writes_as_json_parses_to_every_data_point() -> None:
    values, times = captured("otlp_json")
    parsed = parse(values, times)
    assert parsed.rejected == []
    points = [
        point.get("asDouble", point.get("asInt"))
        for value in values
        for resource in json.loads(value or b"")["resourceMetrics"]
        for scope in resource["scopeMetrics"]
        for metric in scope["metrics"]
        for point in (metric.get("sum") or metric.get("gauge"))["dataPoints"]
    ]
    assert parsed.columns.values.tolist() == [float(point) for point in points]
    assert 'system.cpu.time{cpu="cpu0",state="user"}' in parsed.columns.series_ids


def test_what_the_collector_really_writes_as_protobuf_parses_to_every_data_point() -> None:
    values, times = captured("otlp_proto")
    parsed = parse(values, times)
    assert parsed.rejected == []
    requests = [ExportMetricsServiceRequest.FromString(value or b"") for value in values]
    points = [
        point.as_double if point.HasField("as_double") else float(point.as_int)
        for request in requests
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in getattr(metric, metric.WhichOneof("data")).data_points
    ]
    assert parsed.columns.values.tolist() == points
    kinds = dict(zip(parsed.book.texts, parsed.book.kinds, strict=True))
    assert kinds['system.cpu.time{cpu="cpu0",state="user"}'] is MetricKind.COUNTER
    assert kinds['system.memory.usage{state="used"}'] is MetricKind.GAUGE


def test_what_telegraf_writes_as_lines_is_what_it_writes_as_json() -> None:
    lines, times = captured("telegraf_influx")
    parsed = parse(lines, times)
    assert parsed.rejected == []
    json_series = parse(*telegraf_messages()).columns.series_ids
    assert set(parsed.columns.series_ids) == set(json_series)


def telegraf_messages() -> tuple[list[bytes | None], list[int]]:
    path = SHARED / "samples" / "telegraf_json.jsonl"
    if not path.exists():
        pytest.skip(f"no captured messages at {path}: set TIDEWATCH_SHARED to the folder that holds samples/")
    records = [json.loads(line) for line in path.read_text().splitlines()]
    return [record["value"].encode() for record in records], [record["ts"][1] * 1_000_000 for record in records]


def test_what_telegraf_really_writes_parses_without_a_reject() -> None:
    values, times = telegraf_messages()
    parsed = parse(values, times)
    assert parsed.rejected == []
    fields = [json.loads(value or b"")["fields"].values() for value in values]
    numbers = [sum(not isinstance(value, str) for value in of_record) for of_record in fields]
    assert np.bincount(parsed.record, minlength=len(values)).tolist() == numbers
    assert 'cpu_usage_user{cpu="cpu0",dc="d1",host="lab-host"}' in parsed.columns.series_ids


def test_what_telegraf_writes_as_a_batch_parses_without_a_reject() -> None:
    path = SHARED / "samples" / "telegraf_json_batch.json"
    if not path.exists():
        pytest.skip(f"no captured messages at {path}: set TIDEWATCH_SHARED to the folder that holds samples/")
    bodies: list[bytes | None] = [*path.read_bytes().splitlines()]
    metrics = [metric for body in bodies for metric in json.loads(body or b"")["metrics"]]
    numbers = [value for metric in metrics for value in metric["fields"].values() if not isinstance(value, str)]
    parsed = parse(bodies, [metrics[0]["timestamp"] * 10**9] * len(bodies))
    assert parsed.rejected == []
    assert parsed.columns.values.tolist() == numbers
