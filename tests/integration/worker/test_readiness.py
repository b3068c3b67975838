"""A real worker says what it waits for before it reads, that it reads once it does, and what holds it back later."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

from agents.worker.retry import HANGING_S
from infra.health import check
from infra.local.processes.ports import choose_port
from tests.integration.faust_app import settings_for
from tests.integration.known_samples import environment_of
from tests.integration.worker_process import WorkerProcess

DEADLINE_S = 240.0  # compiling every loop on a busy machine


class Door:
    """A port of this machine behind which PostgreSQL is, when it is open."""

    def __init__(self, address: str) -> None:
        self.port = choose_port().number
        self._host, _, port = address.rpartition(":")
        self._to = int(port)
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._let_through, "127.0.0.1", self.port)

    async def close(self) -> None:
        """Let nobody through any more; who is inside may stay."""
        assert self._server is not None
        self._server.close()

    async def _let_through(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inside, outside = await asyncio.open_connection(self._host, self._to)

        async def pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError):
                while data := await source.read(65536):
                    target.write(data)
                    await target.drain()
            target.close()

        await asyncio.gather(pass_on(reader, outside), pass_on(inside, writer))


async def until(condition: Callable[[], Awaitable[bool]], worker: WorkerProcess) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not await condition():
        assert worker.alive, "the worker ended"
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


def answer(worker: WorkerProcess, path: str) -> tuple[int, dict[str, object]]:
    try:
        with urllib.request.urlopen(f"{worker.url}{path}", timeout=10) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


async def test_a_worker_is_ready_when_it_reads_and_says_what_it_waits_for_until_then(
    kafka: str, topic_prefix: str, postgres_url: str, tmp_path: Path
) -> None:
    parts = urlsplit(postgres_url)
    door = Door(f"{parts.hostname}:{parts.port}")
    behind = parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{door.port}").geturl()
    settings = settings_for(kafka, topic_prefix, database_url=behind, home=tmp_path, partitions=2)
    with WorkerProcess(tmp_path, "ingest,watch", environment_of(settings)) as worker:

        async def asks_for_the_database() -> bool:
            return await asyncio.to_thread(answer, worker, "/ready") == (
                503,
                {"ready": False, "waits_for": ["postgresql"]},
            )

        await until(asks_for_the_database, worker)
        healthy, said = await asyncio.to_thread(check, str(worker.health_file), time.time())
        assert not healthy
        assert said.strip() == '503 {"ready":false,"waits_for":["postgresql"]}'
        assert (await asyncio.to_thread(answer, worker, "/live"))[0] == 200, "it is alive all the same"

        await door.open()
        seen: set[str] = set()

        async def reads() -> bool:
            code, body = await asyncio.to_thread(answer, worker, "/ready")
            seen.update(body["waits_for"])  # type: ignore[call-overload]
            return code == 200

        await until(reads, worker)
        assert "compiled-loops" in seen
        healthy, said = await asyncio.to_thread(check, str(worker.health_file), time.time())
        assert healthy, said
        assert await asyncio.to_thread(worker.stop) == 0
        await door.close()
    assert not worker.health_file.exists(), "who asks after its end is told that nothing runs"


async def test_a_worker_without_partitions_is_ready_too(
    kafka: str, topic_prefix: str, postgres_url: str, tmp_path: Path
) -> None:
    settings = settings_for(kafka, topic_prefix, database_url=postgres_url, home=tmp_path, partitions=1)
    workers = [WorkerProcess(tmp_path, "watch", environment_of(settings), name) for name in ("one", "other")]
    with workers[0], workers[1]:
        for worker in workers:

            async def reads(worker: WorkerProcess = worker) -> bool:
                return (await asyncio.to_thread(answer, worker, "/ready"))[0] == 200

            await until(reads, worker)


async def test_a_worker_with_nothing_to_read_stays_ready(
    kafka: str, topic_prefix: str, postgres_url: str, tmp_path: Path
) -> None:
    settings = settings_for(kafka, topic_prefix, database_url=postgres_url, home=tmp_path, partitions=1)
    with WorkerProcess(tmp_path, "ingest,watch", environment_of(settings)) as worker:

        async def reads() -> bool:
            return (await asyncio.to_thread(answer, worker, "/ready"))[0] == 200

        await until(reads, worker)
        quiet_until_s = time.monotonic() + HANGING_S + 2.0
        while time.monotonic() < quiet_until_s:
            assert await asyncio.to_thread(answer, worker, "/ready") == (200, {"ready": True, "waits_for": []})
            await asyncio.sleep(0.5)
