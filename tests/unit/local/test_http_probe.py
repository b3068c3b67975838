"""Whether an HTTP service answers: yes for 200 only, and never an error."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from infra.local.processes.http_probe import http_ok


class Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(int(self.path.strip("/")))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def address() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_only_200_is_an_answer(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")  # a loopback address is asked directly
    assert [http_ok(f"{address}/{status}", timeout_s=10) for status in (200, 204, 404, 503)] == [
        True,
        False,
        False,
        False,
    ]


def test_nobody_there_is_no_answer() -> None:
    assert not http_ok("http://127.0.0.1:1/")
