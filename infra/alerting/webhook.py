"""A webhook receiver for Alertmanager's notifications, in this process: what the demo and the tests use as on-call."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

import msgspec

PLACEHOLDER: Final = "http://receiver:9095"
"""Where the webhooks of `alertmanager/alertmanager.yml` point to until someone substitutes an address: the receiver of
`docker-compose.yml`. The embedded stack and the tests put their own there."""

MAX_BYTES: Final = 16 * 1024 * 1024
"""Largest notification that is read; Alertmanager's are a few KB an alert."""

POLL_S: Final = 0.1
"""How soon the server's thread notices that it shall end."""


class NotifiedAlert(msgspec.Struct, frozen=True, rename="camel"):
    """One alert of a notification, as Alertmanager writes it; times are RFC 3339."""

    status: str
    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: str
    ends_at: str
    fingerprint: str


class Notification(msgspec.Struct, frozen=True, rename="camel"):
    """One notification: a group of alerts for one receiver. `status` is `firing` while any of them fires."""

    receiver: str
    status: str
    alerts: list[NotifiedAlert]
    group_labels: dict[str, str]


class Received(msgspec.Struct, frozen=True):
    """A notification and when it arrived, in seconds since the epoch."""

    arrived_at_s: float
    notification: Notification


class WebhookReceiver:
    """Collects notifications from construction until `close`. Any GET is answered by 200. Safe from any thread.

    Args:
        port: to listen on; 0 chooses a free one.
        wall_s: the wall clock, seconds since the epoch, for the arrival times.
        host: address to listen on.
    """

    def __init__(self, wall_s: Callable[[], float], port: int = 0, host: str = "127.0.0.1") -> None:
        self._wall_s = wall_s
        self._received: list[Received] = []
        self._news = threading.Condition()
        self._server = ThreadingHTTPServer((host, port), _handler(self._take))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(POLL_S,), name="webhook", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._server.server_port

    @property
    def url(self) -> str:
        """Base address on this machine; any path below it is taken."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def received(self) -> list[Received]:
        """Everything that has arrived, oldest first."""
        with self._news:
            return list(self._received)

    def wait_for(self, predicate: Callable[[Notification], bool], timeout_s: float) -> Received | None:
        """The first notification, here already or within `timeout_s`, for which `predicate` holds; else None."""
        found: Received | None = None

        def look() -> bool:
            nonlocal found
            found = next((item for item in self._received if predicate(item.notification)), None)
            return found is not None

        with self._news:
            self._news.wait_for(look, timeout_s)
        return found

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _take(self, body: bytes) -> None:
        notification = msgspec.json.decode(body, type=Notification)
        with self._news:
            self._received.append(Received(self._wall_s(), notification))
            self._news.notify_all()


def _handler(take: Callable[[bytes], None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            if length > MAX_BYTES:
                self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
                return
            try:
                take(self.rfile.read(length))
            except msgspec.DecodeError as error:
                self.send_error(HTTPStatus.BAD_REQUEST, str(error))
                return
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def _answer(self) -> None:
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: a line a notification is noise in a demo and in a test."""

    return Handler
