"""Whether a broker listens, before a client is made of it."""

from __future__ import annotations

import socket
from typing import Final

from models.errors import Misconfigured, Unavailable

PROBE_TIMEOUT_S: Final = 2.0


def probe(servers: str) -> None:
    """Raise `Unavailable` where nobody listens: told at once, and the client leaves its sockets open when it fails."""
    for server in servers.split(","):
        host, _, port = server.rpartition(":")
        try:
            socket.create_connection((host, int(port)), PROBE_TIMEOUT_S).close()
            return
        except ValueError as error:
            raise Misconfigured(f"{server!r} is no address of a broker: write host:port") from error
        except OSError as error:
            problem = error
    raise Unavailable("Kafka", f"no answer from {servers}: {problem}")
