"""Stands between the product and Alertmanager and notes when each alert was accepted."""

from __future__ import annotations

import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

import msgspec

from models.names import AlertLabel, AlertName

TIMEOUT_S: Final = 10.0
POLL_S: Final = 0.1


class _Posted(msgspec.Struct, rename="camel"):
    labels: dict[str, str]
    starts_at: str


class AlertWatch:
    """Passes every request on to `alertmanager_url`; listens on `url` until `close`.

    Attributes:
        accepted: entity → (start of its anomaly as posted, RFC 3339; seconds since the epoch when Alertmanager had
            said yes), of the first acceptance.
    """

    def __init__(self, alertmanager_url: str) -> None:
        self.accepted: dict[str, tuple[str, float]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(alertmanager_url, self._note))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(POLL_S,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _note(self, body: bytes, at_s: float) -> None:
        for alert in msgspec.json.decode(body, type=list[_Posted]):
            if alert.labels.get(AlertLabel.ALERTNAME) == AlertName.METRIC_ANOMALY:
                self.accepted.setdefault(alert.labels[AlertLabel.ENTITY], (alert.starts_at, at_s))


def _handler(upstream: str, note: Callable[[bytes, float], None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._pass_on(None)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self._pass_on(body) and self.path.endswith("/alerts"):
                note(body, time.time())

        def _pass_on(self, body: bytes | None) -> bool:
            """Whether Alertmanager took it; its answer goes back before anything is noted."""
            request = urllib.request.Request(upstream + self.path, body, {"Content-Type": "application/json"})
            try:
                with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
                    status, text = answer.status, answer.read()
            except urllib.error.HTTPError as error:
                status, text = error.code, error.read()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
            return bool(status < 300)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet: every request would be a line."""

    return Handler
