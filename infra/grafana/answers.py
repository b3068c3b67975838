"""Answers of a real Prometheus and PostgreSQL to the dashboards' queries: what Grafana would show, without one."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import httpx
import psycopg2

from infra.grafana.queries import Kind, Query, View
from infra.store.database import Database
from models.errors import Misconfigured, Unavailable

TIMEOUT_S: Final = 15.0
"""As long as Grafana's role in PostgreSQL may run a statement."""

_LABEL_VALUES = re.compile(r"label_values\((?P<selector>.+),\s*(?P<label>\w+)\)")


@dataclass(frozen=True, slots=True)
class Answer:
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
) -> list[Answer]:
    """Answers to `queries`, in their order, over the time range from `start` to `end` (aware).

    The variables take what Grafana offers first: all services, and the first entity.

    Raises:
        Unavailable: a data source does not answer at all.
        Misconfigured: a query uses a variable or macro that is not replaced outside Grafana.
    """
    view = View(start, end)
    with httpx.Client(base_url=prometheus_url, timeout=TIMEOUT_S) as client:
        for query in queries:
            if query.kind is Kind.LABEL_VALUES:
                view = _choose(view, query.variable, _label_values(client, view, view.promql(query)))
        return [_answer(query, view, client, database) for query in queries]


def _choose(view: View, variable: str, values: Sequence[str]) -> View:
    match variable:
        case "service":
            return replace(view, services=tuple(values))
        case "entity":
            return replace(view, entity=next(iter(values), ""))
        case _:
            raise Misconfigured(f"the dashboard's variable {variable!r} is not known outside Grafana")


def _answer(query: Query, view: View, client: httpx.Client, database: Database) -> Answer:
    sent = view.sql(query) if query.kind is Kind.SQL else view.promql(query)
    try:
        match query.kind:
            case Kind.SQL:
                rows = database.count_rows(sent)
            case Kind.LABEL_VALUES:
                rows = len(_label_values(client, view, sent))
            case Kind.INSTANT:
                rows = _series(client, "/api/v1/query", {"query": sent, "time": view.end.timestamp()})
            case Kind.RANGE:
                times = {"start": view.start.timestamp(), "end": view.end.timestamp(), "step": view.step_s}
                rows = _series(client, "/api/v1/query_range", {"query": sent, **times})
    except (psycopg2.Error, _Refused) as error:
        return Answer(query, sent, 0, str(error).strip())
    return Answer(query, sent, rows)


class _Refused(Exception):
    """Prometheus understood the request and would not answer it; the message is its own."""


def _label_values(client: httpx.Client, view: View, text: str) -> list[str]:
    parts = _LABEL_VALUES.fullmatch(text)
    if parts is None:
        raise Misconfigured(f"not a query for a variable's values: {text}")
    times = {"start": view.start.timestamp(), "end": view.end.timestamp()}
    return sorted(_get(client, f"/api/v1/label/{parts['label']}/values", {"match[]": parts["selector"], **times}))


def _series(client: httpx.Client, path: str, parameters: dict[str, Any]) -> int:
    """Series with at least one number among their values."""
    result = _get(client, path, parameters)["result"]
    values = [one["values"] if "values" in one else [one["value"]] for one in result]
    return sum(any(not math.isnan(float(number)) for _, number in points) for points in values)


def _get(client: httpx.Client, path: str, parameters: dict[str, Any]) -> Any:
    try:
        response = client.get(path, params=parameters)
        body = response.json()
    except (httpx.HTTPError, ValueError) as error:
        raise Unavailable("Prometheus", str(error) or type(error).__name__) from error
    if body["status"] != "success":
        raise _Refused(body["error"])
    return body["data"]
