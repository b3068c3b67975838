"""Producers without a broker: what they write, when, and in which order."""

from __future__ import annotations

import csv
import itertools
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from infra.datafile.read import read_data, read_labels
from infra.producers import host, replay
from infra.producers.dataset import write_dataset
from infra.producers.native_records import NativeWriter
from infra.producers.simulate import LiveSimulation
from models.parse import Limits, Parser
from models.records import SampleColumns
from models.series import EntityRule
from models.synthetic.incidents import IncidentKind, parse_incident
from models.synthetic.services import METRICS, SERVICES, Simulation

RULE = EntityRule(("service",), ("instance",), "host")
SECOND_NS = 10**9
NOW_NS = 1_763_632_800 * SECOND_NS


class Collector:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.batches: list[SampleColumns] = []

    def publish(self, columns: SampleColumns) -> None:
        self.batches.append(columns)

    @property
    def samples(self) -> list[tuple[str, int, float]]:
        return [
            (batch.series_ids[series], time_ns, value)
            for batch in self.batches
            for series, time_ns, value in zip(
                batch.series.tolist(), batch.event_time_ns.tolist(), batch.values.tolist(), strict=True
            )
        ]

    @property
    def times_s(self) -> list[float]:
        return [(time_ns - NOW_NS) / SECOND_NS for _, time_ns, _ in self.samples]


class MovableClock:
    """A clock that jumps to whatever it is asked to wait for, and stops after `waits` waits into the future."""

    def __init__(self, now_ns: int = NOW_NS, waits: int | None = None) -> None:
        self.now = now_ns
        self.waits = waits

    def now_ns(self) -> int:
        return self.now

    def sleep_until(self, time_ns: int) -> bool:
        if self.waits is not None:
            self.waits -= 1
            if self.waits < 0:
                return False
        self.now = max(self.now, time_ns)
        return True


def columns(*samples: tuple[str, float, float]) -> SampleColumns:
    """Of (series, seconds after now, value)."""
    series_ids = list(dict.fromkeys(series for series, _, _ in samples))
    return SampleColumns(
        series_ids,
        np.array([series_ids.index(series) for series, _, _ in samples], np.int32),
        np.array([NOW_NS + round(second * SECOND_NS) for _, second, _ in samples], np.int64),
        np.array([value for _, _, value in samples]),
    )


def test_what_is_written_as_native_json_parses_to_the_same_samples() -> None:
    given = columns(
        ('a{instance="i-1",service="s"}', 0, 1.5),
        ('b{instance="i-1",path="C:\\\\x \\"y\\"\\n",service="s"}', 0, -2e-9),
        ('a{instance="i-2",service="s"}', 0, 3),
        ('a{instance="i-1",service="s"}', 1.25, 4),
        ('a{instance="i-1",service="s"}', 1.2500001, 5),
    )
    records = list(NativeWriter(RULE).records(given))
    assert [(record.key, record.samples) for record in records] == [
        (b"s/i-1", 2),
        (b"s/i-2", 1),
        (b"s/i-1", 1),
        (b"s/i-1", 1),
    ]
    parsed = Parser(Limits(), RULE).parse([record.value for record in records], [NOW_NS] * len(records))
    assert parsed.rejected == []
    after, before = Collector(), Collector()
    after.publish(parsed.columns)
    before.publish(given)
    assert after.samples == before.samples


def test_a_record_holds_no_more_samples_than_ingest_takes_in_one() -> None:
    many = columns(*((f'm{n}{{service="s"}}', 0, n) for n in range(2500)))
    records = list(NativeWriter(RULE).records(many))
    assert [record.samples for record in records] == [1000, 1000, 500]
    assert max(len(record.value) for record in records) < Limits().max_record_bytes


def test_a_simulation_publishes_its_history_first_and_then_a_tick_at_a_time() -> None:
    sink, clock = Collector(), MovableClock(NOW_NS + 700_000_000)
    live = LiveSimulation([SERVICES["checkout"]], sink, clock, seed=1, backfill_s=1200)
    told: list[int] = []
    assert live.backfill(told.append) == 1200 * 21 == sum(told)
    assert live.run(ticks=3) == 3 * 21
    assert sorted(set(sink.times_s)) == list(range(-1200, 3))
    assert clock.now == NOW_NS + 2 * SECOND_NS, "a tick is published when its time has come, on whole seconds"


