"""Whether an HTTP service answers."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request

# never through a proxy: the embedded services live on the loopback address
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def http_ok(url: str, timeout_s: float = 1.0) -> bool:
    """Whether a GET of `url` is answered with 200 in time."""
    try:
        with _OPENER.open(url, timeout=timeout_s) as response:
            return bool(response.status == http.client.OK)
    except (urllib.error.URLError, http.client.HTTPException, OSError):
        return False
