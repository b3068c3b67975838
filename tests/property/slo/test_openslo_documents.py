"""Whatever SLO can be in force, the document that is stored of it reads back as the same SLO."""

from __future__ import annotations

import json
import operator

from hypothesis import given
from hypothesis import strategies as st

from models.names import Severity
from models.sli.binding import LabelMatcher, MatchOp, ThresholdOp
from models.slo.burn import TIGHTEST_TARGET
from models.slo.definition import (
    BurnCondition,
    GapPolicy,
    Indicator,
    MetricQuery,
    RatioIndicator,
    RawIndicator,
    Slices,
    Slo,
    ThresholdIndicator,
    TimeWindow,
    WindowUnit,
)
from models.slo.openslo.read import parse_openslo

FIELDS = ("label", "op", "value")
names = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9_.\-]{0,61}[A-Za-z0-9])?", fullmatch=True)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=30).filter(str.strip)
metrics = st.from_regex(r"[a-z_:][a-z0-9_:]{0,20}", fullmatch=True)
numbers = st.floats(allow_nan=False, allow_infinity=False)


def conditions_on(label: str) -> st.SearchStrategy[list[LabelMatcher]]:
    """One condition of each kind at most: a mapping has no room for two."""
    plain = st.builds(LabelMatcher, st.just(label), st.sampled_from([MatchOp.EQUAL, MatchOp.NOT_EQUAL]), texts)
    pattern = st.builds(
        LabelMatcher,
        st.just(label),
        st.sampled_from([MatchOp.MATCHES, MatchOp.NOT_MATCHES]),
        st.sampled_from(["5..", "a|b", r"\d+"]),
    )
    return st.lists(st.one_of(plain, pattern), min_size=1, max_size=4, unique_by=lambda matcher: matcher.op)


matchers = st.lists(texts, max_size=3, unique=True).flatmap(
    lambda labels: st.tuples(*(conditions_on(label) for label in labels))
)
queries = st.builds(
    MetricQuery,
    metrics,
    matchers.map(lambda found: tuple(sorted((m for own in found for m in own), key=operator.attrgetter(*FIELDS)))),
)
indicators: st.SearchStrategy[Indicator] = st.one_of(
    st.builds(ThresholdIndicator, queries, st.sampled_from(ThresholdOp), numbers),
    st.builds(RatioIndicator, queries, st.booleans(), queries, st.booleans()),
    st.builds(RawIndicator, queries, st.booleans()),
)
windows = st.one_of(
    st.builds(TimeWindow, st.integers(1, 366), st.just(WindowUnit.DAY)),
    st.builds(TimeWindow, st.integers(60, 99_999), st.just(WindowUnit.MINUTE)),
    st.builds(
        TimeWindow,
        st.integers(1, 4),
        st.sampled_from([WindowUnit.WEEK, WindowUnit.MONTH]),
        st.sampled_from(["2026-01-31T00:00:00", "1999-12-31T23:59:59.500000"]),
        st.sampled_from(["Europe/Berlin", "UTC"]),
    ),
)
slices = st.one_of(
    st.none(),
    st.builds(Slices, st.sampled_from([60, 300, 720, 3600]), st.one_of(st.none(), st.floats(0, 1, exclude_min=True))),
)


def conditions_of(window: TimeWindow, unit_s: int) -> st.SearchStrategy[list[BurnCondition]]:
    """Conditions whose windows are whole units within the period, told apart by severity and window."""
    one = st.builds(
        BurnCondition,
        names,
        st.sampled_from(Severity),
        st.floats(0, 1e9, exclude_min=True),
        st.integers(1, window.nominal_s // unit_s).map(lambda n: n * unit_s),
        st.integers(0, 10_000).map(lambda minutes: 60 * minutes),
    )
    return st.lists(one, max_size=3, unique_by=lambda condition: (condition.severity, condition.lookback_s))


@st.composite
def objectives(draw: st.DrawFn) -> Slo:
    """An SLO as `parse_openslo` could have read it."""
    window, sliced = draw(windows), draw(slices)
    return Slo(
        draw(names),
        draw(texts),
        draw(st.floats(1e-9, TIGHTEST_TARGET)),
        window,
        draw(indicators),
        display_name=draw(st.one_of(st.just(""), texts)),
        description=draw(st.one_of(st.just(""), texts)),
        min_events=draw(st.floats(0, 1e12)),
        runbook_url=draw(st.one_of(st.just(""), texts)),
        slices=sliced,
        gaps=draw(st.sampled_from(GapPolicy)),
        telemetry_interval_s=60 * draw(st.integers(1, 60)),
        conditions=tuple(draw(conditions_of(window, sliced.length_s if sliced else 60))),
    )


@given(objectives())
def test_a_stored_document_reads_back_as_the_same_slo(slo: Slo) -> None:
    assert parse_openslo(json.dumps(slo.document()), "database") == [slo]
