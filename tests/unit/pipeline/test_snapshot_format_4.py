"""A snapshot of the release before is taken up, and what follows is what the release before would have said.

How the files in `tests/data/snapshot_format_4` were made is in `make.py` beside them.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from models.drift.bank import StateUnusable
from models.pipeline import snapshot_format_4
from models.pipeline.pipeline import Pipeline, PipelineConfig
from models.records import SampleColumns
from models.sli.binding import Role, SloBinding, ThresholdOp
from tests.unit.streams import RULE

FOLDER = Path(__file__).parents[2] / "data" / "snapshot_format_4"
CONFIG = PipelineConfig(RULE, drift_confirm_rows=30)
SLOS = (
    SloBinding(1, "latency_ms", (), Role.THRESHOLD, ThresholdOp.LT, 100.0),
    SloBinding(2, "requests_total", (), Role.TOTAL, counter=True),
)
CLOSE = 1e-9
"""Relative: exponentials and logarithms differ in their last digit between processors."""


@pytest.fixture(scope="module")
def expected():
    return json.loads((FOLDER / "expected.json").read_text())


def _restored():
    return Pipeline.restore(CONFIG, (FOLDER / "snapshot.bin").read_bytes())


@pytest.fixture(scope="module")
def went_on():
    pipeline, rest = _restored(), np.load(FOLDER / "rest.npz")
    pipeline.use_slos(SLOS)
    samples = SampleColumns(rest["ids"].tolist(), rest["series"], rest["time_ns"], rest["values"])
    return pipeline, [pipeline.fold(samples), pipeline.finish()]


def test_rows_go_on_where_the_release_before_stopped(went_on, expected):
    """Their scores are those of another detection: what it remembers begins with the first row after the snapshot."""
    _, folds = went_on
    rows = [fold.rows for fold in folds]
    assert np.concatenate([part.entity for part in rows]).tolist() == expected["row"]
    assert np.concatenate([part.tick_ns for part in rows]).tolist() == expected["tick_ns"]
    assert np.concatenate([part.readiness_code for part in rows]).tolist() == expected["readiness"]
    assert np.isfinite(np.concatenate([part.score for part in rows])).all()


def test_open_episodes_go_on_and_end_as_in_the_release_before(went_on, expected):
    _, folds = went_on
    told = [(e.entity, e.at_ns, e.decision.value) for fold in folds for e in fold.emitted]
    assert told == [tuple(decision[:3]) for decision in expected["decisions"]]
    assert {decision for _, _, decision in told} == {"fired", "renewed", "resolved"}


def test_slo_minutes_count_as_in_the_release_before(went_on, expected):
    _, folds = went_on
    columns = [
        np.concatenate([getattr(fold.slo_counts, name) for fold in folds])
        for name in ("slo_id", "minute_s", "good", "total")
    ]
    np.testing.assert_allclose(np.array(columns).T, expected["slo_counts"], rtol=CLOSE)


def test_what_was_taken_up_is_written_in_the_present_format():
    body = _restored().snapshot()
    assert body != (FOLDER / "snapshot.bin").read_bytes()
    assert Pipeline.restore(CONFIG, body).snapshot() == body


def test_a_snapshot_whose_rows_and_format_contradict_is_refused(monkeypatch):
    monkeypatch.setattr(snapshot_format_4, "FORMAT", 3)
    with pytest.raises(StateUnusable, match="another format"):
        _restored()
