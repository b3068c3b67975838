"""The counter of alert decisions, which several roles of a worker share."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from prometheus_client import CollectorRegistry, Counter

from models.names import Metric

_COUNTERS: WeakKeyDictionary[CollectorRegistry, Counter] = WeakKeyDictionary()


def decision_counter(registry: CollectorRegistry) -> Counter:
    """Counter with the labels `kind` and `decision` (a member of `models.reasons`), one per registry, made when first
    asked for: a registry takes a name once."""
    if registry not in _COUNTERS:
        _COUNTERS[registry] = Counter(
            Metric.ALERT_DECISIONS.value.removesuffix("_total"),
            "What the alert layer did with its evaluations, and why.",
            ["kind", "decision"],
            registry=registry,
        )
    return _COUNTERS[registry]
