"""A small HTTP server for tests: answers what a test says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Asked(NamedTuple):
    """A request as it arrived."""

    method: str
    path: str
    body: bytes
    headers: dict[str, str]


class Reply(NamedTuple):
    """What is answered; `announced` lies about the length, `every_s` puts a wait before each byte."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    announced: int | None = None
    every_s: float = 0.0


@contextmanager
def answering(reply: Callable[[Asked], Reply]) -> Iterator[str]:
    """Address of a server that answers while the block runs."""
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            said = reply(Asked(self.command, self.path, body, dict(self.headers)))
            self.send_response(said.status)
            for name, value in said.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said.body) if said.announced is None else said.announced))
            self.end_headers()
            try:
                if not said.every_s:
                    self.wfile.write(said.body)
                for byte in said.body if said.every_s else b"":
                    ended.wait(said.every_s)
                    self.wfile.write(bytes([byte]))
            except OSError:
                pass  # whoever asked had enough
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))  # seconds until it sees its end
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        ended.set()
        server.shutdown()
        thread.join()
        server.server_close()
