"""The demo's own objective holds on any machine, and breaks under the demo's fault."""

from __future__ import annotations

import pytest

from infra.demo.host_slo import NAME, steady_memory
from infra.producers.host import SERVICE
from models.slo.definition import ThresholdIndicator


@pytest.mark.parametrize("in_use", [0.02, 0.5, 0.89])
def test_the_limit_lies_between_what_is_in_use_and_the_fault(in_use: float) -> None:
    slo = steady_memory(in_use, fault_ratio=0.1)
    assert (slo.name, slo.service, slo.target_ratio) == (NAME, SERVICE, 0.99)
    assert isinstance(slo.indicator, ThresholdIndicator)
    assert in_use < slo.indicator.threshold < in_use + 0.1
