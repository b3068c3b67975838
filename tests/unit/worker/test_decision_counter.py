"""One counter of alert decisions a registry, whoever asks first."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from agents.worker.decision_counter import decision_counter
from models.names import Metric


def test_roles_of_a_worker_share_the_counter_and_workers_do_not() -> None:
    first, second = CollectorRegistry(), CollectorRegistry()
    for registry in (first, first, second):
        decision_counter(registry).labels("slo", "fired").inc()
    labels = {"kind": "slo", "decision": "fired"}
    assert [registry.get_sample_value(Metric.ALERT_DECISIONS.value, labels) for registry in (first, second)] == [2, 1]