def test_history_and_live_ticks_are_those_of_the_same_simulation_in_one_go() -> None:
    sink = Collector()
    live = LiveSimulation([SERVICES["checkout"]], sink, MovableClock(), seed=3, backfill_s=600)
    live.backfill()
    live.run(ticks=5)
    whole = Simulation([SERVICES["checkout"]], seed=3, start_ns=NOW_NS - 600 * SECOND_NS)
    expected = whole.columns(whole.block(605))
    assert [value for _, _, value in sink.samples] == expected.values.tolist()


def latencies(sink: Collector, instance: str) -> list[float]:
    return [v for series, _, v in sink.samples if series.startswith("latency_ms") and f'"{instance}"' in series]


def test_incidents_count_from_the_first_live_tick_and_can_be_started_at_any_time() -> None:
    sink = Collector()
    live = LiveSimulation(
        [SERVICES["checkout"]],
        sink,
        MovableClock(),
        seed=1,
        backfill_s=60,
        incidents=[parse_incident("checkout/checkout-1:latency@5s+5s*9")],
    )
    live.backfill()
    live.run(ticks=12)
    live.inject("checkout", IncidentKind.LATENCY, duration_s=4, magnitude=9.0, instance="checkout-2")
    live.run(ticks=8)
    usual = SERVICES["checkout"].latency_ms * 3
    assert [n for n, ms in enumerate(latencies(sink, "checkout-1")) if ms > usual] == [65, 66, 67, 68, 69]
    assert [n for n, ms in enumerate(latencies(sink, "checkout-2")) if ms > usual] == [72, 73, 74, 75]


def test_a_stopped_clock_ends_a_simulation_after_the_tick_at_hand() -> None:
    sink = Collector()
    live = LiveSimulation([SERVICES["checkout"]], sink, MovableClock(waits=4), seed=1)
    assert live.run() == 4 * 21


def test_host_metrics_are_finite_of_one_entity_and_the_same_series_every_time() -> None:
    sink = Collector()
    metrics = host.HostMetrics("box-1", top=2)
    assert host.run(metrics, sink, MovableClock(), interval_s=2, count=3) == len(sink.samples)
    assert sorted(set(sink.times_s)) == [2.0, 4.0, 6.0]
    first, second, third = (set(batch.series_ids) for batch in sink.batches)
    assert first == second == third
    assert {RULE.identify(series).entity for series in first} == {"host/box-1"}
    names = {RULE.identify(series).metric for series in first}
    assert names >= {"cpu_ratio", "memory_ratio", "disk_used_ratio", "load1", "network_transmit_bytes_total"}
    assert {s for s in first if s.startswith("process_cpu_ratio")} == {
        f'process_cpu_ratio{{instance="box-1",rank="{rank}",service="host"}}' for rank in (1, 2)
    }
    values = {series.partition("{")[0]: value for series, _, value in sink.samples}
    assert all(np.isfinite(value) for value in values.values())
    assert all(0 <= value <= 1 for name, value in values.items() if name.endswith("_ratio"))
    assert 0 < values["memory_ratio"] < 1


def test_a_clock_tick_within_a_moment_is_no_more_than_the_whole_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = SimpleNamespace(info={"cpu_percent": 1e6, "memory_info": None})
    monkeypatch.setattr(host.psutil, "process_iter", lambda fields: iter([busy]))
    columns = host.HostMetrics("box-1", top=1).read(1)
    ratio = columns.values[columns.series_ids.index('process_cpu_ratio{instance="box-1",rank="1",service="host"}')]
    assert ratio == 1.0


def write(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(["timestamp,v", *rows]) + "\n")
    return path


