"""What there is to tell about an episode: when, which peak, which series, and what is no alert."""

import numpy as np
import pytest

from models.reasons import AlertDecision, AlertState
from models.scoring import episode_rules as phases
from models.scoring.episodes import OpenEpisodes
from models.scoring.scores import TOP, Scores
from models.state.results import ScoredRows
from models.state.tables import EntityName

NAMES = [EntityName("shop", "shop/a"), EntityName("shop", "shop/b")]
FEATURES = ["latency_ms", "cpu_ratio", "queue"]
START_NS = 1_800_000_000_000_000_000
SECOND_NS = 1_000_000_000


def advance(incidents, entries, entity=0, ready_rows=30, learnt=1000.0):
    """Play rows of one entity: (second, phase, score, contributions by series)."""
    n = len(entries)
    causes, parts = np.full((n, TOP), -1, np.int32), np.zeros((n, TOP))
    for row, (_, _, _, contributions) in enumerate(entries):
        for k, (number, part) in enumerate(contributions.items()):
            causes[row, k], parts[row, k] = number, part
    tick_ns = np.array([START_NS + second * SECOND_NS for second, *_ in entries])
    score = np.array([score for _, _, score, _ in entries])
    value = np.array([[10.0 * score + k for k in range(TOP)] for _, _, score, _ in entries]).reshape(n, TOP)
    rows = ScoredRows(
        np.full(n, entity, np.int32),
        tick_ns,
        score,
        score > 1,
        value[:, 0],
        np.full(n, 5.0),
        np.full(n, 4.0),
        np.full(n, 6.0),
        causes,
        parts,
        np.zeros(n, np.int8),
        ["7"] * n,
        FEATURES,
    )
    scores = Scores(
        score,
        value,
        np.full((n, TOP), 5.0),
        np.full((n, TOP), 4.0),
        np.full((n, TOP), np.nan),
        np.zeros(n, np.int8),
        np.array([phase for _, phase, _, _ in entries], np.int8),
        np.full(n, START_NS),
        np.full(n, learnt),
        causes,
        parts,
        np.zeros(0),
        np.zeros(0),
        np.zeros(0),
        np.zeros(0),
    )
    return incidents.advance(NAMES, rows, scores, np.full(n, SECOND_NS), ready_rows)


def decisions(found):
    return [(episode.at_ns - START_NS) // SECOND_NS for episode in found], [episode.decision for episode in found]


FIRED, RENEWED, RESOLVED = AlertDecision.FIRED, AlertDecision.RENEWED, AlertDecision.RESOLVED
GOING_ON = phases.GOING_ON


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        pytest.param([(0, phases.OPENED, 2.0, {0: 2.0})], ([0], [FIRED]), id="the opening is told at once"),
        pytest.param([(0, phases.PENDING, 1.5, {0: 1.5})], ([], []), id="what is pending is not told"),
        pytest.param(
            [(0, phases.OPENED, 2.0, {}), *[(s, GOING_ON, 2.0, {}) for s in range(1, 12)]],
            ([0, 5, 10], [FIRED, RENEWED, RENEWED]),
            id="a young episode has news every five seconds",
        ),
        pytest.param(
            [(0, phases.OPENED, 2.0, {}), *[(s, GOING_ON, 2.0, {}) for s in range(300, 420, 10)]],
            ([0, 300, 340, 380], [FIRED, *[RENEWED] * 3]),
            id="an older one after a tenth of its age",
        ),
        pytest.param(
            [(0, phases.OPENED, 2.0, {}), *[(s, GOING_ON, 2.0, {}) for s in range(86_400, 86_600, 10)]],
            ([0, 86_400, 86_460, 86_520, 86_580], [FIRED, *[RENEWED] * 4]),
            id="one of a day every minute",
        ),
        pytest.param(
            [(0, phases.OPENED, 2.0, {}), (3, phases.CLOSED, 0.1, {})],
            ([0, 3], [FIRED, RESOLVED]),
            id="the end is told at once",
        ),
        pytest.param(
            [(0, phases.BEGUN, 2.0, {}), (2, phases.PASSED, 0.1, {})],
            ([0, 2], [AlertDecision.HELD_SETTLING] * 2),
            id="one that was never certain is stored and held",
        ),
        pytest.param(
            [(0, phases.BEGUN, 2.0, {}), (2, phases.OPENED, 2.0, {}), (4, phases.CLOSED, 0.1, {})],
            ([0, 2, 4], [AlertDecision.HELD_SETTLING, FIRED, RESOLVED]),
            id="one that becomes certain opens then",
        ),
    ],
)
def test_when_an_episode_is_told(entries, expected):
    found, _ = advance(OpenEpisodes(), entries)
    assert decisions(found) == expected


