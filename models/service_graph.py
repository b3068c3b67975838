"""Which service calls which, as the series that trace pipelines make of spans say it."""

from __future__ import annotations

from typing import Final, NamedTuple

from models.series import SeriesIdentity

SERVICE_GRAPH_METRICS: Final = frozenset(
    {"traces_service_graph_request_total", "traces_service_graph_request_server_seconds_count"}
)
"""As Grafana Tempo's metrics generator and the OpenTelemetry Collector's servicegraph connector name them; the labels
`client` and `server` are the two services."""


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
