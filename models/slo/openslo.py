"""OpenSLO v1 YAML in, checked SLOs out. Specification: https://github.com/OpenSLO/OpenSLO (v1).

Supported: `SLO` with an inline or referenced `SLI`, `thresholdMetric` and `ratioMetric`, rolling and calendar windows,
budgeting by occurrences, `metricSource.type: tidewatch`. An SLO with several objectives becomes one SLO per objective.
`Service`, `DataSource` and the alerting kinds may stand in a file and add nothing: every SLO has burn-rate alerts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from models.series import valid_metric_name
from models.slo.binding import LabelMatcher, MatchOp, ThresholdOp
from models.slo.definition import (
    DEFAULT_MIN_EVENTS,
    MIN_EVENTS_ANNOTATION,
    RUNBOOK_ANNOTATION,
    MetricQuery,
    RatioIndicator,
    Slo,
    ThresholdIndicator,
    TimeWindow,
    WindowUnit,
)
from models.slo.yaml_fields import YamlField, documents

API_VERSION: Final = "openslo/v1"
SOURCE_TYPE: Final = "tidewatch"
_OTHER_KINDS: Final = ("Service", "DataSource", "AlertPolicy", "AlertCondition", "AlertNotificationTarget")
_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.\-]{0,61}[A-Za-z0-9])?")
_DURATION: Final = re.compile(r"([1-9][0-9]{0,4})([mhdwMQY])")
_SHORTEST_S: Final = 3600  # burn windows of a shorter period would all be the one minute that counts are kept for
_LONGEST_S: Final = 366 * 86_400
_MATCH_OPS: Final = {op.value: op for op in MatchOp}
_OPS: Final = {op.value: op for op in ThresholdOp}
Indicator = ThresholdIndicator | RatioIndicator


def parse_openslo(text: str, source: str) -> list[Slo]:
    """SLOs of one YAML text, in their order; `source` names it in errors.

    Raises:
        Misconfigured: the first problem found, as `file:line: document n: field: problem`.
    """
    return parse_files([(source, text)])


def parse_files(files: Iterable[tuple[str, str]]) -> list[Slo]:
    """SLOs of several `(source, text)`; an SLI may be defined in another file than the SLO that refers to it."""
    slis: dict[str, YamlField] = {}
    definitions: list[dict[str, YamlField]] = []
    for source, text in files:
        for document in documents(text, source):
            fields = document.mapping(("apiVersion", "kind", "metadata"), ("spec",))
            if fields["apiVersion"].text() != API_VERSION:
                raise fields["apiVersion"].error(f"must be {API_VERSION}")
            kind = fields["kind"].choice({name: name for name in ("SLO", "SLI", *_OTHER_KINDS)})
            if kind in _OTHER_KINDS:
                continue
            if "spec" not in fields:
                raise document.error("`spec` is missing")
            if kind == "SLO":
                definitions.append(fields)
                continue
            name, _ = _metadata(fields["metadata"])
            if name in slis:
                raise fields["metadata"].error(f"SLI {name!r} is defined already at {slis[name].place}")
            _indicator_kind(fields["spec"])
            slis[name] = fields["spec"]
    return _slos(definitions, slis)


def _slos(definitions: list[dict[str, YamlField]], slis: dict[str, YamlField]) -> list[Slo]:
    slos: list[Slo] = []
    places: dict[str, str] = {}
    for fields in definitions:
        for slo in _slo(fields["metadata"], fields["spec"], slis):
            if slo.name in places:
                raise fields["metadata"].error(f"SLO {slo.name!r} is defined already at {places[slo.name]}")
            places[slo.name] = fields["metadata"].place
            slos.append(slo)
    return slos


def _slo(metadata: YamlField, spec: YamlField, slis: dict[str, YamlField]) -> list[Slo]:
    name, meta = _metadata(metadata)
    fields = spec.mapping(
        ("service", "timeWindow", "objectives"),
        ("description", "indicator", "indicatorRef", "budgetingMethod", "alertPolicies"),
    )
    if "budgetingMethod" in fields:
        method = fields["budgetingMethod"].choice({m: m for m in ("Occurrences", "Timeslices", "RatioTimeslices")})
        if method != "Occurrences":
            raise fields["budgetingMethod"].error(f"{method} is not supported yet; use Occurrences")
    window = _time_window(fields["timeWindow"])
    objectives = fields["objectives"].items()
    if not objectives:
        raise fields["objectives"].error("needs at least one objective")
    annotations = meta["annotations"].entries() if "annotations" in meta else {}
    min_events = (
        _min_events(annotations[MIN_EVENTS_ANNOTATION]) if MIN_EVENTS_ANNOTATION in annotations else DEFAULT_MIN_EVENTS
    )
    runbook = annotations[RUNBOOK_ANNOTATION].text() if RUNBOOK_ANNOTATION in annotations else ""
    slos = []
    for objective in objectives:
        parts = objective.mapping(
            (),
            (
                "displayName", "op", "value", "target", "targetPercent", "timeSliceTarget", "timeSliceWindow",
                "indicator", "indicatorRef", "compositeWeight",
            ),
        )  # fmt: skip
        for unsupported in ("timeSliceTarget", "timeSliceWindow", "compositeWeight"):
            if unsupported in parts:
                raise parts[unsupported].error("not supported yet")
        own = parts if "indicator" in parts or "indicatorRef" in parts else fields
        slos.append(
            Slo(
                name=name if len(objectives) == 1 else f"{name}-{_objective_suffix(objective, parts)}",
                service=fields["service"].text(),
                target_ratio=_target(objective, parts),
                window=window,
                indicator=_indicator(_indicator_spec(spec, own, slis), objective, parts),
                display_name=meta["displayName"].text() if "displayName" in meta else "",
                description=fields["description"].text() if "description" in fields else "",
                min_events=min_events,
                runbook_url=runbook,
            )
        )
    return slos


def _metadata(field: YamlField) -> tuple[str, dict[str, YamlField]]:
    fields = field.mapping(("name",), ("displayName", "labels", "annotations"))
    return _name(fields["name"]), fields


def _name(field: YamlField) -> str:
    name = field.text()
    if not _NAME.fullmatch(name):
        raise field.error(
            f"{name!r} must be 1 to 63 letters, digits, `-`, `_` or `.`, with a letter or digit at both ends"
        )
    return name


def _objective_suffix(objective: YamlField, parts: dict[str, YamlField]) -> str:
    if "displayName" not in parts:
        raise objective.error("`displayName` is missing: it tells the objectives of one SLO apart")
    suffix = re.sub(r"[^a-z0-9]+", "-", parts["displayName"].text().lower()).strip("-")
    if not suffix:
        raise parts["displayName"].error("needs a letter or digit")
    return suffix


def _min_events(field: YamlField) -> float:
    try:
        value = float(field.text())
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise field.error("must be a number of events, 0 or more")
    return value


def _target(objective: YamlField, parts: dict[str, YamlField]) -> float:
    if ("target" in parts) == ("targetPercent" in parts):
        raise objective.error("give either `target` or `targetPercent`")
    field = parts["target"] if "target" in parts else parts["targetPercent"]
    # the text is rounded to what a person can have meant: 99.9 / 100 is 0.9990000000000001
    target = field.number() if "target" in parts else round(field.number() / 100, 12)
    if not 0 < target < 1:
        bounds = "0 and 1" if "target" in parts else "0 and 100"
        raise field.error(f"must lie between {bounds}, both excluded: it has to leave an error budget")
    return target


def rolling_window(text: str) -> TimeWindow:
    """A rolling period from OpenSLO's shorthand; raises `ValueError` saying what is wrong with it.

    >>> rolling_window("4w").nominal_s
    2419200
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError("must be a number and one of m, h, d, w, M, Q, Y, as in 30d")
    window = TimeWindow(int(match[1]), WindowUnit(match[2]))
    if not _SHORTEST_S <= window.nominal_s <= _LONGEST_S:
        raise ValueError("must lie between 1h and 1Y")
    return window