def test_an_episode_tells_its_peak_so_far_and_shares_of_it():
    entries = [
        (0, phases.OPENED, 2.0, {0: 1.5, 1: 0.5}),
        (1, GOING_ON, 4.0, {1: 3.0, 0: 1.0}),
        (2, phases.CLOSED, 0.5, {0: 0.5}),
    ]
    opened, closed = advance(OpenEpisodes(), entries)[0]
    assert (opened.peak_score, opened.cause_metric, opened.causes) == (
        2.0,
        "latency_ms",
        [("latency_ms", 0.75), ("cpu_ratio", 0.25)],
    )
    assert (closed.peak_score, closed.cause_metric, closed.value, closed.expected_lower) == (
        4.0,
        "cpu_ratio",
        40.0,
        4.0,
    )
    assert (closed.peak_ns, closed.ended_ns, closed.state) == (START_NS + SECOND_NS, closed.at_ns, AlertState.RESOLVED)
    assert (opened.ended_ns, opened.state, opened.model_version) == (None, AlertState.FIRING, "7")
    assert opened.id == closed.id == "shop/a:2027-01-15T08:00:00Z"


def test_the_series_of_an_episode_sum_their_parts_over_time():
    entries = [
        (0, phases.OPENED, 2.0, {0: 1.9, 1: 0.1}),
        (1, GOING_ON, 2.0, {1: 1.6, 0: 0.4}),
        (2, phases.CLOSED, 0.5, {2: 0.0}),
    ]
    closed = advance(OpenEpisodes(), entries)[0][-1]
    by_metric = {part.metric: part for part in closed.series}
    assert [part.metric for part in closed.series] == ["latency_ms", "cpu_ratio"], "what added nothing is left out"
    assert by_metric["latency_ms"].part == pytest.approx(2.3)
    assert by_metric["cpu_ratio"].part == pytest.approx(1.7)
    # a tenth of a threshold is no onset yet
    assert (by_metric["latency_ms"].onset_ns, by_metric["cpu_ratio"].onset_ns) == (START_NS, START_NS + SECOND_NS)
    assert (by_metric["cpu_ratio"].peak_ns, by_metric["cpu_ratio"].value) == (START_NS + SECOND_NS, 20.0)
    assert by_metric["cpu_ratio"].expected_upper is None, "a bound that is not finite is unknown"


@pytest.mark.parametrize(
    ("learnt", "reason"),
    [
        pytest.param(10.0, AlertDecision.HELD_NOT_READY, id="of a young entity"),
        pytest.param(1000.0, AlertDecision.HELD_TOO_SHORT, id="of any other"),
    ],
)
def test_a_run_that_faded_is_counted_by_the_reason(learnt, reason):
    entries = [(0, phases.PENDING, 1.5, {0: 1.5}), (4, phases.FADED, 0.1, {})]
    incidents = OpenEpisodes()
    found, held = advance(incidents, entries, learnt=learnt)
    assert (found, held) == ([], {reason: 1})
    assert incidents.to_plain() == {}


def test_incidents_go_on_from_their_plain_values():
    begin = [(0, phases.OPENED, 4.0, {0: 3.0, 1: 1.0})]
    rest = [(3, GOING_ON, 2.0, {1: 2.0}), (9, phases.CLOSED, 0.5, {1: 0.5})]
    through, restored = OpenEpisodes(), OpenEpisodes()
    advance(through, begin, entity=1)
    restored.load(through.to_plain())
    assert restored.to_plain() == through.to_plain()
    assert advance(restored, rest, entity=1) == advance(through, rest, entity=1)
