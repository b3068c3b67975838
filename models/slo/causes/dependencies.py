"""Which service calls which: from a file, or from the series that trace pipelines make of spans."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from models.errors import Misconfigured
from models.service_graph import Edge
from models.slo.openslo.yaml_fields import documents

MOST_HOPS: Final = 3
"""How far a page looks: what is four calls away has shown itself nearer by."""


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
