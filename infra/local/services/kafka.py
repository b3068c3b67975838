"""A Kafka broker of our own: one node in KRaft mode, broker and controller in one process."""

from __future__ import annotations

import base64
import socket
import struct
import subprocess
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

from infra.local.java import find_java
from infra.local.kafka_jars import class_archive, kafka_jars
from infra.local.processes.ports import LOOPBACK, choose_port
from infra.local.processes.process import Program, last_line
from infra.local.services.service import Service
from models.errors import Unavailable

FORMAT_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0  # a loaded machine flushing its logs
PREFERRED_PORT = 9092
# -Xmx256m holds a few hundred partitions and the load of one machine; the page cache does the rest
JVM = ("-Xms128m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
LOGGING = (
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
)
API_VERSIONS_REQUEST = struct.pack(">ihhih", 10, 18, 0, 1, -1)  # key 18 version 0, correlation 1, no client id


class Kafka(Service):
    """The broker; `address` is its bootstrap address."""

    name = "kafka"

    def __init__(
        self,
        home: Path,
        cache: Path,
        say: Callable[[str], None],
        wanted_port: int = PREFERRED_PORT,
        more_jvm: Sequence[str] = (),
    ) -> None:
        """Data in `home/kafka`, jars in `cache`; `say` hears of a fetch, which takes its time."""
        super().__init__(home, choose_port(wanted_port))
        self._cache = cache
        self._say = say
        self._data = self.home / "kafka"
        self._run: list[str | Path] = []
        self._more_jvm = more_jvm

    def prepare(self) -> None:
        """Fetch the jars and format the storage.

        Raises:
            Misconfigured: no Java, no Maven or no jars; one line says what to install.
        """
        java = find_java()
        jars = kafka_jars(self._cache, self._say)
        archive = class_archive(jars, java)
        shared = [f"-XX:SharedArchiveFile={archive}"] if archive.exists() else []
        self._run = [java, *JVM, *shared, *LOGGING, "-cp", f"{jars.resolve()}/*"]
        self._data.mkdir(parents=True, exist_ok=True)
        self._configuration.write_text(_properties(self._data, self.port, choose_port().number))
        if not (self._data / "log" / "meta.properties").exists():
            _format(self._run, self._configuration, self._data / "format.log")

    @property
    def _configuration(self) -> Path:
        return self._data / "server.properties"

    def program(self) -> Program:
        """The broker's JVM."""
        argv = [self._run[0], *self._more_jvm, *self._run[1:], "kafka.Kafka", self._configuration]
        return Program(self.name, argv, folder=self._data, stop_timeout_s=STOP_TIMEOUT_S)

    def ready(self) -> bool:
        """Whether it answers requests."""
        return speaks_kafka(self.port)


def speaks_kafka(port: int) -> bool:
    """Whether a Kafka broker answers an ApiVersions request on the loopback port."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1.0) as connection:
            connection.sendall(API_VERSIONS_REQUEST)
            return len(connection.recv(10)) == 10
    except OSError:
        return False


def _format(run: list[str | Path], configuration: Path, log: Path) -> None:
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")
    with log.open("wb") as output:
        done = subprocess.run(
            [*run, "kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", cluster, "-c", configuration],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=FORMAT_TIMEOUT_S,
            check=False,
        )
    if done.returncode != 0:
        raise Unavailable("kafka", f"formatting its storage failed: {last_line(log)} (see {log})")


def _properties(data: Path, port: int, controller_port: int) -> str:
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{LOOPBACK}:{controller_port}",
        "listeners": f"PLAINTEXT://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{port}",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": data / "log",
        "auto.create.topics.enable": "false",
        # one node: nothing to replicate to
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        # a few groups only; 50 partitions each would be files and start-up time for nothing
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.num.partitions": 4,
        "group.initial.rebalance.delay.ms": 0,
        # a laptop's disk: a day, and at most 1 GiB a partition
        "log.retention.hours": 24,
        "log.retention.bytes": 1 << 30,
        "log.segment.bytes": 128 << 20,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())
