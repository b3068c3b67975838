"""Indicators of OpenSLO documents: what an SLI counts, and from which series."""

from __future__ import annotations

import re
from typing import Final

from models.errors import Misconfigured
from models.series import valid_metric_name
from models.sli import expressions
from models.sli.binding import LabelMatcher, MatchOp, ThresholdOp
from models.slo.definition import Indicator, MetricQuery, RatioIndicator, RawIndicator, ThresholdIndicator
from models.slo.openslo.catalogue import Catalogue, DocumentKind
from models.slo.openslo.yaml_fields import YamlField

SOURCE_TYPE: Final = "tidewatch"
_MATCH_OPS: Final = {op.value: op for op in MatchOp}
_OPS: Final = {op.value: op for op in ThresholdOp}


def indicator(spec: YamlField, objective: YamlField, parts: dict[str, YamlField], catalogue: Catalogue) -> Indicator:
    """What an SLI's `spec` means for one objective, whose fields are `parts`."""
    kind, field = indicator_kind(spec)
    if kind == "thresholdMetric":
        for name in ("op", "value"):
            if name not in parts:
                raise objective.error(f"`{name}` is missing: a thresholdMetric needs op and value")
        return _threshold(field, parts, catalogue)
    for name in ("op", "value"):
        if name in parts:
            raise parts[name].error("only a thresholdMetric has a threshold; a ratioMetric needs the target alone")
    return _ratio(field, catalogue)


def indicator_kind(spec: YamlField) -> tuple[str, YamlField]:
    """`thresholdMetric` or `ratioMetric`, and its field."""
    fields = spec.mapping((), ("description", "thresholdMetric", "ratioMetric"))
    if ("thresholdMetric" in fields) == ("ratioMetric" in fields):
        raise spec.error("give either `thresholdMetric` or `ratioMetric`")
    kind = "thresholdMetric" if "thresholdMetric" in fields else "ratioMetric"
    return kind, fields[kind]


def _threshold(field: YamlField, parts: dict[str, YamlField], catalogue: Catalogue) -> Indicator:
    op, value = parts["op"].choice(_OPS), parts["value"].number()
    spec = _source_spec(field, catalogue).mapping((), ("metric", "histogram", "labels"))
    if "histogram" not in spec:
        return ThresholdIndicator(_query(_source_spec(field, catalogue)), op, value)
    if "metric" in spec:
        raise spec["histogram"].error("give either `metric` or `histogram`")
    if op is not ThresholdOp.LTE:
        raise parts["op"].error("must be lte for a histogram: its buckets count what is at most their bound")
    name = _metric_name(spec["histogram"]).removesuffix("_bucket")
    matchers = _label_matchers(spec)
    good = MetricQuery(f"{name}_bucket", _ordered((*matchers, _bound(value))))
    return RatioIndicator(good, part_is_bad=False, total=MetricQuery(f"{name}_count", matchers), counter=True)


def _bound(value: float) -> LabelMatcher:
    """The bucket whose upper bound is `value`, however the exporter writes it: 1, 1.0, 1e+06."""
    texts = {repr(value), f"{value:g}"} | ({str(int(value)), f"{int(value)}.0"} if value == int(value) else set())
    return LabelMatcher("le", MatchOp.MATCHES, "|".join(sorted(re.escape(text) for text in texts)))


def _ratio(field: YamlField, catalogue: Catalogue) -> Indicator:
    fields = field.mapping((), ("counter", "good", "bad", "total", "raw", "rawType"))
    if "raw" in fields:
        for name in ("good", "bad", "total"):
            if name in fields:
                raise fields[name].error("stands for itself or beside `raw`, not both: raw is the whole ratio")
        if "rawType" not in fields:
            raise field.error("`rawType` is missing: raw is the share of success or of failure")
        is_failure = fields["rawType"].choice({"success": False, "failure": True})
        return RawIndicator(_query(_source_spec(fields["raw"], catalogue)), is_failure)
    if "rawType" in fields:
        raise fields["rawType"].error("only says what `raw` is, and there is none")
    if ("good" in fields) == ("bad" in fields):
        raise field.error("give either `good` or `bad`")
    if "total" not in fields:
        raise field.error("`total` is missing")
    part = fields["bad"] if "bad" in fields else fields["good"]
    counter = fields["counter"].boolean() if "counter" in fields else False  # the format's own default
    part_query, total = (_query(_source_spec(query, catalogue)) for query in (part, fields["total"]))
    return RatioIndicator(part_query, "bad" in fields, total, counter)


def _source_spec(field: YamlField, catalogue: Catalogue) -> YamlField:
    """The `spec` of a metric source that is Tidewatch's own, be it by its type or by that of its DataSource."""
    source = field.mapping(("metricSource",))["metricSource"]
    fields = source.mapping(("spec",), ("type", "metricSourceRef"))
    stated = fields.get("type")
    if "metricSourceRef" in fields:
        referred = catalogue.find(DocumentKind.DATA_SOURCE, fields["metricSourceRef"]).spec["type"]
        if stated is not None and stated.text() != referred.text():
            raise stated.error(f"differs from the type of the DataSource at {referred.place}: {referred.text()}")
        if referred.text() != SOURCE_TYPE:
            problem = f"refers to a DataSource of type {referred.text()}, at {referred.place}; it must be {SOURCE_TYPE}"
            raise fields["metricSourceRef"].error(problem)
        return fields["spec"]
    if stated is None:
        raise source.error(f"`type` is missing: say `type: {SOURCE_TYPE}`, or refer to a DataSource")
    if stated.text() != SOURCE_TYPE:
        raise stated.error(f"must be {SOURCE_TYPE}")
    return fields["spec"]


def _query(field: YamlField) -> MetricQuery:
    spec = field.mapping(("metric",), ("labels",))
    return MetricQuery(_metric_name(spec["metric"]), _label_matchers(spec))


def _metric_name(field: YamlField) -> str:
    metric = field.text()
    if not valid_metric_name(metric):
        raise field.error(f"{metric!r} is not a metric name")
    return metric


def _label_matchers(spec: dict[str, YamlField]) -> tuple[LabelMatcher, ...]:
    labels = spec["labels"].entries() if "labels" in spec else {}
    return _ordered(tuple(matcher for label, value in labels.items() for matcher in _matchers(label, value)))


def _ordered(matchers: tuple[LabelMatcher, ...]) -> tuple[LabelMatcher, ...]:
    return tuple(sorted(matchers, key=lambda m: (m.label, m.op.value, m.value)))


def _matchers(label: str, field: YamlField) -> list[LabelMatcher]:
    """`label: value`, `label: [one, of, these]`, or `label: {"=~": "5..", "!=": "503"}`."""
    if field.is_list:
        values = [item.text() for item in field.items()]
        if not values:
            raise field.error("needs at least one value")
        return [LabelMatcher(label, MatchOp.MATCHES, "|".join(re.escape(value) for value in values))]
    if not field.is_mapping:
        return [LabelMatcher(label, MatchOp.EQUAL, field.text())]
    matchers = []
    for word, value in field.entries().items():
        if word not in _MATCH_OPS:
            raise value.error(f"{word!r} is not one of {', '.join(_MATCH_OPS)}")
        matcher = LabelMatcher(label, _MATCH_OPS[word], value.text())
        if matcher.op in (MatchOp.MATCHES, MatchOp.NOT_MATCHES):
            try:
                expressions.check(matcher.value)
            except Misconfigured as error:
                raise value.error(str(error)) from error
        matchers.append(matcher)
    if not matchers:
        raise field.error("needs at least one condition")
    return matchers
