"""Causes of a burn: which series stand first, how they are told, what is upstream, when a burn began."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import Misconfigured
from models.names import Annotation
from models.pipeline.pipeline import Pipeline
from models.records import SampleColumns
from models.series import EntityRule
from models.service_graph import Edge, edge_of
from models.slo.causes.dependencies import parse_dependencies, upstream
from models.slo.causes.onset import burn_onset
from models.slo.causes.rank import Cause, Evidence, rank_causes
from models.slo.causes.shifts import Shift, find_shifts
from models.slo.causes.text import NO_CAUSE, cause_annotations, said, with_first_cause
from models.state.results import Episode
from tests.unit.streams import RULE, SECOND_NS, START_NS, make, noise, pieces, series, table

MINUTE_NS = 60_000_000_000
BURN_NS = 1_000 * MINUTE_NS


def evidence(
    metric: str,
    share: float,
    *,
    entity: str = "shop/a",
    peak: float = 2.0,
    onset_min: float = 0.0,
    service: str = "shop",
) -> Evidence:
    onset_ns = BURN_NS + int(onset_min * MINUTE_NS)
    return Evidence(service, entity, metric, share, onset_ns, 812.4, 200.0, 180.0, 260.0, peak, "7")


def test_causes_are_ranked_by_their_part_in_all_anomalies_the_loudest_entity_first() -> None:
    ranked = rank_causes(
        [
            evidence("cpu", 0.9, entity="a", peak=1.0),
            evidence("disk", 0.1, entity="a", peak=1.0),
            evidence("latency", 0.75, entity="b", peak=4.0),
            evidence("cpu", 0.25, entity="b", peak=4.0),
        ]
    )
    assert [(c.metric, round(c.part, 9), c.entity, c.entities) for c in ranked] == [
        ("latency", 0.6, "b", 1),
        ("cpu", 0.38, "b", 2),
        ("disk", 0.02, "a", 1),
    ]
    assert rank_causes([]) == rank_causes([evidence("cpu", 0.0)]) == []


def test_onset_is_the_earliest_of_all_entities_and_told_relative_to_the_burn() -> None:
    (cause,) = rank_causes(
        [evidence("cpu", 1.0, entity="a", onset_min=-3), evidence("cpu", 1.0, entity="b", onset_min=2)],
        burn_began_ns=BURN_NS,
    )
    assert cause.lead_s == 180.0
    assert said(cause) == "cpu 100% (b and 1 more: 812, expected 180 to 260, began 3 min before the burn)"


def test_what_is_upstream_stands_behind_what_is_as_odd_here_and_before_what_is_less_so() -> None:
    ranked = rank_causes(
        [
            evidence("latency", 1.0, peak=2.0),
            evidence("disk", 1.0, peak=2.0, service="db", entity="db/1"),
            evidence("disk", 1.0, peak=9.0, service="store", entity="store/1"),
        ],
        hops={"shop": 0, "db": 1, "store": 2},
    )
    assert [(c.service, c.hops) for c in ranked] == [("store", 2), ("shop", 0), ("db", 1)]
    assert said(ranked[2]).startswith("disk of db ")


def test_what_stayed_within_its_band_weighs_less_than_what_left_it() -> None:
    inside = Evidence("shop", "shop/a", "requests", 0.6, BURN_NS, 57.0, 60.0, 50.0, 70.0, 2.0, "7")
    ranked = rank_causes([inside, evidence("latency", 0.4)])
    assert [c.metric for c in ranked] == ["latency", "requests"]


def test_a_faint_false_alarm_before_makes_no_late_comer_of_the_cause() -> None:
    ranked = rank_causes(
        [evidence("requests", 1.0, entity="shop/b", peak=1.3, onset_min=-40), evidence("cpu", 1.0, peak=5.0)]
    )
    assert ranked[0].metric == "cpu"
    assert ranked[0].part > 0.75


@given(st.permutations([evidence(m, s, entity=e) for m, s, e in (("a", 0.5, "x"), ("b", 0.5, "x"), ("a", 1.0, "y"))]))
def test_the_order_of_evidence_does_not_matter(shuffled: list[Evidence]) -> None:
    assert [(c.metric, c.entity) for c in rank_causes(shuffled)] == [("a", "y"), ("b", "x")]


def test_annotations_say_nothing_about_what_nobody_knows() -> None:
    assert cause_annotations([]) == {Annotation.CAUSES: NO_CAUSE}
    unknown = Cause("shop", "up", 1.0, "shop/a", 1, 0, None, 0, None, None, None, None, 3.0, "")
    assert cause_annotations([unknown]) == {Annotation.CAUSES: "up 100% (shop/a)", Annotation.SCORE: "3"}
    first = with_first_cause("shop burns", [unknown])
    assert first == "shop burns; first cause up 100% (shop/a)"
    assert with_first_cause(first, [unknown]) == first


# dependencies


def test_upstream_stops_after_three_calls_and_knows_the_shortest_way() -> None:
    chain = [Edge(a, b) for a, b in zip("abcdef", "bcdefa", strict=True)] + [Edge("a", "c")]
    assert upstream(chain, "a") == {"a": 0, "b": 1, "c": 1, "d": 2, "e": 3}
    assert upstream([], "alone") == {"alone": 0}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("", "write one document", id="nothing in it"),
        pytest.param("dependencies:\n  a: b\n", r"m\.yaml:2: .*dependencies\.a: must be a list", id="no list"),
        pytest.param("dependencies:\n  a: [a]\n", "a service cannot depend on itself", id="a loop of one"),
        pytest.param("dependences: {}\n", "did you mean `dependencies`", id="a typing error"),
        pytest.param("a: [\n", r"m\.yaml:\d+: not YAML", id="no YAML"),
    ],
)
def test_a_broken_map_names_line_and_field(text: str, complaint: str) -> None:
    with pytest.raises(Misconfigured, match=complaint):
        parse_dependencies(text, "m.yaml")


def test_series_of_a_service_graph_show_who_calls_whom() -> None:
    rule = EntityRule(("service",), ("instance",), "host")
    asked = {
        'traces_service_graph_request_total{client="web",server="db"}': Edge("web", "db"),
        'traces_service_graph_request_total{client="web",server="web"}': None,
        'traces_service_graph_request_total{server="web"}': None,
        'http_requests_total{client="web",server="db"}': None,
    }
    assert {text: edge_of(rule.identify(text)) for text in asked} == asked


def test_the_fold_tells_of_a_call_once_with_the_series_that_shows_it() -> None:
    text = 'traces_service_graph_request_total{client="web",server="db"}'
    pipeline = make()
    told = [pipeline.fold(piece).calls for piece in pieces(table({text: np.arange(6.0)}), 2)]
    assert told == [[Edge("web", "db")], [], []]
    again = Pipeline.restore(pipeline.config, pipeline.snapshot())
    assert again.fold(table({text: np.arange(6.0)}, first_tick=6)).calls == []


# episodes


def test_an_episode_tells_its_series_with_onset_and_band_and_news_while_it_goes_on() -> None:
    latency, cpu = noise(900, 1, 100.0, 3.0), noise(900, 2, 0.5, 0.02)
    latency[600:] += 200
    cpu[630:] += 0.4
    folded = make().fold(table({series("latency_ms"): latency, series("cpu_ratio"): cpu}))
    opened, *news = [e for e in folded.emitted if e.started_ns >= opened_at(folded.emitted)]
    assert opened.series[0].metric == "latency_ms"
    assert 5 <= len(news) <= 40
    assert [e.id for e in news] == [opened.id] * len(news)
    assert [e for e in folded.episodes if e.id == opened.id] == [opened]
    last = {part.metric: part for part in news[-1].series}
    assert 28 <= (last["cpu_ratio"].onset_ns - last["latency_ms"].onset_ns) / 1e9 <= 35
    for part, normal, value in ((last["latency_ms"], 100.0, 300.0), (last["cpu_ratio"], 0.5, 0.9)):
        assert part.expected_lower is not None
        assert part.expected_upper is not None
        assert part.expected_lower < normal < part.expected_upper < value * 1.05
        assert part.value == pytest.approx(value, rel=0.1)


def opened_at(told: list[Episode]) -> int:
    return max(e.started_ns for e in told)


# when a burn began


def test_a_burn_began_where_the_bad_events_changed_not_at_an_earlier_blip() -> None:
    good = np.full(120, 100.0)
    good[20] = 50.0
    good[90:] = 60.0
    assert burn_onset(np.arange(120) * 60, good, np.full(120, 100.0), 0.99, 1.0) == 90 * 60


@pytest.mark.parametrize("n", [0, 5])
def test_where_nothing_burns_nothing_began(n: int) -> None:
    counts = np.full(n, 100.0)
    assert burn_onset(np.arange(n) * 60, counts, counts, 0.99, 1.0) is None


# what samples show


def shifted(values: dict[str, np.ndarray], *, began: int) -> dict[str, Shift]:
    """Shifts of three hours of samples, one in ten seconds, a burn beginning at tick `began`; by metric."""
    samples = table(values, interval_ns=10 * SECOND_NS)
    n = len(next(iter(values.values())))
    found = find_shifts(
        samples,
        RULE,
        from_ns=START_NS,
        burn_began_ns=START_NS + began * 10 * SECOND_NS,
        now_ns=START_NS + n * 10 * SECOND_NS,
    )
    return {shift.metric: shift for shift in found}


def test_what_creeps_is_found_with_the_time_it_left_its_normal_and_what_came_back_is_not() -> None:
    creeping, back, calm = noise(1080, 1, 0.5, 0.01), noise(1080, 2, 0.5, 0.01), noise(1080, 3)
    creeping[780:] += np.linspace(0, 0.4, 300)
    back[600:700] += 0.4
    found = shifted({series("memory_ratio"): creeping, series("disk_ratio"): back, series("queue"): calm}, began=1020)
    assert set(found) == {"memory_ratio"}
    memory = found["memory_ratio"]
    assert 780 * 10 <= (memory.onset_ns - START_NS) / 1e9 <= 840 * 10
    assert memory.expected_lower < 0.5 < memory.expected_upper < 0.6 < memory.value


def test_counters_are_judged_by_their_rate_and_resets_are_no_shift() -> None:
    steady, faster = np.cumsum(np.full(1080, 50.0)), np.cumsum(np.full(1080, 50.0))
    steady[540:] -= steady[540]
    faster[1030:] += np.arange(50) * 100.0
    found = shifted({series("requests_total"): steady, series("errors_total"): faster}, began=1030)
    assert set(found) == {"errors_total"}
    assert found["errors_total"].expected == pytest.approx(5.0)
    assert found["errors_total"].value == pytest.approx(15.0)


def test_too_short_a_past_says_nothing_of_what_is_normal() -> None:
    values = np.concatenate((np.zeros(8), np.full(352, 5.0)))
    assert shifted({series("queue"): values}, began=8) == {}


@given(st.permutations(range(3)))
def test_the_order_of_samples_does_not_matter(order: list[int]) -> None:
    rng = np.random.default_rng(0)
    values = {series(f"m{n}"): noise(360, n) + (n == 1) * 30 * (np.arange(360) > 300) for n in range(3)}
    samples = table({text: values[text] for text in (list(values)[n] for n in order)}, interval_ns=10 * SECOND_NS)
    mixed = rng.permutation(len(samples))
    samples = SampleColumns(
        samples.series_ids, samples.series[mixed], samples.event_time_ns[mixed], samples.values[mixed]
    )
    at = START_NS + 3000 * SECOND_NS
    (found,) = find_shifts(samples, RULE, from_ns=START_NS, burn_began_ns=at, now_ns=START_NS + 3600 * SECOND_NS)
    assert (found.metric, found.onset_ns // SECOND_NS - START_NS // SECOND_NS) == ("m1", 3010)


def test_the_first_to_leave_its_normal_stands_before_what_follows_from_it() -> None:
    def shift(metric: str, size: float, onset_min: float) -> Shift:
        return Shift("shop", "shop/a", metric, size, BURN_NS + int(onset_min * MINUTE_NS), 0.97, 0.4, 0.3, 0.5)

    ranked = rank_causes(
        [evidence("latency", 0.9, onset_min=-1), evidence("cpu", 0.1, onset_min=-1)],
        [shift("latency", 30.0, -1), shift("cpu", 25.0, -20)],
        burn_began_ns=BURN_NS,
    )
    assert [(c.metric, c.lead_s, c.value) for c in ranked] == [("cpu", 1200.0, 0.97), ("latency", 60.0, 0.97)]
