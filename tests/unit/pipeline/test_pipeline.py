"""The fold as a whole: exact, causal, and right about simple incidents."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.pipeline.pipeline import Folded
from models.reasons import AlertDecision, AlertState, Readiness, RetrainReason
from models.records import SampleColumns
from models.service_model.whitening import Whitening
from models.state.results import READINESS
from tests.unit.streams import (
    SECOND_NS,
    START_NS,
    anomalous,
    make,
    model_for,
    model_on,
    noise,
    pieces,
    scores,
    series,
    shop,
    table,
)

FEATURES = ("cpu_ratio", "latency_ms", "queue", "requests_total")


def eventful(n: int = 700, *, interrupted: bool = True) -> SampleColumns:
    """Two instances with a minute of slow answers, a shift that stays, a metric that pauses and some holes."""
    values = shop(n, seed=1)
    values[series("latency_ms", "a")][400:460] *= 5
    values[series("cpu_ratio", "b")][300:] += 0.4
    values[series("workers", "a")][[20, 30]] = np.nan
    if interrupted:
        values[series("queue", "b")][500:520] = np.nan
    return table(values)


def with_model(pipeline):
    rng = np.random.default_rng(0)
    rows = np.column_stack(
        [rng.normal(0.3, 0.03, 400), rng.normal(80, 9, 400), rng.poisson(0.1, 400), rng.normal(50, 7, 400)]
    )
    pipeline.use_model("shop", model_for(rows, FEATURES))
    return pipeline


def summary(folds: list[Folded]) -> dict[str, object]:
    """Everything that the folds said, batches joined."""
    joined: dict[str, object] = {
        name: np.concatenate([getattr(fold.rows, name) for fold in folds]).tobytes()
        for name in (
            "entity",
            "tick_ns",
            "score",
            "is_anomaly",
            "value",
            "expected",
            "expected_lower",
            "expected_upper",
            "parts",
        )
    }
    for name in ("episodes", "emitted", "drifts", "retrain"):
        joined[name] = [item for fold in folds for item in getattr(fold, name)]
    joined["cause"] = [cause for fold in folds for cause in fold.rows.cause]
    joined["version"] = [version for fold in folds for version in fold.rows.model_version]
    return joined


@pytest.mark.parametrize("size", [1, 7, 5000])
@pytest.mark.parametrize("modelled", [False, True], ids=["online detectors alone", "with a champion"])
def test_any_split_of_the_input_gives_the_same_results_to_the_last_bit(size, modelled):
    samples = eventful(350 if size == 1 else 700)
    # one by one takes long: what is before the shift goes in at once
    first = 2500 if size == 1 else 0

    def played(step: int) -> dict[str, object]:
        pipeline = with_model(make()) if modelled else make()
        return summary([pipeline.fold(piece) for piece in pieces(samples, step, first)] + [pipeline.finish()])

    assert played(size) == played(len(samples))


def test_a_batch_in_parts_that_name_their_series_differently_is_one_batch():
    samples, whole, parted = eventful(), make(), make()
    parts = []
    for piece in pieces(samples, 900):
        used, series = np.unique(piece.series, return_inverse=True)
        names = ["never{}", *(piece.series_ids[number] for number in used[::-1])]
        parts.append(SampleColumns(names, (len(used) - series).astype(np.int32), piece.event_time_ns, piece.values))
    at_once, together = whole.fold(samples), parted.fold(*parts)
    assert summary([together, parted.finish()]) == summary([at_once, whole.finish()])
    assert parted.entities == whole.entities
    assert parted.n_series == whole.n_series


@pytest.mark.parametrize("share", [0.3, 0.71])
def test_scores_of_a_prefix_are_a_prefix_of_the_scores(share):
    samples = eventful()
    cut = int(len(samples) * share)
    whole, part = with_model(make()), with_model(make())
    everything = whole.fold(samples).rows
    prefix = part.fold(pieces(samples, cut)[0]).rows
    n = len(prefix)
    assert n > 100
    assert prefix.score.tobytes() == everything.score[:n].tobytes()
    assert prefix.expected_upper.tobytes() == everything.expected_upper[:n].tobytes()


def test_the_order_of_series_within_a_tick_changes_nothing():
    # a series that comes back after a pause is not waited for, so its first row is the one thing that depends on order
    samples = eventful(interrupted=False)
    order = np.lexsort((np.random.default_rng(0).permutation(len(samples)), samples.event_time_ns))
    shuffled = SampleColumns(
        samples.series_ids, samples.series[order], samples.event_time_ns[order], samples.values[order]
    )
    one, other = with_model(make()), with_model(make())
    first, second = [one.fold(samples), one.finish()], [other.fold(shuffled), other.finish()]
    for instance in ("a", "b"):
        assert scores(first, one, instance).tobytes() == scores(second, other, instance).tobytes()


INCIDENTS = [
    pytest.param("latency_ms", lambda v: v * 5, "latency_ms", id="latency times five"),
    pytest.param("cpu_ratio", lambda v: v + 0.6, "cpu_ratio", id="a busy CPU"),
    pytest.param("requests_total", lambda v: np.full_like(v, v[0]), "requests_total", id="traffic stops"),
    pytest.param("queue", lambda v: v + 20, "queue", id="a queue that was empty fills"),
    pytest.param("latency_ms", lambda v: np.full_like(v, np.nan), "latency_ms", id="a metric falls silent"),
]


@pytest.mark.parametrize(("metric", "change", "cause"), INCIDENTS)
def test_an_incident_is_anomalous_within_ticks_as_long_as_it_lasts_and_names_its_metric(metric, change, cause):
    values = shop(1200, seed=5)
    text = series(metric, "a")
    values[text][1000:1060] = change(values[text][1000:1060])
    if metric == "requests_total":
        values[text][1060:] -= values[text][1060] - values[text][1059] - 50
    # half of the range away from all that was seen, but six deviations from its level: that is for the model to say
    pipeline = with_model(make()) if metric == "requests_total" else make()
    folded = pipeline.fold(table(values))
    assert (scores([folded], pipeline)[1000:1008] > 1).any()
    assert anomalous([folded], pipeline)[1006:1060].mean() > 0.95
    episodes = [e for e in folded.episodes if e.entity == "shop/a"]
    assert [e.state for e in episodes] == [AlertState.FIRING, AlertState.RESOLVED]
    opened, closed = episodes
    assert (opened.decision, closed.decision) == (AlertDecision.FIRED, AlertDecision.RESOLVED)
    assert opened.id == closed.id
    assert opened.cause_metric == cause
    assert 1000 <= (opened.started_ns - START_NS) / SECOND_NS <= 1006
    assert 1060 <= (closed.ended_ns - START_NS) / SECOND_NS <= 1080
    assert [e for e in folded.episodes if e.entity == "shop/b"] == []


def test_a_single_row_counts_where_rows_are_rare_and_not_where_they_are_seconds():
    values = shop(1200, seed=6)
    values[series("cpu_ratio", "a")][1100] = 0.95
    found = {}
    for interval_s in (1, 60):
        pipeline = make()
        found[interval_s] = scores([pipeline.fold(table(values, interval_ns=interval_s * SECOND_NS))], pipeline)[1100]
    assert found[60] > 1
    assert found[1] < 0.7


def _errors(last, single=1.0):
    """Twenty minutes of seconds with a failed request now and then, never two in three, before a lasting `last`."""
    errors = np.zeros(1210)
    errors[20:1200:50] = single
    errors[1200:] = last
    pipeline = make()
    return scores([pipeline.fold(table({series("errors"): errors}))], pipeline)


def test_single_seconds_tell_how_much_is_a_lot_where_nothing_ever_lasted():
    assert _errors(last=1.0)[:1200].max() < 1
    assert _errors(last=1.0).max() < _errors(last=3.0).max() < _errors(last=14.0).max()


@pytest.mark.parametrize("single", [pytest.param(0.0, id="none"), pytest.param(1e9, id="absurd ones")])
def test_what_lasts_is_as_odd_as_before_whatever_single_seconds_were(single):
    assert _errors(last=14.0, single=single).max() == pytest.approx(_errors(last=1.0).max(), rel=0.01)


def test_what_has_been_before_is_told_again_and_what_is_fainter_ranks_below():
    values = noise(3000, 3, 10.0, 1.0)
    values[[1000, 2000]] = 40.0
    values[2500] = 16.0
    pipeline = make()
    found = scores([pipeline.fold(table({series("latency_ms"): values}, interval_ns=60 * SECOND_NS))], pipeline)
    first, again, fainter = found[[1000, 2000, 2500]]
    ordinary = np.quantile(found[1100:1900], 0.99)
    assert min(first, again) > 1 > fainter > ordinary


def test_quiet_hours_hardly_ever_alert():
    values = shop(2 * 3600, seed=7, instances=("a", "b", "c", "d"))
    folded = make().fold(table(values))
    assert [e for e in folded.episodes if e.state is AlertState.FIRING] == []
    assert folded.rows.is_anomaly.mean() < 1e-3
    assert folded.drifts == []


def test_a_shift_that_stays_becomes_normal_and_is_reported_as_drift():
    values = shop(1600, seed=8)
    values[series("cpu_ratio", "a")][800:] += 0.4
    pipeline = make(rebaseline_rows=300)
    folded = pipeline.fold(table(values))
    found = anomalous([folded], pipeline)
    assert found[810:1090].mean() > 0.95
    assert found[1200:].sum() == 0
    assert {(d.entity, d.series) for d in folded.drifts if d.series != "anomaly_score"} == {("shop/a", "cpu_ratio")}


def test_contributions_sum_to_the_score():
    rows = with_model(make()).fold(eventful()).rows
    sums = [sum(part for _, part in parts) for parts in map(rows.contributions_of, range(len(rows)))]
    np.testing.assert_allclose(sums, rows.score, atol=1e-12)
    assert all(rows.contributions_of(row)[0][0] == cause for row, cause in enumerate(rows.cause))


def test_the_first_score_comes_after_ten_rows_and_readiness_is_told():
    rows = make().fold(table({series("a"): noise(1500, 0)}, interval_ns=60 * SECOND_NS)).rows
    assert rows.score[:10].tolist() == [0.0] * 10
    assert (rows.score[10:30] > 0).any()
    assert READINESS[rows.readiness_code[9]] is Readiness.WARMING_UP
    assert READINESS[rows.readiness_code[10]] is Readiness.PROVISIONAL
    assert READINESS[rows.readiness_code[1430]] is Readiness.PROVISIONAL
    assert READINESS[rows.readiness_code[1450]] is Readiness.CALIBRATED


def test_values_inside_the_band_are_normal_and_the_band_holds_the_expected_value():
    rows = make().fold(table({series("a"): noise(900, 1)})).rows
    judged = slice(100, None)
    assert (rows.expected_lower[judged] <= rows.expected[judged]).all()
    assert (rows.expected[judged] <= rows.expected_upper[judged]).all()
    inside = (rows.value >= rows.expected_lower) & (rows.value <= rows.expected_upper)
    assert inside[judged].mean() > 0.99


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["x", "y", "z_total"]),
            st.integers(0, 40),
            st.floats(allow_nan=False, allow_infinity=False, width=64),
        ),
        min_size=1,
        max_size=120,
    )
)
def test_whatever_is_finite_gives_finite_scores(samples):
    pipeline = make()
    ids = [series(name) for name in ("x", "y", "z_total")]
    batch = SampleColumns(
        ids,
        np.array([["x", "y", "z_total"].index(name) for name, _, _ in samples], np.int32),
        np.array([START_NS + at * SECOND_NS for _, at, _ in samples], np.int64),
        np.array([value for _, _, value in samples]),
    )
    for folded in (pipeline.fold(batch), pipeline.finish()):
        assert np.isfinite(folded.rows.score).all()
        assert np.isfinite(folded.rows.parts).all()
        assert (folded.rows.score >= 0).all()


def test_state_does_not_grow_with_the_number_of_samples():
    pipeline = make()
    pipeline.fold(table(shop(300, seed=0)))
    size = pipeline.state.series.nbytes + pipeline.state.entities.nbytes
    early = len(pipeline.snapshot())
    for part in range(1, 30):
        pipeline.fold(table({text: noise(1000, part) for text in shop(1)}, first_tick=part * 1000))
    assert pipeline.state.series.nbytes + pipeline.state.entities.nbytes == size
    assert len(pipeline.snapshot()) < 2 * early


def test_latest_is_the_newest_row_of_every_entity():
    pipeline = make()
    folded = pipeline.fold(table(shop(60, seed=2)))
    latest = pipeline.latest()
    assert latest.entity == ["shop/a", "shop/b"]
    for number in (0, 1):
        last = np.flatnonzero(folded.rows.entity == number)[-1]
        assert latest.score[number] == folded.rows.score[last]
        assert latest.cause[number] == folded.rows.cause[last]
        assert latest.expected_upper[number] == folded.rows.expected_upper[last]


def test_a_first_model_is_asked_for_once_there_are_rows_enough_and_then_the_rows_carry_its_version():
    pipeline = make(training_min_rows=100)
    asked = pipeline.fold(table(shop(60, seed=3))).retrain
    assert [(w.service, w.reason, w.evidence) for w in asked] == [("shop", RetrainReason.COLD_START, {"rows": 100})]
    with_model(pipeline)
    later = pipeline.fold(table(shop(200, seed=4), first_tick=60))
    assert {w.reason for w in later.retrain} & {RetrainReason.COLD_START} == set()
    assert set(later.rows.model_version) == {"1"}


def _two_that_go_together(n):
    """So many rows `(n, 2)` of metrics x and y, and a model of them."""
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, n)
    rows = np.column_stack((x, x + rng.normal(0, 0.05, n)))
    whitener = np.linalg.cholesky(np.linalg.inv(np.cov(rows.T)))
    whitening = Whitening(np.zeros(2), np.zeros(2), np.ones(2), np.zeros((0, 2)), whitener)
    return rows, model_on(whitening, rows, ("x", "y"))


def test_a_model_notices_a_combination_that_no_single_metric_shows():
    broken, model = _two_that_go_together(3000)
    broken[2900:2930, 1] = -broken[2900:2930, 0]
    peaks = {}
    for name in ("alone", "modelled"):
        pipeline = make()
        if name == "modelled":
            pipeline.use_model("shop", model)
        found = scores([pipeline.fold(table({series("x"): broken[:, 0], series("y"): broken[:, 1]}))], pipeline)
        peaks[name] = np.median(found[2900:2930])
    assert peaks["modelled"] > 2 * peaks["alone"]


def _decisions(values, row, *, model=None):
    """What became of an entity's episodes that began in this row of its minutes, in order."""
    pipeline = make()
    if model is not None:
        pipeline.use_model("shop", model)
    folded = pipeline.fold(table(values, interval_ns=60 * SECOND_NS))
    assert folded.held.get(AlertDecision.HELD_SETTLING, 0) == sum(
        e.decision is AlertDecision.HELD_SETTLING and e.ended_ns is None for e in folded.emitted
    )
    began_ns = START_NS + row * 60 * SECOND_NS
    return [e.decision for e in folded.emitted if e.started_ns == began_ns and e.decision is not AlertDecision.RENEWED]


