"""Which service calls which, as trace pipelines' series say it."""

from __future__ import annotations

import pytest

from models.series import EntityRule
from models.service_graph import Edge, edge_of

RULE = EntityRule(("service",), ("instance",), "host")
CALLS = "traces_service_graph_request_total"


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        pytest.param(f'{CALLS}{{client="shop",server="pay"}}', Edge("shop", "pay"), id="calls by number"),
        pytest.param(
            'traces_service_graph_request_server_seconds_count{client="shop",server="pay"}',
            Edge("shop", "pay"),
            id="calls by their durations",
        ),
        pytest.param(f'{CALLS}{{client="shop",server="shop"}}', None, id="calls within a service"),
        pytest.param(f'{CALLS}{{client="shop"}}', None, id="a call of nobody"),
        pytest.param(f'{CALLS}{{server="pay"}}', None, id="a call by nobody"),
        pytest.param('requests_total{client="shop",server="pay"}', None, id="another metric"),
    ],
)
def test_the_call_that_a_series_counts(series: str, expected: Edge | None) -> None:
    assert edge_of(RULE.identify(series)) == expected
