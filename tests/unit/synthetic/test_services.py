"""Simulated services: deterministic, coherent, and disturbed only where and when an incident says so."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from models.errors import Misconfigured
from models.labels import LabelWindow
from models.series import EntityRule
from models.synthetic.incidents import Incident, IncidentKind, parse_incident
from models.synthetic.services import METRICS, SERVICES, Floats, Simulation, choose_services

START_NS = 1_763_632_800 * 10**9
RULE = EntityRule(("service",), ("instance",), "host")


def simulation(*specs: str, seed: int = 1, interval_s: float = 10.0) -> Simulation:
    incidents = [parse_incident(spec) for spec in specs]
    return Simulation(list(SERVICES.values()), seed=seed, start_ns=START_NS, interval_s=interval_s, incidents=incidents)


def column(of: Simulation, service: str, metric: str) -> list[int]:
    return [n for n, (name, labels) in enumerate(of.series) if name == metric and labels["service"] == service]


def test_the_same_seed_gives_the_same_values_in_blocks_of_any_length() -> None:
    whole = simulation("checkout:latency@5m+2m").block(60)
    parts = simulation("checkout:latency@5m+2m")
    blocks = [parts.block(n) for n in (1, 7, 30, 22)]
    np.testing.assert_array_equal(np.vstack([b.values for b in blocks]), whole.values)
    np.testing.assert_array_equal(np.concatenate([b.event_time_ns for b in blocks]), whole.event_time_ns)
    assert not np.array_equal(simulation(seed=2).block(60).values, whole.values)


def test_series_group_into_the_services_and_instances_they_are_named_after() -> None:
    entities = {RULE.identify(series_id).entity for series_id in simulation().series_ids}
    assert entities == {f"{s.name}/{s.name}-{n + 1}" for s in SERVICES.values() for n in range(s.instances)}


def test_values_are_finite_counters_never_fall_and_ratios_are_ratios() -> None:
    of = simulation()
    values = of.block(8640).values.reshape(8640, -1, len(METRICS))
    assert np.isfinite(values).all()
    assert (np.diff(values[:, :, METRICS.index("requests_total")], axis=0) > 0).all()
    assert (np.diff(values[:, :, METRICS.index("errors_total")], axis=0) >= 0).all()
    for metric in ("cpu_ratio", "memory_ratio", "saturation_ratio"):
        ratio = values[:, :, METRICS.index(metric)]
        assert ratio.min() > 0
        assert ratio.max() < 1


def test_load_drives_latency_and_cpu_and_has_a_daily_shape() -> None:
    of = simulation(interval_s=60)
    values = of.block(1440).values
    for service in SERVICES:
        requests = np.diff(values[:, column(of, service, "requests_total")[0]])
        cpu = values[1:, column(of, service, "cpu_ratio")[0]]
        latency = values[1:, column(of, service, "latency_ms")[0]]
        assert np.corrcoef(requests, cpu)[0, 1] > 0.9
        assert np.corrcoef(requests, latency)[0, 1] > 0.5
        assert requests.max() > 1.5 * requests.min()


EFFECTS: dict[str, tuple[str, Callable[[Floats, Floats], np.bool_ | bool]]] = {
    "checkout:latency@5m+5m*3": ("latency_ms", lambda before, during: during.mean() > 3 * before.mean()),
    "checkout:errors@5m+5m*0.3": (
        "errors_total",
        lambda before, during: np.diff(during).mean() > 50 * max(np.diff(before).mean(), 0.01),
    ),
    "checkout:cpu@5m+5m": ("cpu_ratio", lambda before, during: during.mean() > before.mean() + 0.3),
    "checkout:memory_leak@5m+5m": ("memory_ratio", lambda before, during: during[-1] > before.mean() + 0.35),
    "checkout:traffic_drop@5m+5m": (
        "requests_total",
        lambda before, during: np.diff(during).mean() < 0.3 * np.diff(before).mean(),
    ),
    "checkout:level_shift@5m": ("memory_ratio", lambda before, during: during.mean() > before.mean() + 0.1),
    "checkout:silence@5m+5m": ("latency_ms", lambda before, during: np.isnan(during).all()),
}


@pytest.mark.parametrize("spec", EFFECTS)
def test_an_incident_shows_in_its_service_during_its_time_and_nowhere_else(spec: str) -> None:
    calm, hit = simulation(), simulation(spec)
    undisturbed, values = calm.block(90).values, hit.block(90).values
    metric, differs = EFFECTS[spec]
    before, during, after = slice(0, 30), slice(30, 60), slice(60, 90)
    for number in column(hit, "checkout", metric):
        assert differs(values[before, number], values[during, number])
    others = [n for n, (_, labels) in enumerate(hit.series) if labels["service"] != "checkout"]
    np.testing.assert_array_equal(values[:, others], undisturbed[:, others])
    np.testing.assert_array_equal(values[before], undisturbed[before])
    gauges = [n for n, (name, _) in enumerate(hit.series) if not name.endswith("_total")]
    came_back = np.array_equal(values[after][:, gauges], undisturbed[after][:, gauges])
    assert came_back == ("+" in spec), "without a duration it stays"


def test_a_level_shift_leaves_latency_and_errors_within_what_an_slo_would_allow() -> None:
    calm, hit = simulation().block(360).values, simulation("checkout:level_shift@0s").block(360).values
    of = simulation()
    for number in column(of, "checkout", "latency_ms"):
        assert 1.1 < hit[:, number].mean() / calm[:, number].mean() < 1.6
    for number in column(of, "checkout", "errors_total"):
        assert hit[-1, number] == calm[-1, number]


def test_an_incident_can_begin_now_on_one_instance() -> None:
    of, calm = simulation(), simulation()
    of.block(10)
    of.inject(Incident("search", IncidentKind.LATENCY, of.elapsed_s, 50.0, 5.0, "search-2"))
    calm.block(10)
    changed = np.flatnonzero((of.block(10).values != calm.block(10).values).any(axis=0))
    assert {of.series[number][1]["instance"] for number in changed} == {"search-2"}
    assert of.labels() == [LabelWindow("search/search-2", START_NS + 100 * 10**9, START_NS + 150 * 10**9)]


def test_labels_end_where_the_data_end_and_leave_out_what_is_no_anomaly_of_a_sample() -> None:
    of = simulation("payments/payments-1:memory_leak@1m", "search:level_shift@0s", "search:silence@0s", "search:cpu@1h")
    of.block(12)
    assert of.labels() == [LabelWindow("payments/payments-1", START_NS + 60 * 10**9, START_NS + 120 * 10**9)]


def test_columns_hold_every_value_of_a_block_but_those_of_silent_instances() -> None:
    of = simulation("checkout/checkout-1:silence@10s+10s")
    block = of.block(3)
    columns = of.columns(block)
    assert len(columns) == 3 * len(of.series) - len(METRICS)
    assert (np.diff(columns.event_time_ns) >= 0).all()
    silent = {of.series_ids[n] for n in columns.series[columns.event_time_ns == block.event_time_ns[1]]}
    assert {text for text in of.series_ids if text not in silent} == {t for t in of.series_ids if '"checkout-1"' in t}


MISTAKES = {
    "no such service": "shop:latency@1m",
    "no such instance": "checkout/checkout-9:latency@1m",
    "no such kind": "checkout:fire@1m",
    "no start": "checkout:latency",
    "no unit": "checkout:latency@5",
    "no number": "checkout:latency@5m*1.2.3",
}


@pytest.mark.parametrize("spec", MISTAKES.values(), ids=MISTAKES)
def test_an_incident_that_cannot_be_is_refused_with_one_line(spec: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        simulation(spec)
    assert "\n" not in str(refused.value)


def test_an_unknown_service_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(Misconfigured, match="checkout, search, payments"):
        choose_services(["shop"])
