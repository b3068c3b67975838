"""Which service calls which: from a file, or from the series that trace pipelines make of spans."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from models.errors import Misconfigured
from models.series import SeriesIdentity
from models.slo.openslo.yaml_fields import documents

SERVICE_GRAPH_METRICS: Final = frozenset(
    {"traces_service_graph_request_total", "traces_service_graph_request_server_seconds_count"}
)
"""As Grafana Tempo's metrics generator and the OpenTelemetry Collector's servicegraph connector name them; the labels
`client` and `server` are the two services."""

MOST_HOPS: Final = 3
"""How far a page looks: what is four calls away has shown itself nearer by."""


class Edge(NamedTuple):
    """`client` calls `server`, so trouble of the server is felt by the client."""

    client: str
    server: str


def edge_of(identity: SeriesIdentity) -> Edge | None:
    """The call that a series counts; None where it counts none, or calls within one service."""
    if identity.metric not in SERVICE_GRAPH_METRICS:
        return None
    client, server = identity.labels.get("client", ""), identity.labels.get("server", "")
    return Edge(client, server) if client and server and client != server else None


def upstream(edges: Iterable[Edge], service: str) -> dict[str, int]:
    """Services that `service` depends on, with the fewest calls in between plus one; itself is 0.

    >>> upstream([Edge("web", "cart"), Edge("cart", "db"), Edge("web", "db"), Edge("db", "web")], "web")
    {'web': 0, 'cart': 1, 'db': 1}
    """
    called: dict[str, list[str]] = {}
    for edge in edges:
        called.setdefault(edge.client, []).append(edge.server)
    hops = {service: 0}
    frontier = [service]
    for distance in range(1, MOST_HOPS + 1):
        frontier = sorted({s for client in frontier for s in called.get(client, ()) if s not in hops})
        hops |= dict.fromkeys(frontier, distance)
    return hops


def parse_dependencies(text: str, source: str) -> dict[str, list[str]]:
    """Services and what each of them calls, from a YAML mapping; errors name file, line and field.

    >>> parse_dependencies("dependencies: {checkout: [payments, search]}", "map.yaml")
    {'checkout': ['payments', 'search']}
    """
    found_documents = list(documents(text, source))
    if len(found_documents) != 1:
        raise Misconfigured(f"{source}: write one document: `dependencies:` and under it services with what they call")
    fields = found_documents[0].mapping(required=("dependencies",))
    found: dict[str, list[str]] = {}
    for client, servers in fields["dependencies"].entries().items():
        found[client] = [server.text() for server in servers.items()]
        if client in found[client]:
            raise servers.error("a service cannot depend on itself")
    return found