def _time_window(field: YamlField) -> TimeWindow:
    items = field.items()
    if len(items) != 1:
        raise field.error("needs exactly one window")
    fields = items[0].mapping(("duration",), ("isRolling", "calendar"))
    try:
        window = rolling_window(fields["duration"].text())
    except ValueError as error:
        raise fields["duration"].error(str(error)) from error
    rolling = fields["isRolling"].boolean() if "isRolling" in fields else "calendar" not in fields
    if rolling:
        if "calendar" in fields:
            raise fields["calendar"].error("a rolling window has no calendar")
        return window
    if "calendar" not in fields:
        raise items[0].error("`calendar` is missing: a window that is not rolling needs startTime and timeZone")
    calendar = fields["calendar"].mapping(("startTime", "timeZone"))
    zone = calendar["timeZone"].text()
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError) as error:
        raise calendar["timeZone"].error(f"{zone!r} is not a time zone of the IANA database") from error
    try:
        start = datetime.fromisoformat(calendar["startTime"].text())
    except ValueError as error:
        raise calendar["startTime"].error("must be a date and time as in 2026-01-01 00:00:00") from error
    if start.tzinfo is not None:
        raise calendar["startTime"].error("must be local time without an offset: timeZone says where")
    return TimeWindow(window.amount, window.unit, start.isoformat(), zone)


