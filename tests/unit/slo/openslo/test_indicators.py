"""What an SLI counts, and from which series."""

from __future__ import annotations

import pytest

from models.errors import Misconfigured
from models.sli.binding import LabelMatcher, MatchOp, ThresholdOp
from models.slo.definition import Indicator, MetricQuery, RatioIndicator, RawIndicator, ThresholdIndicator
from models.slo.openslo.catalogue import Catalogue, DocumentKind, read_document
from models.slo.openslo.indicators import indicator
from models.slo.openslo.yaml_fields import YamlField, documents

OURS = "{metricSource: {type: tidewatch, spec: {metric: m}}}"
M = MetricQuery("m", ())


def parsed(text: str) -> YamlField:
    (root,) = documents(text, "f.yaml")
    return root


def read(spec: str, objective: str = "{}", catalogue: Catalogue | None = None) -> Indicator:
    goal = parsed(objective)
    return indicator(parsed(spec), goal, goal.entries(), catalogue or Catalogue())


def source(spec: str) -> str:
    return f"{{metricSource: {{type: tidewatch, spec: {spec}}}}}"


def labelled(labels: str) -> tuple[LabelMatcher, ...]:
    found = read(f"thresholdMetric: {source(f'{{metric: m, labels: {labels}}}')}", "{op: lt, value: 1}")
    assert isinstance(found, ThresholdIndicator)
    return found.query.matchers


BUCKETS = source("{histogram: http_seconds, labels: {code: '200'}}")
GOOD = [
    pytest.param(
        f"thresholdMetric: {OURS}", "{op: gte, value: 5}", ThresholdIndicator(M, ThresholdOp.GTE, 5.0), id="a threshold"
    ),
    pytest.param(
        f"thresholdMetric: {BUCKETS}",
        "{op: lte, value: 0.5}",
        RatioIndicator(
            MetricQuery(
                "http_seconds_bucket",
                (LabelMatcher("code", MatchOp.EQUAL, "200"), LabelMatcher("le", MatchOp.MATCHES, "0\\.5")),
            ),
            part_is_bad=False,
            total=MetricQuery("http_seconds_count", (LabelMatcher("code", MatchOp.EQUAL, "200"),)),
            counter=True,
        ),
        id="a histogram: the bucket of the threshold over all",
    ),
    pytest.param(
        f"ratioMetric: {{counter: true, bad: {OURS}, total: {OURS}}}",
        "{}",
        RatioIndicator(M, True, M, True),
        id="bad over total of counters",
    ),
    pytest.param(
        f"ratioMetric: {{good: {OURS}, total: {OURS}}}",
        "{}",
        RatioIndicator(M, False, M, False),
        id="good over total of gauges, the format's own default",
    ),
    pytest.param(
        f"ratioMetric: {{raw: {OURS}, rawType: failure}}", "{}", RawIndicator(M, True), id="a ratio computed before"
    ),
]


@pytest.mark.parametrize(("spec", "objective", "expected"), GOOD)
def test_what_an_sli_means(spec: str, objective: str, expected: Indicator) -> None:
    assert read(spec, objective) == expected


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        pytest.param("1", "1|1\\.0", id="a whole number"),
        pytest.param("0.25", "0\\.25", id="a fraction"),
        pytest.param("1000000", "1000000|1000000\\.0|1e\\+06", id="a large number"),
    ],
)
def test_a_bucket_is_found_however_an_exporter_writes_its_bound(value: str, texts: str) -> None:
    found = read(f"thresholdMetric: {BUCKETS}", f"{{op: lte, value: {value}}}")
    assert isinstance(found, RatioIndicator)
    assert found.part.matchers[-1] == LabelMatcher("le", MatchOp.MATCHES, texts)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        pytest.param("{a: x}", (LabelMatcher("a", MatchOp.EQUAL, "x"),), id="a value"),
        pytest.param("{a: [x, y.z]}", (LabelMatcher("a", MatchOp.MATCHES, "x|y\\.z"),), id="one of a list"),
        pytest.param(
            '{a: {"=~": "5..", "!=": "503"}}',
            (LabelMatcher("a", MatchOp.NOT_EQUAL, "503"), LabelMatcher("a", MatchOp.MATCHES, "5..")),
            id="several conditions",
        ),
        pytest.param(
            "{b: x, a: y}",
            (LabelMatcher("a", MatchOp.EQUAL, "y"), LabelMatcher("b", MatchOp.EQUAL, "x")),
            id="in the order of labels, whatever the file's",
        ),
    ],
)
def test_conditions_on_labels(labels: str, expected: tuple[LabelMatcher, ...]) -> None:
    assert labelled(labels) == expected


