"""Feedback as JSON: names and times as the command line has always printed them."""

from __future__ import annotations

import json

from infra.alerting.feedback import Consequence, Thresholds
from infra.alerting.feedback_json import alert_json, consequence_json, mark_json, thresholds_json
from infra.store.feedback import KnownAlert, StoredMark, ThresholdMove
from models.alerting.feedback import Mark, Verdict

T0_NS = 1_700_000_000_000_000_000
T0 = "2023-11-14T22:13:20Z"
MARK = Mark(3, Verdict.NOISE, "shop", "shop/1", "", T0_NS, T0_NS + 60_000_000_000)


def test_an_alert_that_fires_has_no_end_and_no_verdict() -> None:
    alert = KnownAlert("3fa1", "MetricAnomaly", "shop", "shop/1", "", "ticket", "odd", T0_NS, None, None)
    told = json.loads(json.dumps(alert_json(alert)))
    assert (told["id"], told["from"], told["to"], told["verdict"]) == ("3fa1", T0, None, None)


def test_a_mark_says_who_and_when() -> None:
    stored = StoredMark(MARK, "MetricAnomaly", "3fa1", "disk", T0_NS, "ann", None, None)
    assert mark_json(stored) == {
        "id": 3,
        "verdict": "noise",
        "service": "shop",
        "entity": "shop/1",
        "slo": "",
        "alert": "3fa1",
        "from": T0,
        "to": "2023-11-14T22:14:20Z",
        "note": "disk",
        "by": "ann",
        "at": T0,
        "undone_by": None,
        "undone_at": None,
    }


def test_what_follows_and_thresholds() -> None:
    assert consequence_json(Consequence(MARK, 1.0, 1.25, None)) == {
        "id": 3,
        "service": "shop",
        "threshold_before": 1.0,
        "threshold_after": 1.25,
        "proposal": None,
    }
    move = ThresholdMove("shop", T0_NS, "ann", 1.0, 1.25, 3)
    assert thresholds_json(Thresholds({"shop": 1.25}, [move])) == {
        "factors": {"shop": 1.25},
        "changes": [{"service": "shop", "at": T0, "by": "ann", "before": 1.0, "after": 1.25, "feedback": 3}],
    }
