"""Client for Alertmanager's API v2, the part that Tidewatch uses."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import msgspec

from infra.http import HttpClient
from models.errors import Misconfigured, TidewatchError
from models.names import Annotation

TIMEOUT_S: Final = 5.0
"""For one request. Alertmanager answers a POST of a thousand alerts in milliseconds; well under the resend interval."""

DEPENDENCY: Final = "Alertmanager"

INVALID: Final = (400, 422)
"""Statuses that say that what was posted is wrong."""


class PostedAlert(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One alert as `POST /api/v2/alerts` takes it; times are RFC 3339. `ends_at` in the past resolves it.

    Alertmanager knows an alert by its labels and replaces everything else, annotations too, by what is posted last.
    """

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: str
    ends_at: str
    generator_url: str = msgspec.field(default="", name="generatorURL")


def posted_alert(
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
    *,
    starts_at: datetime,
    ends_at: datetime | None,
    now: datetime,
    hold_s: float,
) -> PostedAlert:
    """How to tell Alertmanager of an alert at `now`.

    Event times may be ahead of this machine's clock or out of order; Alertmanager refuses an alert that ends before it
    starts, and holds one that ends in the future for firing. So nothing starts after `now`, and what is resolved ends
    between its start and `now`.

    Args:
        ends_at: when it was resolved; None while it fires.
        hold_s: how long Alertmanager keeps it firing without hearing of it again.
    """
    starts = min(starts_at, now)
    ends = now + timedelta(seconds=hold_s) if ends_at is None else max(starts, min(ends_at, now))
    dashboard = annotations.get(Annotation.DASHBOARD_URL, "")
    return PostedAlert(
        labels=labels,
        annotations=annotations,
        starts_at=starts.isoformat(),
        ends_at=ends.isoformat(),
        generator_url=dashboard if _is_http(dashboard) else "",
    )


def _is_http(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme in ("http", "https") and bool(parts.hostname)


class Refused(TidewatchError):
    """Alertmanager found some of the posted alerts invalid. It took the others."""


class Alertmanager:
    """Asynchronous client of one Alertmanager; a request waits in a thread.

    Args:
        url: base address, `http://host:port` with the route prefix, if it has one.

    Every method raises:
        Unavailable: no answer, or an answer that says to come again (5xx, 429).
        Misconfigured: there is no Alertmanager at this address, or it does not let us in (any 4xx but `Refused`).
    """

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        if not _is_http(url):
            raise Misconfigured(f"TIDEWATCH_ALERTMANAGER_URL is no http address: {url!r}")
        self._url = url.rstrip("/")
        self._http = HttpClient(DEPENDENCY, timeout_s=timeout_s)

    async def post(self, alerts: Sequence[PostedAlert]) -> None:
        """Hand over the state of these alerts in one request. Raises `Refused` if it finds some of them invalid."""
        await self._ask("POST", "/api/v2/alerts", body=msgspec.json.encode(alerts))

    async def alerts(self, *matchers: str, active: bool = True) -> list[dict[str, Any]]:
        """Alerts that Alertmanager holds, as its API describes them; `matchers` like `service="checkout"` select."""
        query = urlencode([("filter", matcher) for matcher in matchers] + [("active", str(active).lower())])
        return msgspec.json.decode(await self._ask("GET", f"/api/v2/alerts?{query}"), type=list[dict[str, Any]])

    async def status(self) -> dict[str, Any]:
        """Version, uptime and running configuration."""
        return msgspec.json.decode(await self._ask("GET", "/api/v2/status"), type=dict[str, Any])

    async def _ask(self, method: str, path: str, *, body: bytes | None = None) -> bytes:
        ask = partial(self._http.ask, method, self._url + path, body=body, content_type="application/json")
        answer = await asyncio.to_thread(ask)
        if answer.ok:
            return answer.body
        problem = f"{method} {self._url}{path} answered {answer.status}: {answer.text[:200].strip()}"
        if answer.status in INVALID:
            raise Refused(problem)
        raise Misconfigured(problem)
