"""Every query of the dashboards, and what Grafana makes of its variables and macros before it asks a data source."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from models.errors import Misconfigured

DASHBOARDS: Final = Path(__file__).parent / "dashboards"

SCRAPE_INTERVAL_S: Final = 5
"""Of prometheus.yml, as the provisioned data source tells Grafana (`timeInterval`)."""

POINTS: Final = 300
"""Steps of a range query, about what a panel on a wide screen asks for."""

_TIME_FILTER = re.compile(r"\$__timeFilter\(([^()]+)\)")
_NOT_REPLACED = re.compile(r"\$\{?\w[\w:]*\}?|\[\[\w+\]\]")
_REGEX_SPECIAL = re.compile(r"[.*+?^${}()|\[\]\\]")


class DataSource(StrEnum):
    """Uids of the provisioned data sources."""

    PROMETHEUS = "tidewatch-prometheus"
    POSTGRESQL = "tidewatch-postgresql"


class QueryKind(StrEnum):
    """How Grafana asks."""

    RANGE = "range"
    INSTANT = "instant"
    LABEL_VALUES = "label-values"
    SQL = "sql"


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a dashboard.

    Attributes:
        place: who asks, for people: a panel's title and the query's letter, a variable, an annotation.
        text: as in the dashboard, with variables and macros.
        variable: the variable that the answer gives its values; empty for everything else.
    """

    place: str
    kind: QueryKind
    text: str
    variable: str = ""


def dashboard_queries(folder: Path = DASHBOARDS) -> list[Query]:
    """Queries of every variable, annotation and panel of the dashboards in `folder`, in the files' order.

    Raises:
        Misconfigured: a query names no provisioned data source.
    """
    return [query for path in sorted(folder.glob("*.json")) for query in _of_dashboard(json.loads(path.read_text()))]


def _of_dashboard(dashboard: Mapping[str, Any]) -> Iterator[Query]:
    title = dashboard["title"]
    for variable in dashboard["templating"]["list"]:
        name = variable["name"]
        place = f"{title}: variable {name}"
        _source(variable, place)
        yield Query(place, QueryKind.LABEL_VALUES, variable["query"]["query"], variable=name)
    for annotation in dashboard["annotations"]["list"]:
        place = f"{title}: annotation {annotation['name']!r}"
        _source(annotation, place)
        yield Query(place, QueryKind.SQL, annotation["target"]["rawSql"])
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            place = f"{title}: panel {panel['title']!r}, query {target['refId']}"
            if _source(target, place) is DataSource.POSTGRESQL:
                yield Query(place, QueryKind.SQL, target["rawSql"])
            else:
                yield Query(place, QueryKind.INSTANT if target["instant"] else QueryKind.RANGE, target["expr"])


def _source(owner: Mapping[str, Any], place: str) -> DataSource:
    uid = owner["datasource"]["uid"]
    if uid not in set(DataSource):
        raise Misconfigured(f"{place}: no data source is provisioned with the uid {uid!r}")
    return DataSource(uid)


@dataclass(frozen=True, slots=True)
class View:
    """A dashboard as somebody looks at it.

    Attributes:
        start, end: the time range, aware.
        services: values of the variable `service`, which may hold several.
        entity: value of the variable `entity`.
    """

    start: datetime
    end: datetime
    services: Sequence[str] = ()
    entity: str = ""

    @property
    def step_s(self) -> int:
        """Grafana's `$__interval`, in whole seconds; no shorter than the scrape interval."""
        return max(round(self.range_s / POINTS), SCRAPE_INTERVAL_S)

    @property
    def range_s(self) -> int:
        """Grafana's `$__range`, in whole seconds."""
        return round((self.end - self.start).total_seconds())

    def promql(self, query: Query) -> str:
        """The query as Grafana sends it to Prometheus; raises `Misconfigured` where it uses what we do not replace."""
        values = {
            # Grafana's own rule: a step and a scrape, and at least four scrapes
            "$__rate_interval": f"{max(self.step_s + SCRAPE_INTERVAL_S, 4 * SCRAPE_INTERVAL_S)}s",
            "$__range": f"{self.range_s}s",
            "$__interval": f"{self.step_s}s",
            "$service": "(" + "|".join(_for_regex(service) for service in self.services) + ")",
            "$entity": _for_literal(self.entity),
        }
        return _replaced(query.text, values, query.place)

    def sql(self, query: Query) -> str:
        """The query as Grafana sends it to PostgreSQL; raises `Misconfigured` where it uses what we do not replace."""
        start, end = (f"'{moment.isoformat()}'" for moment in (self.start, self.end))
        text = _TIME_FILTER.sub(rf"\1 BETWEEN {start} AND {end}", query.text)
        values = {
            "$__timeFrom()": start,
            "$__timeTo()": end,
            "${service:sqlstring}": ",".join(_for_sql(service) for service in self.services),
            "${entity:sqlstring}": _for_sql(self.entity),
        }
        return _replaced(text, values, query.place)


def _replaced(text: str, values: Mapping[str, str], place: str) -> str:
    rest = text
    for name in values:
        rest = rest.replace(name, "")
    unknown = _NOT_REPLACED.search(rest)
    if unknown is not None:
        raise Misconfigured(f"{place} uses {unknown[0]}, which is not replaced outside Grafana")
    for name, value in values.items():
        text = text.replace(name, value)
    return text


def _for_regex(value: str) -> str:
    """`value` so that a regular expression inside a PromQL string matches just it."""
    return _for_literal(_REGEX_SPECIAL.sub(lambda match: "\\" + match[0], value))


def _for_literal(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


def _for_sql(value: str) -> str:
    doubled = value.replace("'", "''")
    return f"'{doubled}'"
