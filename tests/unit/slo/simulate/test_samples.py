"""Past samples for SLOs: only series that count, in order of time across files."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.slo.simulate.samples import from_files, from_lake
from models.errors import Misconfigured
from models.series import EntityRule
from models.slo.openslo.read import parse_openslo
from models.slo.simulate.recorder import SloRecorder

RULE = EntityRule(("service",), ("instance",), "host")
SLO = """
apiVersion: openslo/v1
kind: SLO
metadata: {name: web-ok}
spec:
  service: web
  indicator:
    metadata: {name: ok}
    spec:
      ratioMetric:
        counter: true
        good: {metricSource: {type: tidewatch, spec: {metric: good_total, labels: {service: web}}}}
        total: {metricSource: {type: tidewatch, spec: {metric: all_total, labels: {service: web}}}}
  timeWindow: [{duration: 1d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.99}]
"""


def recorder() -> SloRecorder:
    return SloRecorder(parse_openslo(SLO, "test"), RULE, lateness_s=10.0, every_s=60.0)


def test_files_come_as_one_stream_in_order_of_time_without_what_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "timestamp,metric,value,service\n2026-11-30T10:00:00Z,good_total,1,web\n2026-11-30T10:02:00Z,good_total,3,web\n"
    )
    (tmp_path / "b.csv").write_text(
        "timestamp,metric,value,service\n2026-11-30T10:01:00Z,all_total,2,web\n2026-11-30T10:01:00Z,cpu,9,web\n"
    )
    (columns,) = from_files(tmp_path, recorder(), RULE)
    assert columns.values.tolist() == [1.0, 2.0, 3.0]
    assert [columns.series_ids[number].split("{")[0] for number in columns.series] == [
        "good_total",
        "all_total",
        "good_total",
    ]


def test_a_folder_that_is_not_there_is_misuse(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="no such file or folder"):
        list(from_files(tmp_path / "none", recorder(), RULE))


def test_an_empty_lake_has_no_samples(tmp_path: Path) -> None:
    assert list(from_lake(tmp_path, recorder(), RULE, 0, 86_400_000_000_000)) == []