def _combination_broken_for(n_rows, day):
    """Decisions on a combination that no single metric shows, on a day of its entity's life."""
    first = day * 1440
    rows, model = _two_that_go_together(first + 100)
    # inside of what either has been, so that it is news of neither
    rows[first : first + n_rows] = (1.8, -1.8)
    return _decisions({series("x"): rows[:, 0], series("y"): rows[:, 1]}, first, model=model)


HELD, FIRED, RESOLVED = AlertDecision.HELD_SETTLING, AlertDecision.FIRED, AlertDecision.RESOLVED


@pytest.mark.parametrize(
    ("n_rows", "day", "decisions"),
    [
        pytest.param(1, 2, [HELD, HELD], id="one row, in the first week"),
        pytest.param(3, 2, [HELD, FIRED, RESOLVED], id="three rows, in the first week"),
        pytest.param(1, 8, [FIRED, RESOLVED], id="one row, after it"),
    ],
)
def test_in_a_first_week_what_is_odd_as_a_whole_is_an_alert_once_it_lasts(n_rows, day, decisions):
    assert _combination_broken_for(n_rows, day) == decisions


def _outlier_in_a_young_entity(metrics, row):
    """Decisions on a value far beyond all before it, in one of so many metrics."""
    values = {series(f"m{number}"): noise(row + 1, number, 100.0, 1.0) for number in range(metrics)}
    values[series("m0")][row] += 60.0
    return _decisions(values, row)


def test_of_many_new_metrics_one_is_soon_far_out_and_a_little_later_it_is_worth_an_alert():
    assert _outlier_in_a_young_entity(metrics=1, row=100) == [FIRED]
    assert _outlier_in_a_young_entity(metrics=10, row=100) == [HELD]
    assert _outlier_in_a_young_entity(metrics=10, row=200) == [FIRED]
