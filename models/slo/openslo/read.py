"""OpenSLO v1 YAML in, checked SLOs out. Specification: https://github.com/OpenSLO/OpenSLO (v1).

All seven kinds of documents, several to a file, may refer to each other across the files of one call. An SLO with
several objectives becomes one SLO per objective. `metricSource.type` is `tidewatch`. Without `alertPolicies` an SLO has
the workbook's burn alerts; where notifications go is said in Alertmanager's configuration, so targets are only checked.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from models.slo.burn import TIGHTEST_TARGET
from models.slo.definition import (
    ANNOTATIONS,
    DEFAULT_MIN_EVENTS,
    GAPS_ANNOTATION,
    INTERVAL_ANNOTATION,
    MIN_EVENTS_ANNOTATION,
    OUR_ANNOTATIONS,
    RUNBOOK_ANNOTATION,
    GapPolicy,
    Slices,
    Slo,
    TimeWindow,
    WindowUnit,
)
from models.slo.openslo.alert_policies import check_alerting, conditions, length_s
from models.slo.openslo.catalogue import Catalogue, Document, DocumentKind, checked_name, read_document
from models.slo.openslo.indicators import indicator, indicator_kind
from models.slo.openslo.yaml_fields import YamlField, documents
from models.timestamps import DAY_S, HOUR_S, MINUTE_S

API_VERSION: Final = "openslo/v1"
_DURATION: Final = re.compile(r"([1-9][0-9]{0,4})([mhdwMQY])")
_SHORTEST_S: Final = HOUR_S  # burn windows of a shorter period would all be the one minute that counts are kept for
_LONGEST_S: Final = 366 * DAY_S
_START_YEARS: Final = range(1970, 2200)  # any period's begin will do; years that clocks cannot tell are none
_OBJECTIVE: Final = (
    "displayName",
    "op",
    "value",
    "target",
    "targetPercent",
    "timeSliceTarget",
    "timeSliceWindow",
    "indicator",
    "indicatorRef",
    "compositeWeight",
)


def parse_openslo(text: str, source: str) -> list[Slo]:
    """SLOs of one YAML text, in their order; `source` names it in errors.

    Raises:
        Misconfigured: the first problem found, as `file:line: document n: field: problem`.
    """
    return parse_files([(source, text)])


def parse_files(files: Iterable[tuple[str, str]]) -> list[Slo]:
    """SLOs of several `(source, text)`; a document may refer to one in another file."""
    return read_definitions(files).slos


class Definitions(NamedTuple):
    """SLOs, and what their files say that has no effect here, as `file:line: document n: field: remark`."""

    slos: list[Slo]
    remarks: list[str]


def read_definitions(files: Iterable[tuple[str, str]]) -> Definitions:
    """What several `(source, text)` define; raises `Misconfigured`."""
    catalogue = Catalogue()
    for source, text in files:
        for root in documents(text, source):
            fields = root.mapping(("apiVersion", "kind", "metadata"), ("spec",))
            if fields["apiVersion"].text() != API_VERSION:
                raise fields["apiVersion"].error(f"must be {API_VERSION}")
            catalogue.add(
                read_document(root, fields["kind"].choice({kind.value: kind for kind in DocumentKind}), fields)
            )
    for sli in catalogue.of_kind(DocumentKind.SLI):
        indicator_kind(sli.whole)
    check_alerting(catalogue)
    return Definitions(_slos(catalogue), catalogue.remarks)


def _slos(catalogue: Catalogue) -> list[Slo]:
    slos: list[Slo] = []
    places: dict[str, str] = {}
    for document in catalogue.of_kind(DocumentKind.SLO):
        for slo in _slo(document, catalogue):
            if slo.name in places:
                raise document.metadata["name"].error(f"SLO {slo.name!r} is defined already at {places[slo.name]}")
            places[slo.name] = document.place
            slos.append(slo)
    return slos


def _slo(document: Document, catalogue: Catalogue) -> list[Slo]:
    fields = document.spec
    window = _time_window(fields["timeWindow"])
    objectives = fields["objectives"].items()
    if not objectives:
        raise fields["objectives"].error("needs at least one objective")
    annotations = _annotations(document)
    service = _service(fields["service"], catalogue)
    slos = []
    for objective in objectives:
        parts = objective.mapping((), _OBJECTIVE)
        if "compositeWeight" in parts:
            raise parts["compositeWeight"].error("composite SLOs are not part of OpenSLO v1; give each an SLO")
        own = parts if "indicator" in parts or "indicatorRef" in parts else fields
        slices = _slices(fields.get("budgetingMethod"), objective, parts)
        name = f"{document.name}-{_objective_suffix(objective, parts)}" if len(objectives) > 1 else document.name
        if name != document.name:
            checked_name(parts["displayName"], name)
        unit_s = slices.length_s if slices else MINUTE_S
        slos.append(
            Slo(
                name=name,
                service=service,
                target_ratio=_target(objective, parts),
                window=window,
                indicator=indicator(_indicator_spec(document.whole, own, catalogue), objective, parts, catalogue),
                display_name=document.metadata["displayName"].text() if "displayName" in document.metadata else "",
                description=fields["description"].text() if "description" in fields else "",
                min_events=_min_events(annotations.get(MIN_EVENTS_ANNOTATION)),
                runbook_url=annotations[RUNBOOK_ANNOTATION].text() if RUNBOOK_ANNOTATION in annotations else "",
                slices=slices,
                gaps=_gaps(annotations.get(GAPS_ANNOTATION)),
                telemetry_interval_s=_interval_s(annotations.get(INTERVAL_ANNOTATION)),
                conditions=conditions(fields["alertPolicies"], catalogue, period_s=window.nominal_s, unit_s=unit_s)
                if "alertPolicies" in fields
                else (),
            )
        )
    return slos


def _annotations(document: Document) -> dict[str, YamlField]:
    """Annotations by name; those of others are theirs, of ours each has to be one we know."""
    if "annotations" not in document.metadata:
        return {}
    found = document.metadata["annotations"].entries()
    for name, field in found.items():
        if name.startswith(OUR_ANNOTATIONS) and name not in ANNOTATIONS:
            close = difflib.get_close_matches(name, ANNOTATIONS, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(ANNOTATIONS)}"
            raise field.error(f"unknown annotation{hint}")
    return found


def _service(field: YamlField, catalogue: Catalogue) -> str:
    """The service's name; one of the Services of the files, where these define any."""
    name = field.text()
    known = [service.name for service in catalogue.of_kind(DocumentKind.SERVICE)]
    if known and name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else f"; they define {', '.join(known)}"
        raise field.error(f"no Service named {name!r} in the files given{hint}")
    return name


