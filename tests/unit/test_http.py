"""Asking HTTP servers: within a time, bounded, errors by their meaning; and that nothing else of ours does it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.http import HttpClient, answers_ok
from models.errors import Unavailable
from tests.unit.http_server import Asked, Reply, answering

ROOT = Path(__file__).parents[2]
ALLOWED = {
    "infra/http.py": "the one",
    "infra/health.py": "runs every few seconds in every container, and imports next to nothing: 0.03 s of CPU",
}
CLIENTS = ("httpx", "urllib.request", "http.client", "requests", "aiohttp", "urllib3")


def client(**options: object) -> HttpClient:
    return HttpClient("Oracle", **{"timeout_s": 5.0, **options})


@pytest.mark.parametrize("status", [200, 204, 302, 400, 401, 404, 409, 422])
def test_a_status_below_500_is_an_answer(status: int) -> None:
    with answering(lambda _: Reply(status, b"" if status == 204 else b"because")) as url:
        answer = client().get(url)
    assert (answer.status, answer.ok, answer.whole) == (status, status < 300, True)


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_one_that_says_to_come_again_is_unavailable(status: int) -> None:
    with (
        answering(lambda _: Reply(status, b"because")) as url,
        pytest.raises(Unavailable, match=f"Oracle is unavailable: {url}: GET answered {status}: because"),
    ):
        client().get(url)


def test_nobody_there_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="Oracle is unavailable: http://127.0.0.1:1: .*refused"):
        client().get("http://127.0.0.1:1")


def test_what_is_sent_arrives() -> None:
    asked: list[Asked] = []

    def note(request: Asked) -> Reply:
        asked.append(request)
        return Reply()

    with answering(note) as url:
        client().ask("PUT", f"{url}/a?b=1", body=b"{}", content_type="application/json")
    (request,) = asked
    assert (request.method, request.path, request.body) == ("PUT", "/a?b=1", b"{}")
    assert request.headers["Content-Type"] == "application/json"


def test_a_long_answer_is_cut_at_the_bound() -> None:
    with answering(lambda _: Reply(body=b"x" * 200_000)) as url:
        answer = client(most_bytes=100_000).get(url)
        exact = client(most_bytes=200_000).get(url)
    assert (len(answer.body), answer.whole) == (100_000, False)
    assert (len(exact.body), exact.whole) == (200_000, True)


def test_an_answer_that_breaks_off_is_unavailable() -> None:
    with answering(lambda _: Reply(body=b"half", announced=8)) as url, pytest.raises(Unavailable, match="4 of 8 bytes"):
        client().get(url)


def test_an_answer_that_trickles_is_given_up_when_its_time_is_over() -> None:
    with (
        answering(lambda _: Reply(body=b"x" * 1000, every_s=0.05)) as url,
        pytest.raises(Unavailable, match="was not over within 0.2 s|timed out"),
    ):
        client(timeout_s=0.2).get(url)


def test_a_redirect_is_followed_only_where_that_was_asked_for() -> None:
    def reply(request: Asked) -> Reply:
        return Reply(body=b"there") if request.path == "/there" else Reply(302, headers=(("Location", "/there"),))

    with answering(reply) as url:
        assert client().get(url).status == 302
        assert client(follow_redirects=True).get(url).text == "there"


def test_a_proxy_of_the_environment_is_used_only_where_that_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with answering(lambda _: Reply(body=b"direct")) as url:
        assert client().get(url).text == "direct"
        with pytest.raises(Unavailable, match="refused"):
            client(through_proxy=True).get(url)


@pytest.mark.parametrize("status", [200, 400])
def test_json_is_read_whatever_the_status(status: int) -> None:
    with answering(lambda _: Reply(status, b'{"status": "error"}')) as url:
        assert client().get_json(url) == {"status": "error"}


def test_what_is_no_json_is_unavailable() -> None:
    with answering(lambda _: Reply(404, b"<html>")) as url, pytest.raises(Unavailable, match=r"no JSON .*404.*<html>"):
        client().get_json(url)


@pytest.mark.parametrize(("status", "ok"), [(200, True), (204, False), (404, False), (503, False)])
def test_a_probe_wants_200(status: int, ok: bool) -> None:
    with answering(lambda _: Reply(status)) as url:
        assert answers_ok(url) is ok
    assert answers_ok(url) is False


def imports(path: Path) -> Iterator[str]:
    """Names that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from (f"{node.module}.{name.name}" for name in node.names)


@pytest.mark.parametrize("package", ["agents", "infra", "models"])
def test_no_other_module_is_an_http_client(package: str) -> None:
    found = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sorted((ROOT / package).rglob("*.py"))
        if str(path.relative_to(ROOT)) not in ALLOWED
        for name in imports(path)
        if name.startswith(CLIENTS)
    ]
    assert found == []
