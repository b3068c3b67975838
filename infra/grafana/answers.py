"""Answers of a real Prometheus and PostgreSQL to the dashboards' queries: what Grafana would show, without one."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

import psycopg2

from infra.grafana.queries import Query, QueryKind, View
from infra.http import HttpClient
from infra.store.database import Database
from models.errors import Misconfigured, Rejected

TIMEOUT_S: Final = 15.0
"""As long as Grafana's role in PostgreSQL may run a statement."""

_LABEL_VALUES = re.compile(r"label_values\((?P<selector>.+),\s*(?P<label>\w+)\)")


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    """What a query came to.

    Attributes:
        sent: the query as it was sent.
        rows: rows, or series with at least one number.
        error: what the data source said when it refused; empty when it answered.
    """

    query: Query
    sent: str
    rows: int
    error: str = ""

    @property
    def problem(self) -> str:
        """What is wrong, for people; empty where there is data to show."""
        if self.error or not self.rows:
            return f"{self.query.place}: {self.error or 'empty answer'}\n{self.sent}"
        return ""


def ask(
    queries: Sequence[Query], prometheus_url: str, database: Database, start: datetime, end: datetime
) -> list[QueryAnswer]:
    """Answers to `queries`, in their order, over the time range from `start` to `end` (aware).

    The variables take what Grafana offers first: all services, and the first entity.

    Raises:
        Unavailable: a data source does not answer at all.
        Misconfigured: a query uses a variable or macro that is not replaced outside Grafana.
    """
    view = View(start, end)
    prometheus = _Prometheus(prometheus_url)
    for query in queries:
        if query.kind is QueryKind.LABEL_VALUES:
            view = _choose(view, query.variable, _label_values(prometheus, view, view.promql(query)))
    return [_answer(query, view, prometheus, database) for query in queries]


def _choose(view: View, variable: str, values: Sequence[str]) -> View:
    match variable:
        case "service":
            return replace(view, services=tuple(values))
        case "entity":
            return replace(view, entity=next(iter(values), ""))
        case _:
            raise Misconfigured(f"the dashboard's variable {variable!r} is not known outside Grafana")


def _answer(query: Query, view: View, prometheus: _Prometheus, database: Database) -> QueryAnswer:
    sent = view.sql(query) if query.kind is QueryKind.SQL else view.promql(query)
    try:
        match query.kind:
            case QueryKind.SQL:
                rows = database.count_rows(sent)
            case QueryKind.LABEL_VALUES:
                rows = len(_label_values(prometheus, view, sent))
            case QueryKind.INSTANT:
                rows = _series(prometheus, "/api/v1/query", {"query": sent, "time": view.end.timestamp()})
            case QueryKind.RANGE:
                times = {"start": view.start.timestamp(), "end": view.end.timestamp(), "step": view.step_s}
                rows = _series(prometheus, "/api/v1/query_range", {"query": sent, **times})
    except (psycopg2.Error, Rejected, _Refused) as error:
        return QueryAnswer(query, sent, 0, str(error).strip())
    return QueryAnswer(query, sent, rows)


class _Refused(Exception):
    """Prometheus understood the request and would not answer it; the message is its own."""


class _Prometheus:
    """The HTTP API of one Prometheus."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._http = HttpClient("Prometheus", timeout_s=TIMEOUT_S)

    def get(self, path: str, parameters: Mapping[str, Any]) -> Any:
        """What a query came to; raises `_Refused` or `Unavailable`."""
        body = self._http.get_json(f"{self._url}{path}?{urlencode(parameters)}")
        if body["status"] != "success":
            raise _Refused(body["error"])
        return body["data"]


def _label_values(prometheus: _Prometheus, view: View, text: str) -> list[str]:
    parts = _LABEL_VALUES.fullmatch(text)
    if parts is None:
        raise Misconfigured(f"not a query for a variable's values: {text}")
    times = {"start": view.start.timestamp(), "end": view.end.timestamp()}
    return sorted(prometheus.get(f"/api/v1/label/{parts['label']}/values", {"match[]": parts["selector"], **times}))


def _series(prometheus: _Prometheus, path: str, parameters: dict[str, Any]) -> int:
    """Series with at least one number among their values."""
    result = prometheus.get(path, parameters)["result"]
    values = [one["values"] if "values" in one else [one["value"]] for one in result]
    return sum(any(not math.isnan(float(number)) for _, number in points) for points in values)
