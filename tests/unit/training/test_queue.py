"""What becomes of a request for a model, case by case; the live queue and the backtest both ask these functions."""

from __future__ import annotations

import pytest

from models.reasons import RetrainReason, RetrainStep, TrainingOutcome
from models.training.queue import (
    ENDS,
    INCIDENT_WAIT_S,
    LAKE_WAIT_S,
    LAKE_WAITS,
    MOST_CRASHES,
    Asked,
    LastTraining,
    Step,
    after_crash,
    after_training,
    next_step,
)

SECOND_NS = 1_000_000_000
NOW_NS = 10_000 * SECOND_NS
ASKED_NS = 9_000 * SECOND_NS
COOLDOWN_S = 600.0
COLD, DRIFT, FEATURES = RetrainReason.COLD_START, RetrainReason.DRIFT, RetrainReason.FEATURES_CHANGED
STALE, REQUESTED = RetrainReason.STALE, RetrainReason.REQUESTED
TRAIN = Step(RetrainStep.TRAIN)
PAGING = Step(RetrainStep.PAGING, NOW_NS + int(INCIDENT_WAIT_S) * SECOND_NS)


def trained(ago_s: float, to_s: float) -> LastTraining:
    return LastTraining("earlier", NOW_NS - int(ago_s * SECOND_NS), int(to_s * SECOND_NS))


LONG_AGO, JUST_NOW = trained(3600, 6000), trained(100, 8999)
SAW_IT = trained(100, 9000)


@pytest.mark.parametrize(
    ("reason", "last", "has_champion", "paging", "step"),
    [
        pytest.param(COLD, None, False, False, TRAIN, id="a first model is trained at once"),
        pytest.param(COLD, None, True, False, Step(RetrainStep.HAS_CHAMPION), id="unless there is one by now"),
        pytest.param(COLD, None, False, True, TRAIN, id="a page keeps no first model back"),
        pytest.param(DRIFT, LONG_AGO, True, False, TRAIN, id="a drift is trained for when the last training is old"),
        pytest.param(
            DRIFT, SAW_IT, True, False, Step(RetrainStep.SEEN_BY_LAST_TRAINING), id="not when a training saw it"
        ),
        pytest.param(
            DRIFT,
            JUST_NOW,
            True,
            False,
            Step(RetrainStep.COOLING_DOWN, NOW_NS + 500 * SECOND_NS),
            id="one that came after the last training waits for the cool-down",
        ),
        pytest.param(DRIFT, trained(600, 8999), True, False, TRAIN, id="which is over when it is over"),
        pytest.param(DRIFT, LONG_AGO, True, True, PAGING, id="a change is not learnt while the service pages"),
        pytest.param(FEATURES, LONG_AGO, True, True, PAGING, id="nor are changed features"),
        pytest.param(
            DRIFT,
            JUST_NOW,
            True,
            True,
            Step(RetrainStep.COOLING_DOWN, NOW_NS + 500 * SECOND_NS),
            id="the cool-down is waited for first",
        ),
        pytest.param(STALE, LONG_AGO, True, True, TRAIN, id="a stale model is replaced while the service pages"),
        pytest.param(REQUESTED, SAW_IT, True, True, TRAIN, id="what a person asks for waits for nothing"),
    ],
)
def test_the_next_step(
    reason: RetrainReason, last: LastTraining | None, has_champion: bool, paging: bool, step: Step
) -> None:
    found = next_step(
        Asked(reason, ASKED_NS),
        last,
        has_champion=has_champion,
        paging=paging,
        now_ns=NOW_NS,
        cooldown_s=COOLDOWN_S,
    )
    assert found == step


WAIT = Step(RetrainStep.LAKE_BEHIND, NOW_NS + int(LAKE_WAIT_S) * SECOND_NS)
TOO_LITTLE = TrainingOutcome.TOO_LITTLE_DATA


@pytest.mark.parametrize(
    ("outcome", "trained_to_ns", "attempts", "step"),
    [
        pytest.param(TrainingOutcome.PROMOTED, ASKED_NS, 0, None, id="a promotion ends the request"),
        pytest.param(TrainingOutcome.KEPT_CHAMPION, ASKED_NS - 1, 0, None, id="so does a champion that stays"),
        pytest.param(TOO_LITTLE, ASKED_NS, 0, None, id="and too little in a lake that reaches the evidence"),
        pytest.param(TOO_LITTLE, ASKED_NS - 1, 0, WAIT, id="a lake that is behind is waited for"),
        pytest.param(TOO_LITTLE, None, LAKE_WAITS - 1, WAIT, id="as is one that is empty"),
        pytest.param(TOO_LITTLE, None, LAKE_WAITS, None, id="for a minute"),
    ],
)
def test_the_step_after_a_training(
    outcome: TrainingOutcome, trained_to_ns: int | None, attempts: int, step: Step | None
) -> None:
    asked = Asked(DRIFT, ASKED_NS)
    assert after_training(asked, outcome, trained_to_ns, attempts=attempts, now_ns=NOW_NS) == step


def test_a_training_that_dies_is_tried_again_until_it_is_a_defect() -> None:
    again = [after_crash(crashes, NOW_NS) for crashes in range(1, MOST_CRASHES + 1)]
    assert [step.reason for step in again] == [RetrainStep.CRASHED] * 2 + [RetrainStep.KEEPS_CRASHING]
    assert [step.ends for step in again] == [False, False, True]


def test_a_step_ends_a_request_or_says_until_when_it_waits() -> None:
    waits = {RetrainStep.COOLING_DOWN, RetrainStep.PAGING, RetrainStep.LAKE_BEHIND, RetrainStep.CRASHED}
    assert set(RetrainStep) == waits | ENDS | {RetrainStep.TRAIN}
