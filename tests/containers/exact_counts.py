"""Kills stream containers by `kill -9` under load, stops them once, and counts: every SLO minute must be exact.

Not part of `make test`: it needs the running stack of `docker-compose.yml`.

    python -m tests.containers.exact_counts --compose "docker compose --env-file .env.example" --kafka localhost:9094
"""

from __future__ import annotations

import argparse
import itertools
import shlex
import subprocess
import sys
import threading
import time

from infra.producers.publisher import BATCH_BYTES
from tests.integration.known_samples import SLO, KnownStream

SLO_NAME = "shop-latency"
DEADLINE_S = 300.0
STOP_WITHIN_S = 10.0
BETWEEN_KILLS_S = 10.0
"""Long enough for the killed one to read again, so that most kills meet a worker at work."""


class Compose:
    """The stack, by the command that speaks to it."""

    def __init__(self, command: str) -> None:
        self._command = shlex.split(command)

    def __call__(self, *arguments: str, stdin: str | None = None, check: bool = True) -> str:
        done = subprocess.run(
            [*self._command, *arguments], input=stdin, capture_output=True, text=True, timeout=120, check=False
        )
        if check and done.returncode:
            raise SystemExit(f"{shlex.join(arguments)}: {done.stderr}")
        return done.stdout

    def minutes(self) -> dict[int, tuple[float, float]]:
        """Epoch seconds of each minute → (good, total) of our SLO, as PostgreSQL has them."""
        rows = self(
            "exec", "-T", "postgres", "psql", "--username=tidewatch", "--dbname=tidewatch", "-At", "-F,", "-c",
            "SELECT extract(epoch FROM minute)::bigint, sum(good), sum(total) FROM slo_minute"
            f" JOIN slo ON slo.id = slo_id WHERE name = '{SLO_NAME}' GROUP BY 1",
        )  # fmt: skip
        cells = (row.split(",") for row in rows.splitlines())
        return {int(minute): (float(good), float(total)) for minute, good, total in cells}

    def workers(self) -> list[str]:
        """Numbers of the stream's containers."""
        rows = self("ps", "--format", "{{.Name}}", "stream").split()
        return sorted(name.rpartition("-")[2] for name in rows)


def produce(kafka: str, stream: KnownStream) -> None:
    """Publish the stream as its seconds pass, an instance's samples in order; return when the broker has them all."""
    from kafka import KafkaProducer

    producer = KafkaProducer(bootstrap_servers=kafka.split(","), acks="all", linger_ms=20, batch_size=BATCH_BYTES)
    for record, series, time_ns in zip(stream.records, stream.series, stream.times_ns, strict=True):
        time.sleep(max(0.0, time_ns / 1e9 - time.time()))
        producer.send("metrics", record, key=series.partition("{")[2].encode())
    producer.flush()
    producer.close()


def kill_in_turn(compose: Compose, kills: int, producing: threading.Thread) -> None:
    """`kill -9` of everything in one stream container after another, while samples come; Docker starts them again."""
    for _, number in zip(range(kills), itertools.cycle(compose.workers()), strict=False):
        time.sleep(BETWEEN_KILLS_S)
        if not producing.is_alive():
            raise SystemExit("the load ended before the last kill: ask for more seconds")
        compose("exec", "-T", "--index", number, "stream", "sh", "-c", "kill -9 -1", check=False)
        print(f"killed stream {number}")


def stop_and_start(compose: Compose) -> None:
    """Stop all stream workers with records in hand, and start them again."""
    began_s = time.monotonic()
    compose("stop", "stream")
    took_s = time.monotonic() - began_s
    compose("start", "stream")
    print(f"all stream workers stopped in {took_s:.1f} s")
    if took_s > STOP_WITHIN_S:
        raise SystemExit(f"stopping took longer than {STOP_WITHIN_S:.0f} s")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compose", default="docker compose --env-file .env.example")
    parser.add_argument("--kafka", default="localhost:9094")
    parser.add_argument("--seconds", type=int, default=120, help="how long samples come")
    parser.add_argument("--instances", type=int, default=2000, help="two samples a second each")
    parser.add_argument("--kills", type=int, default=6)
    asked = parser.parse_args()
    compose = Compose(asked.compose)
    compose("exec", "-T", "control", "sh", "-c", "cat > /tmp/known.yaml", stdin=SLO)
    compose("exec", "-T", "control", "tidewatch", "slo", "apply", "/tmp/known.yaml")
    time.sleep(2.0)  # workers look for SLOs every second
    before = compose.minutes()
    stream = KnownStream(
        asked.seconds,
        start_s=int(time.time()) + 5,  # made by then
        n_entities=asked.instances,
        first_entity=int(time.time()) % 1_000_000 * asked.instances,  # of its own, so that it can be run again
    )
    producing = threading.Thread(target=produce, args=(asked.kafka, stream))
    producing.start()
    kill_in_turn(compose, asked.kills, producing)
    stop_and_start(compose)
    producing.join()
    expected = {
        minute: (good + before.get(minute, (0, 0))[0], total + before.get(minute, (0, 0))[1])
        for minute, (good, total) in stream.slo_minutes().items()
    }
    deadline_s = time.monotonic() + DEADLINE_S
    while sum(total for _, total in compose.minutes().values()) < sum(total for _, total in expected.values()):
        if time.monotonic() > deadline_s:
            break
        time.sleep(1.0)
    time.sleep(5.0)  # what would be counted twice has time to be
    found = {minute: counts for minute, counts in compose.minutes().items() if minute in expected}
    wrong = {
        minute: (expected[minute], found.get(minute)) for minute in expected if found.get(minute) != expected[minute]
    }
    print(
        f"{len(stream.records)} samples, {asked.kills} times kill -9, one stop: {len(expected)} minutes,"
        f" {len(wrong)} of them wrong"
    )
    for minute, (wanted, got) in list(wrong.items())[:10]:
        print(f"minute {minute}: expected {wanted}, found {got}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