@pytest.mark.parametrize("chunk_samples", [1, 3, 1000])
def test_a_folder_is_replayed_in_order_of_event_time_across_its_files(tmp_path: Path, chunk_samples: int) -> None:
    rng = np.random.default_rng(1)
    expected = []
    for name in "abc":
        times = sorted(rng.integers(0, 40, 20).tolist())
        write(tmp_path / f"{name}.csv", *(f"{1763632800 + t},{n}" for n, t in enumerate(times)))
        expected += [(f'v{{service="{name}"}}', NOW_NS + t * SECOND_NS, float(n)) for n, t in enumerate(times)]
    sink = Collector()
    assert replay.replay(replay.merged(tmp_path, RULE, chunk_samples), sink, MovableClock()) == 60
    assert sorted(sink.samples) == sorted(expected)
    assert sink.times_s == sorted(sink.times_s)
    for name in "abc":
        mine = [value for series, _, value in sink.samples if f'"{name}"' in series]
        assert mine == sorted(mine), "the order within a file is kept"
    assert replay.measure(tmp_path, RULE) == replay.ReplayExtent(
        60, min(e[1] for e in expected), max(e[1] for e in expected)
    )


def test_a_replay_can_go_on_where_an_earlier_one_stopped(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", *(f"{1763632800 + n},{n}" for n in range(10)))
    sink = Collector()
    stopped = replay.replay(replay.merged(path, RULE, 1), sink, MovableClock(waits=4))
    assert stopped == 4
    assert replay.replay(replay.merged(path, RULE, 3), sink, MovableClock(), skip=stopped) == 6
    assert [value for _, _, value in sink.samples] == list(range(10))


@pytest.mark.parametrize(("speed", "takes_s"), [(1.0, 100.0), (10.0, 10.0), (0.0, 0.0)])
def test_speed_compresses_the_time_a_replay_takes(tmp_path: Path, speed: float, takes_s: float) -> None:
    path = write(tmp_path / "a.csv", *(f"{1763632800 + n},{n}" for n in range(101)))
    clock = MovableClock()
    assert replay.replay(replay.merged(path, RULE), Collector(), clock, speed=speed) == 101
    assert clock.now - NOW_NS == takes_s * SECOND_NS


@pytest.mark.parametrize("speed", [1.0, 7.0, 0.0])
def test_shifted_samples_are_never_ahead_of_the_present_and_end_with_it(tmp_path: Path, speed: float) -> None:
    path = write(tmp_path / "a.csv", *(f"{1400000000 + 10 * n},{n}" for n in range(50)))
    span, clock = replay.measure(path, RULE), MovableClock()
    ahead_ns: list[int] = []

    class Watch(Collector):
        def publish(self, columns: SampleColumns) -> None:
            super().publish(columns)
            ahead_ns.append(int(columns.event_time_ns[-1]) - clock.now_ns())

    sink = Watch()
    shift_ns = replay.shift_to_now_ns(span, speed, clock.now_ns())
    replay.replay(replay.merged(path, RULE), sink, clock, speed=speed, shift_ns=shift_ns)
    assert max(ahead_ns) <= 0
    assert ahead_ns[-1] == 0
    assert np.diff([time_ns for _, time_ns, _ in sink.samples]).tolist() == [10 * SECOND_NS] * 49


@pytest.mark.parametrize("file_format", ["parquet", "csv"])
def test_a_simulated_data_set_reads_back_as_it_was_made_with_its_labels(tmp_path: Path, file_format: str) -> None:
    incidents = [parse_incident("checkout/checkout-2:latency@100s+50s"), parse_incident("search:silence@10s+20s")]
    services = [SERVICES["checkout"], SERVICES["search"]]

    def simulation() -> Simulation:
        return Simulation(services, seed=5, start_ns=NOW_NS, interval_s=10, incidents=incidents)

    made = simulation()
    data, labels = write_dataset(made, 60, tmp_path / "set", file_format)
    assert read_labels(labels) == made.labels()
    again = simulation()
    expected, read = Collector(), Collector()
    expected.publish(again.columns(again.block(60)))
    for chunk in read_data(tmp_path / "set", RULE):
        assert chunk.file.path == data
        read.publish(chunk.columns)
    assert read.samples == expected.samples
    assert len(read.samples) == 60 * 7 * len(METRICS) - 2 * 4 * len(METRICS)


def test_a_data_set_longer_than_a_block_has_every_tick_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.producers.dataset.BLOCK_TICKS", 7)
    made = Simulation([SERVICES["payments"]], seed=5, start_ns=NOW_NS, interval_s=1)
    data, _ = write_dataset(made, 20, tmp_path, "csv")
    with data.open() as file:
        times = [row["timestamp"] for row in csv.DictReader(file)]
    assert [len(list(group)) for _, group in itertools.groupby(times)] == [3 * len(METRICS)] * 20
