"""An objective for this machine's memory that holds while nothing is wrong, whatever machine it is."""

from __future__ import annotations

from typing import Final

from infra.producers.host import SERVICE
from models.slo.definition import Slo
from models.slo.openslo.read import parse_openslo

NAME: Final = "host-memory-steady"

_DOCUMENT: Final = """
apiVersion: openslo/v1
kind: SLO
metadata:
  name: {name}
  displayName: Memory stays where it was
spec:
  description: 99 % of memory samples are at most what was in use when the demo measured it, and half of the fault.
  service: {service}
  indicator:
    metadata:
      name: {name}
    spec:
      thresholdMetric:
        metricSource:
          type: tidewatch
          spec:
            metric: memory_ratio
            labels:
              service: {service}
  timeWindow:
    - duration: 1d
      isRolling: true
  budgetingMethod: Occurrences
  objectives:
    - op: lte
      value: {limit:.4f}
      target: 0.99
"""


def steady_memory(in_use_ratio: float, fault_ratio: float) -> Slo:
    """The objective for a machine with `in_use_ratio` of its memory in use, which a fault of `fault_ratio` breaks.

    >>> steady_memory(0.20, 0.10).name
    'host-memory-steady'
    """
    text = _DOCUMENT.format(name=NAME, service=SERVICE, limit=in_use_ratio + fault_ratio / 2)
    return parse_openslo(text, "the demo's own")[0]
