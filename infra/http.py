"""The one way to ask an HTTP server: within a time, an answer of bounded size, errors by their meaning.

The standard library does it: a worker that would load an HTTP package for a request now and then pays 10 MB and 60 ms
of its start for it. Connections are not kept: what is asked here is asked every few seconds at most.
"""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from typing import IO, Any, Final, NamedTuple

from models.errors import Unavailable

MOST_BYTES: Final = 16 * 1024 * 1024
"""Of an answer, unless the caller says otherwise: metrics of a worker with 100,000 series are 15 MB."""

CHUNK_BYTES: Final = 64 * 1024

TOO_MANY_REQUESTS: Final = 429
OK: Final = 200
SHOWN_CHARACTERS: Final = 200
"""Of an answer that is an error, in its message."""


class Answer(NamedTuple):
    """What a server answered; a status of 500 and above, or 429, never gets here.

    Attributes:
        whole: False where the body went on beyond the bound and was cut there.
    """

    status: int
    body: bytes
    whole: bool = True

    @property
    def ok(self) -> bool:
        """Whether the status is one of success (2xx)."""
        return self.status // 100 == 2

    @property
    def text(self) -> str:
        """The body as text; what is not UTF-8 is replaced."""
        return self.body.decode(errors="replace")


class HttpClient:
    """Asks servers on behalf of one dependency; safe from any thread.

    Args:
        dependency: what is asked, as errors name it.
        timeout_s: for the whole of one request, its answer read.
        most_bytes: of an answer; more is cut.
        follow_redirects: take GETs where the server sends them; else a redirect is an answer.
        through_proxy: use the proxy that the environment names. What runs beside us is asked directly.
    """

    def __init__(
        self,
        dependency: str,
        *,
        timeout_s: float,
        most_bytes: int = MOST_BYTES,
        follow_redirects: bool = False,
        through_proxy: bool = False,
    ) -> None:
        self._dependency = dependency
        self._timeout_s = timeout_s
        self._most_bytes = most_bytes
        handlers: list[urllib.request.BaseHandler] = []
        if not through_proxy:
            handlers.append(urllib.request.ProxyHandler({}))
        if not follow_redirects:
            handlers.append(_NoRedirects())
        self._opener = urllib.request.build_opener(*handlers)

    def get(self, url: str) -> Answer:
        """The answer to a GET, as `ask`."""
        return self.ask("GET", url)

    def get_json(self, url: str) -> Any:
        """The document that a GET is answered with, whatever its status below 500; raises as `ask`.

        Raises:
            Unavailable: also where the answer is no JSON, or too long.
        """
        answer = self.get(url)
        try:
            return json.loads(answer.body)
        except ValueError as error:
            raise self._unavailable(url, f"no JSON (status {answer.status}): {_shown(answer.body)}") from error

    def ask(self, method: str, url: str, *, body: bytes | None = None, content_type: str = "") -> Answer:
        """The answer to a request. What a status below 500 means is the caller's to say.

        Raises:
            Unavailable: no answer in time, one that broke off, or one that says to come again (5xx, 429).
        """
        until = time.monotonic() + self._timeout_s
        headers = {"Content-Type": content_type} if content_type else {}
        request = urllib.request.Request(url, data=body, method=method, headers=headers)
        try:
            try:
                with self._opener.open(request, timeout=self._timeout_s) as answer:
                    found = self._read(url, answer.status, answer, answer.headers.get("Content-Length"), until)
            except urllib.error.HTTPError as refusal:
                with refusal:
                    found = self._read(url, refusal.code, refusal, refusal.headers.get("Content-Length"), until)
        except (OSError, http.client.HTTPException) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            raise self._unavailable(url, str(reason) or type(error).__name__) from error
        if found.status >= 500 or found.status == TOO_MANY_REQUESTS:
            raise self._unavailable(url, f"{method} answered {found.status}: {_shown(found.body)}")
        return found

    def _read(self, url: str, status: int, stream: IO[bytes], announced: str | None, until: float) -> Answer:
        body = bytearray()
        while len(body) <= self._most_bytes:
            if time.monotonic() > until:
                raise self._unavailable(url, f"the answer was not over within {self._timeout_s:g} s")
            chunk = stream.read(min(CHUNK_BYTES, self._most_bytes + 1 - len(body)))
            if not chunk:
                break
            body += chunk
        if len(body) > self._most_bytes:
            return Answer(status, bytes(body[: self._most_bytes]), whole=False)
        if announced is not None and announced.isdecimal() and int(announced) != len(body):
            raise self._unavailable(url, f"{len(body)} of {announced} bytes arrived")
        return Answer(status, bytes(body))

    def _unavailable(self, url: str, problem: str) -> Unavailable:
        return Unavailable(self._dependency, f"{url}: {problem}")


def answers_ok(url: str, timeout_s: float = 1.0) -> bool:
    """Whether a GET of `url` is answered with 200 in time."""
    try:
        return HttpClient(url, timeout_s=timeout_s).get(url).status == OK
    except Unavailable:
        return False


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Lets a redirect be the answer."""

    def redirect_request(self, *_: object, **__: object) -> None:
        """Nowhere to go."""


def _shown(body: bytes) -> str:
    return body[: 4 * SHOWN_CHARACTERS].decode(errors="replace").strip()[:SHOWN_CHARACTERS]
