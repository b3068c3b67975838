"""What a worker serves by HTTP: `/metrics` for Prometheus, `/ready` for health checks, `/live` for supervisors.

`/ready` answers 200 while the worker reads, else 503; both with `{"ready": ..., "waits_for": [...]}`. `/live` answers
200 as long as the event loop turns, else 503. Served by threads: a worker that hangs still says that it does.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable
from socketserver import ThreadingMixIn
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

import msgspec
from prometheus_client import CollectorRegistry, make_wsgi_app

from agents.worker.readiness import Pulse, WorkerReadiness

GOOD: Final = "200 OK"
NOT_NOW: Final = "503 Service Unavailable"


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _ServerV6(_Server):
    address_family = socket.AF_INET6


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a line a scrape is noise."""


class Endpoints:
    """Serves from construction until `close`.

    Args:
        host, port: to listen on; port 0 chooses a free one.
        registry: what `/metrics` shows.
        readiness, pulse: what `/ready` and `/live` answer from.
    """

    def __init__(
        self, host: str, port: int, registry: CollectorRegistry, readiness: WorkerReadiness, pulse: Pulse
    ) -> None:
        metrics = make_wsgi_app(registry)

        def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            path = environ.get("PATH_INFO", "")
            if path == "/ready":
                awaited = readiness.waits_for()
                return _json(start_response, not awaited, {"ready": not awaited, "waits_for": awaited})
            if path == "/live":
                return _json(
                    start_response, pulse.is_alive, {"live": pulse.is_alive, "last_beat_s": round(pulse.age_s, 1)}
                )
            shown: Iterable[bytes] = metrics(environ, start_response)
            return shown

        server = _ServerV6 if ":" in host else _Server
        self._server = make_server(host, port, answer, server_class=server, handler_class=_Quiet)
        self._thread = threading.Thread(target=self._server.serve_forever, name="endpoints", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._server.server_port

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _json(start_response: StartResponse, good: bool, body: dict[str, object]) -> list[bytes]:
    start_response(GOOD if good else NOT_NOW, [("Content-Type", "application/json")])
    return [msgspec.json.encode(body) + b"\n"]
