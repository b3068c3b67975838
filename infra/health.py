"""The health check of a container: `python -m infra.health FILE` or `python -m infra.health URL`.

A long-running process writes down in `TIDEWATCH_HEALTH_FILE` how it is to be asked: a worker the URL of its `/ready`,
at whichever port it got; a producer until when its last delivery counts. What was answered is printed, so that
`docker inspect` shows it. Exit codes: 0 healthy, 1 not.

Every few seconds this runs in every container, so it imports next to nothing: 0.05 s of CPU.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
from pathlib import Path
from typing import Final

from infra.clock import Clock, SystemClock

TIMEOUT_S: Final = 4.0
"""Docker ends a check after 5 s, and would show nothing then."""

HTTP: Final = "http://"
ANYWHERE: Final = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "[::1]"}
"""Addresses to listen on that are none to call, and what to call for them."""


class HealthFile:
    """Where this process writes down how it is; an empty path: nowhere.

    Args:
        clock: the machine's, of which the wall clock is asked.
    """

    def __init__(self, path: str, clock: Clock) -> None:
        self._path = Path(path) if path else None
        self._clock = clock
        self._written_s = 0.0

    def ask_at(self, host: str, port: int, path: str) -> None:
        """From now on a health check asks there.

        Args:
            host: that this process listens on; `0.0.0.0` is asked at loopback.
        """
        self._write({"url": f"{HTTP}{ANYWHERE.get(host, host)}:{port}{path}"})

    def good_for(self, lasts_s: float) -> None:
        """This process is healthy, and is for so many seconds more. Called often, written seldom. Any thread may."""
        now_s = self._clock.now_ns() / 1e9
        if now_s - self._written_s > lasts_s / 4:
            self._written_s = now_s
            self._write({"good_until_s": now_s + lasts_s})

    def remove(self) -> None:
        """This process ends."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _write(self, content: dict[str, object]) -> None:
        """So that a reader sees the whole text or no file."""
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        part = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        part.write_text(json.dumps(content))
        part.replace(self._path)


def check(where: str, now_s: float) -> tuple[bool, str]:
    """Whether the process is healthy, and what it said.

    Args:
        where: a URL to ask, or the path of a health file.
        now_s: seconds since the epoch.
    """
    if where.startswith(HTTP):
        return ask(where)
    try:
        content = json.loads(Path(where).read_text())
    except (OSError, ValueError) as error:
        return False, f"nothing runs yet: {error}"
    if "url" in content:
        return ask(content["url"])
    left_s = float(content["good_until_s"]) - now_s
    if left_s > 0:
        return True, f"delivers; good for {left_s:.0f} s more"
    return False, f"has delivered nothing for {-left_s:.0f} s longer than it may"


def ask(url: str) -> tuple[bool, str]:
    """Whether a GET is answered by 200, and the answer's text."""
    address, _, path = url.removeprefix(HTTP).partition("/")
    connection = http.client.HTTPConnection(address, timeout=TIMEOUT_S)
    try:
        connection.request("GET", f"/{path}")
        answer = connection.getresponse()
        return answer.status == http.HTTPStatus.OK, f"{answer.status} {answer.read(2000).decode(errors='replace')}"
    except (OSError, http.client.HTTPException) as error:
        return False, f"no answer from {url}: {error!r}"
    finally:
        connection.close()


def main() -> int:
    healthy, said = check(sys.argv[1], SystemClock().now_ns() / 1e9)
    sys.stdout.write(said.strip() + "\n")
    return 0 if healthy else 1


if __name__ == "__main__":
    sys.exit(main())
