"""What Grafana makes of its macros, and that the dashboards can be taken in by Grafana."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from infra.grafana.queries import DASHBOARDS, SCRAPE_INTERVAL_S, DataSource, Query, QueryKind, View, dashboard_queries
from models.errors import Misconfigured
from models.names import DASHBOARD_UID

PROVISIONING = DASHBOARDS.parent / "provisioning"
LIVE: dict[str, Any] = json.loads((DASHBOARDS / "live-anomalies.json").read_text())
PANELS = [panel for panel in LIVE["panels"] if panel["type"] != "row"]

VIEW = View(
    start=datetime(2026, 11, 20, 10, 0, tzinfo=UTC),
    end=datetime(2026, 11, 20, 10, 30, tzinfo=UTC),
    services=("check.out", "O'Brien"),
    entity='check.out/i"1',
)


def sql(text: str) -> str:
    return VIEW.sql(Query("a panel", QueryKind.SQL, text))


def promql(text: str) -> str:
    return VIEW.promql(Query("a panel", QueryKind.RANGE, text))


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        pytest.param(
            "$__timeFilter(asked_at)",
            "asked_at BETWEEN '2026-11-20T10:00:00+00:00' AND '2026-11-20T10:30:00+00:00'",
            id="a time filter is the dashboard's range",
        ),
        pytest.param(
            "a <= $__timeTo() AND b >= $__timeFrom()",
            "a <= '2026-11-20T10:30:00+00:00' AND b >= '2026-11-20T10:00:00+00:00'",
            id="both ends of the range",
        ),
        pytest.param(
            "service IN (${service:sqlstring})", "service IN ('check.out','O''Brien')", id="several values are a list"
        ),
    ],
)
def test_macros_of_sql(text: str, sent: str) -> None:
    assert sql(text) == sent


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        pytest.param('a{service=~"$service"}', 'a{service=~"(check\\\\.out|O\'Brien)"}', id="several are a regex"),
        pytest.param('a{entity="$entity"}', 'a{entity="check.out/i\\"1"}', id="one value is a literal"),
        pytest.param("rate(a[$__rate_interval])", "rate(a[20s])", id="a rate has at least four scrapes"),
        pytest.param("max_over_time(a[$__range])", "max_over_time(a[1800s])", id="the whole range"),
        pytest.param("avg_over_time(a[$__interval])", "avg_over_time(a[6s])", id="one step"),
    ],
)
def test_macros_of_promql(text: str, sent: str) -> None:
    assert promql(text) == sent


@pytest.mark.parametrize("text", ["$__timeGroup(at, '1m')", "${slo:sqlstring}", "$slo", "[[service]]"])
def test_what_is_not_replaced_is_refused(text: str) -> None:
    with pytest.raises(Misconfigured, match="a panel uses"):
        sql(text)


def test_every_query_of_the_dashboards_can_be_sent() -> None:
    queries = dashboard_queries()
    assert {query.kind for query in queries} == set(QueryKind)
    for query in queries:
        assert (VIEW.sql if query.kind is QueryKind.SQL else VIEW.promql)(query)


def test_a_query_to_a_data_source_that_is_not_provisioned_is_refused(tmp_path: Any) -> None:
    broken = json.loads(json.dumps(LIVE))
    broken["annotations"]["list"][0]["datasource"]["uid"] = "-- Grafana --"
    (tmp_path / "broken.json").write_text(json.dumps(broken))
    with pytest.raises(Misconfigured, match="no data source is provisioned"):
        dashboard_queries(tmp_path)


def test_data_sources_are_provisioned_under_the_uids_that_dashboards_use() -> None:
    provisioned = yaml.safe_load((PROVISIONING / "datasources" / "tidewatch.yaml").read_text())["datasources"]
    assert {source["uid"] for source in provisioned} == set(DataSource)
    interval = next(
        source["jsonData"]["timeInterval"] for source in provisioned if source["uid"] == DataSource.PROMETHEUS
    )
    assert interval == f"{SCRAPE_INTERVAL_S}s"
    types = {source["uid"]: source["type"] for source in provisioned}
    used = [target["datasource"] for panel in PANELS for target in panel["targets"]]
    assert all(types[one["uid"]] == one["type"] for one in used)


def test_alerts_link_to_the_dashboard_by_its_uid() -> None:
    assert LIVE["uid"] == DASHBOARD_UID
    assert [variable["name"] for variable in LIVE["templating"]["list"]] == ["service", "entity"]


def test_every_panel_says_what_it_shows() -> None:
    assert [panel["title"] for panel in PANELS if not panel.get("description")] == []


def test_every_panel_has_a_unit_or_is_a_table() -> None:
    assert [
        p["title"]
        for p in PANELS
        if p["type"] not in ("table", "state-timeline") and "unit" not in p["fieldConfig"]["defaults"]
    ] == []


def test_panel_ids_are_unique() -> None:
    ids = [panel["id"] for panel in LIVE["panels"]]
    assert len(set(ids)) == len(ids)


def test_panels_lie_inside_the_grid_and_do_not_overlap() -> None:
    cells: dict[tuple[int, int], str] = {}
    for panel in LIVE["panels"]:
        grid = panel["gridPos"]
        assert grid["x"] + grid["w"] <= 24, panel["title"]
        for cell in itertools.product(range(grid["x"], grid["x"] + grid["w"]), range(grid["y"], grid["y"] + grid["h"])):
            assert cell not in cells, (panel["title"], cells[cell])
            cells[cell] = panel["title"]