BAD = [
    pytest.param(f"thresholdMetric: {OURS}", "{op: lt}", "`value` is missing", id="a threshold without a value"),
    pytest.param(
        f"thresholdMetric: {BUCKETS}", "{op: lt, value: 1}", "op: must be lte for a histogram", id="a histogram's op"
    ),
    pytest.param(
        f"ratioMetric: {{good: {OURS}, total: {OURS}}}",
        "{op: lt}",
        "op: only a thresholdMetric has",
        id="a ratio with an op",
    ),
    pytest.param(
        f"ratioMetric: {{good: {OURS}, bad: {OURS}, total: {OURS}}}", "{}", "give either `good` or `bad`", id="both"
    ),
    pytest.param(f"ratioMetric: {{good: {OURS}}}", "{}", "`total` is missing", id="a part without a whole"),
    pytest.param(f"ratioMetric: {{raw: {OURS}}}", "{}", "`rawType` is missing", id="raw of an unknown kind"),
    pytest.param(
        f"ratioMetric: {{raw: {OURS}, rawType: success, good: {OURS}}}",
        "{}",
        "raw is the whole ratio",
        id="raw and good",
    ),
    pytest.param("description: x", "{}", "give either `thresholdMetric` or `ratioMetric`", id="neither kind"),
    pytest.param(
        "thresholdMetric: {metricSource: {type: prometheus, spec: {metric: m}}}",
        "{op: lt, value: 1}",
        "type: must be tidewatch",
        id="somebody else's source",
    ),
    pytest.param(
        f"thresholdMetric: {source('{metric: 9m}')}", "{op: lt, value: 1}", "'9m' is not a metric name", id="a bad name"
    ),
    pytest.param(
        f"thresholdMetric: {source('{metric: m, labels: {a: []}}')}",
        "{op: lt, value: 1}",
        "needs at least one value",
        id="no value",
    ),
    pytest.param(
        "thresholdMetric: " + source("{metric: m, labels: {a: {'=~': '('}}}"),
        "{op: lt, value: 1}",
        "not a regular expression",
        id="a broken expression",
    ),
]


@pytest.mark.parametrize(("spec", "objective", "problem"), BAD)
def test_what_is_wrong_with_an_sli(spec: str, objective: str, problem: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        read(spec, objective)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        pytest.param("tidewatch", None, id="ours"),
        pytest.param(
            "prometheus", "refers to a DataSource of type prometheus, at f.yaml:2; it must be", id="another's"
        ),
    ],
)
def test_a_source_may_be_named_by_its_document(kind: str, problem: str | None) -> None:
    root = parsed(f"metadata: {{name: stream}}\nspec: {{type: {kind}}}\n")
    catalogue = Catalogue()
    catalogue.add(read_document(root, DocumentKind.DATA_SOURCE, root.entries()))
    spec = "thresholdMetric: {metricSource: {metricSourceRef: stream, spec: {metric: m}}}"
    if problem is None:
        assert read(spec, "{op: lt, value: 1}", catalogue) == ThresholdIndicator(M, ThresholdOp.LT, 1.0)
    else:
        with pytest.raises(Misconfigured, match=problem):
            read(spec, "{op: lt, value: 1}", catalogue)
