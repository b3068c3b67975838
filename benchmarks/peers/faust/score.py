"""A stock Faust agent that does per event what Tidewatch does per micro-batch, with scikit-learn's `score_samples`.

Decode, put the value into its entity's row, score the row with an Isolation Forest of 100 trees, count the sample for
an SLO and send the score to a topic. Less than Tidewatch does: no drift detectors, nothing durable.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
from faust.types import StreamT
from sklearn.ensemble import IsolationForest

from benchmarks.peers.faust.stock import finish, stock_app
from benchmarks.peers.meter import Meter, arguments

FEATURES = 8
TRAINING_ROWS = 10_000


def main() -> None:
    chosen = arguments()
    meter = Meter(chosen.samples)
    app = stock_app(chosen.servers)
    topic = app.topic(chosen.topic, value_serializer="json")
    scores = app.topic(f"{chosen.topic.removesuffix('metrics')}scores", value_serializer="json")
    history = 100 + 5 * np.random.default_rng(1).standard_normal((TRAINING_ROWS, FEATURES))
    forest = IsolationForest(n_estimators=100, max_samples=256, random_state=1).fit(history)
    rows: dict[str, Any] = defaultdict(lambda: np.full((1, FEATURES), 100.0))
    columns: dict[str, int] = {}
    good: dict[tuple[str, int], int] = defaultdict(int)

    @app.agent(topic)
    async def score(stream: StreamT[Any]) -> None:
        async for event in stream:
            labels = event["labels"]
            row = rows[labels["instance"]]
            row[0, columns.setdefault(event["metric"], len(columns))] = event["value"]
            good[labels["service"], event["timestamp"] // 60] += event["value"] < 400.0
            value = {"entity": labels["instance"], "anomaly_score": -float(forest.score_samples(row)[0])}
            await scores.send(key=labels["instance"], value=value)
            if meter.add(1):
                finish(meter.report("faust-streaming", "aiokafka", "scikit-learn"))

    app.main()


if __name__ == "__main__":
    main()