def _indicator_spec(spec: YamlField, fields: dict[str, YamlField], slis: dict[str, YamlField]) -> YamlField:
    if ("indicator" in fields) == ("indicatorRef" in fields):
        raise spec.error("give either `indicator` or `indicatorRef`")
    if "indicatorRef" in fields:
        name = fields["indicatorRef"].text()
        if name not in slis:
            raise fields["indicatorRef"].error(f"no SLI named {name!r} in the files given")
        return slis[name]
    return fields["indicator"].mapping(("spec",), ("metadata",))["spec"]


def _indicator_kind(spec: YamlField) -> tuple[str, YamlField]:
    fields = spec.mapping((), ("description", "thresholdMetric", "ratioMetric"))
    if ("thresholdMetric" in fields) == ("ratioMetric" in fields):
        raise spec.error("give either `thresholdMetric` or `ratioMetric`")
    kind = "thresholdMetric" if "thresholdMetric" in fields else "ratioMetric"
    return kind, fields[kind]


def _indicator(spec: YamlField, objective: YamlField, parts: dict[str, YamlField]) -> Indicator:
    kind, field = _indicator_kind(spec)
    if kind == "thresholdMetric":
        for name in ("op", "value"):
            if name not in parts:
                raise objective.error(f"`{name}` is missing: a thresholdMetric needs op and value")
        return ThresholdIndicator(_query(field), parts["op"].choice(_OPS), parts["value"].number())
    for name in ("op", "value"):
        if name in parts:
            raise parts[name].error("only a thresholdMetric has a threshold; a ratioMetric needs the target alone")
    fields = field.mapping((), ("counter", "good", "bad", "total", "raw", "rawType"))
    if "raw" in fields:
        raise fields["raw"].error("not supported yet; give good and total, or bad and total")
    if ("good" in fields) == ("bad" in fields):
        raise field.error("give either `good` or `bad`")
    if "total" not in fields:
        raise field.error("`total` is missing")
    part = fields["bad"] if "bad" in fields else fields["good"]
    counter = fields["counter"].boolean() if "counter" in fields else False  # the format's own default
    return RatioIndicator(_query(part), "bad" in fields, _query(fields["total"]), counter)


def _query(field: YamlField) -> MetricQuery:
    source = field.mapping(("metricSource",))["metricSource"]
    fields = source.mapping(("spec",), ("type", "metricSourceRef"))
    if "metricSourceRef" in fields:
        raise fields["metricSourceRef"].error(f"not supported yet; say `type: {SOURCE_TYPE}` here")
    if "type" not in fields:
        raise source.error(f"`type` is missing: say `type: {SOURCE_TYPE}`")
    if fields["type"].text() != SOURCE_TYPE:
        raise fields["type"].error(f"must be {SOURCE_TYPE}")
    spec = fields["spec"].mapping(("metric",), ("labels",))
    metric = spec["metric"].text()
    if not valid_metric_name(metric):
        raise spec["metric"].error(f"{metric!r} is not a metric name")
    labels = spec["labels"].entries() if "labels" in spec else {}
    matchers = [matcher for label, value in labels.items() for matcher in _matchers(label, value)]
    return MetricQuery(metric, tuple(sorted(matchers, key=lambda m: (m.label, m.op.value, m.value))))


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
                re.compile(matcher.value)
            except re.error as error:
                raise value.error(f"not a regular expression: {error}") from error
        matchers.append(matcher)
    if not matchers:
        raise field.error("needs at least one condition")
    return matchers