def _slices(method: YamlField | None, objective: YamlField, parts: dict[str, YamlField]) -> Slices | None:
    """How an objective budgets by time slices; None where it budgets by occurrences."""
    words = ("Occurrences", "Timeslices", "RatioTimeslices")
    name = method.choice({word: word for word in words}) if method is not None else "Occurrences"
    wanted = {"Occurrences": (), "Timeslices": ("timeSliceWindow", "timeSliceTarget")}.get(name, ("timeSliceWindow",))
    for field in ("timeSliceWindow", "timeSliceTarget"):
        if field in parts and field not in wanted:
            raise parts[field].error(f"has no meaning with budgetingMethod {name}")
        if field in wanted and field not in parts:
            raise objective.error(f"`{field}` is missing: budgetingMethod {name} needs it")
    if not wanted:
        return None
    window = parts["timeSliceWindow"]
    slice_s = int(window.text()) * MINUTE_S if window.text().isdecimal() else length_s(window)
    if slice_s == 0 or HOUR_S % slice_s:
        raise window.error("must be a number of minutes that divides an hour: 1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60")
    if "timeSliceTarget" not in wanted:
        return Slices(slice_s, None)
    target = parts["timeSliceTarget"].number()
    if not 0 < target <= 1:
        raise parts["timeSliceTarget"].error("must lie between 0, excluded, and 1")
    return Slices(slice_s, target)


def _objective_suffix(objective: YamlField, parts: dict[str, YamlField]) -> str:
    if "displayName" not in parts:
        raise objective.error("`displayName` is missing: it tells the objectives of one SLO apart")
    suffix = re.sub(r"[^a-z0-9]+", "-", parts["displayName"].text().lower()).strip("-")
    if not suffix:
        raise parts["displayName"].error("needs a letter or digit")
    return suffix


def _min_events(field: YamlField | None) -> float:
    if field is None:
        return DEFAULT_MIN_EVENTS
    try:
        value = float(field.text())
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise field.error("must be a number of events, 0 or more")
    return value


def _gaps(field: YamlField | None) -> GapPolicy:
    return GapPolicy.UNKNOWN if field is None else field.choice({policy.value: policy for policy in GapPolicy})


def _interval_s(field: YamlField | None) -> int:
    if field is None:
        return MINUTE_S
    interval_s = length_s(field)
    if not MINUTE_S <= interval_s <= HOUR_S:
        raise field.error("must lie between 1m and 1h; telemetry that comes more often counts by the minute")
    return interval_s


def _target(objective: YamlField, parts: dict[str, YamlField]) -> float:
    if ("target" in parts) == ("targetPercent" in parts):
        raise objective.error("give either `target` or `targetPercent`")
    field = parts["target"] if "target" in parts else parts["targetPercent"]
    # the text is rounded to what a person can have meant: 99.9 / 100 is 0.9990000000000001
    target = field.number() if "target" in parts else round(field.number() / 100, 12)
    if not 0 < target < 1:
        bounds = "0 and 1" if "target" in parts else "0 and 100"
        raise field.error(f"must lie between {bounds}, both excluded: it has to leave an error budget")
    if target > TIGHTEST_TARGET:
        raise field.error(f"leaves next to no error budget: {TIGHTEST_TARGET} is the tightest target")
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
    if start.year not in _START_YEARS:
        raise calendar["startTime"].error(f"must lie between {_START_YEARS[0]} and {_START_YEARS[-1]}")
    return TimeWindow(window.amount, window.unit, start.isoformat(), zone)


def _indicator_spec(spec: YamlField, fields: dict[str, YamlField], catalogue: Catalogue) -> YamlField:
    if ("indicator" in fields) == ("indicatorRef" in fields):
        raise spec.error("give either `indicator` or `indicatorRef`")
    if "indicatorRef" in fields:
        return catalogue.find(DocumentKind.SLI, fields["indicatorRef"]).whole
    return fields["indicator"].mapping(("spec",), ("metadata", "apiVersion", "kind"))["spec"]
