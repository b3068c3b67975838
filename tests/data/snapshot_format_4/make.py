"""Writes `snapshot.bin`, `rest.npz` and `expected.json` beside itself, with the code of commit e8bfc29.

    git worktree add --detach /tmp/e8bfc29 e8bfc29
    cp tests/data/snapshot_format_4/make.py /tmp/e8bfc29/ && cd /tmp/e8bfc29 && python -m make FOLDER

The samples are synthetic: two instances of a service with five metrics (a counter among them), a single series beside
them, and an entity that falls silent. The snapshot is taken 20 s into an incident. A level shift follows it.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
from models.slo.binding import Role, SloBinding, ThresholdOp

from models.pipeline import Pipeline, PipelineConfig  # modules as they were called at e8bfc29
from tests.unit.streams import RULE, cut, make, model_for, noise, series, shop, table

N, SNAPSHOT_AT, INCIDENT, SHIFT_AT = 1000, 620, slice(600, 660), 760
SLOS = (
    SloBinding(1, "latency_ms", (), Role.THRESHOLD, ThresholdOp.LT, 100.0),
    SloBinding(2, "requests_total", (), Role.TOTAL, counter=True),
)


def main() -> None:
    folder = Path(sys.argv[1])
    values = shop(N, seed=4)
    values[series("orders", "x", "cart")] = noise(N, 5)
    values[series("orders", "quiet", "cart")] = np.where(np.arange(N) < 550, noise(N, 6), np.nan)
    for metric, factor in (("latency_ms", 4.0), ("cpu_ratio", 2.5)):
        values[series(metric)][INCIDENT] *= factor
    values[series("orders", "x", "cart")][INCIDENT] += 30.0
    values[series("cpu_ratio", "b")][SHIFT_AT:] += 0.5
    samples = table(values)
    at = int(np.searchsorted(samples.event_time_ns, samples.event_time_ns[0] + SNAPSHOT_AT * 10**9)) + 4
    pipeline = make(drift_confirm_rows=30)
    pipeline.use_slos(SLOS)
    pipeline.use_threshold("cart", 1.25)
    names = ("cpu_ratio", "latency_ms", "queue")
    history = shop(400, seed=9, instances=("a",))
    rows = np.stack([history[series(name)] for name in names], axis=1)
    pipeline.use_model("shop", model_for(rows, names))
    pipeline.fold(cut(samples, 0, at))
    body = pipeline.snapshot()
    (folder / "snapshot.bin").write_bytes(body)
    rest = cut(samples, at)
    np.savez_compressed(
        folder / "rest.npz", ids=rest.series_ids, series=rest.series, time_ns=rest.event_time_ns, values=rest.values
    )
    restored = Pipeline.restore(PipelineConfig(RULE, drift_confirm_rows=30), body)
    restored.use_slos(SLOS)
    folds = [restored.fold(rest), restored.finish()]
    latest = restored.latest()
    expected = {
        "entity": [name.entity for name in restored.entities],
        "row": [number for fold in folds for number in fold.rows.entity.tolist()],
        "tick_ns": [tick for fold in folds for tick in fold.rows.tick_ns.tolist()],
        "score": [score for fold in folds for score in fold.rows.score.tolist()],
        "expected": [value for fold in folds for value in fold.rows.expected.tolist()],
        "causes": [causes for fold in folds for causes in fold.rows.causes.tolist()],
        "is_anomaly": [bool(flag) for fold in folds for flag in fold.rows.is_anomaly],
        "readiness": [code for fold in folds for code in fold.rows.readiness_code.tolist()],
        "decisions": [[e.entity, e.at_ns, e.decision.value, e.peak_score] for fold in folds for e in fold.told],
        "drifts": [asdict(drift) for fold in folds for drift in fold.drifts],
        "retrain": [wish.id for fold in folds for wish in fold.retrain],
        "silences": [[s.id, s.at_ns, s.state.value] for fold in folds for s in fold.silences],
        "slo_counts": [
            list(count)
            for fold in folds
            for count in zip(
                fold.slo_counts.slo_id.tolist(),
                fold.slo_counts.minute_s.tolist(),
                fold.slo_counts.good.tolist(),
                fold.slo_counts.total.tolist(),
                strict=True,
            )
        ],
        "latest_score": latest.score.tolist(),
        "latest_cause": latest.cause,
    }
    (folder / "expected.json").write_text(json.dumps(expected, indent=None, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
