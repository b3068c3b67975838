"""Ids of the cluster and of its topics, asked from the brokers (KIP-516: a topic made anew has another id)."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from models.errors import Unavailable
from models.stream.identity import StreamIdentity
from models.wire.kafka_metadata import LENGTH, metadata_request, read_metadata

TIMEOUT_S: Final = 5.0
"""Whoever asks can do without an answer for a while, and asks again."""

MOST_BYTES: Final = 16 * 1024 * 1024
"""Of an answer; one about two topics of a thousand partitions has 100 KB. More is no answer of a broker."""


class ClusterIds(NamedTuple):
    """What the brokers say: the cluster's id, and the id of each topic that is there."""

    cluster_id: str
    topic_ids: Mapping[str, str]

    def identity(self, topic: str) -> StreamIdentity:
        """Of a topic; unknown where it is not there."""
        topic_id = self.topic_ids.get(topic, "")
        return StreamIdentity(self.cluster_id if topic_id else "", topic_id)


NOTHING_KNOWN: Final = ClusterIds("", {})


def ask_ids(servers: str, topics: Iterable[str]) -> ClusterIds:
    """Ids as they are now; nothing known where the brokers are older than topic ids. Blocking; raises `Unavailable`."""
    failure: OSError | None = None
    for server in servers.split(","):
        host, _, port = server.strip().rpartition(":")
        try:
            with socket.create_connection((host.strip("[]"), int(port)), TIMEOUT_S) as connection:
                answer = _answer(connection, sorted(set(topics)))
        except OSError as error:
            failure = error
            continue
        try:
            found = read_metadata(answer)
        except ValueError:
            return NOTHING_KNOWN
        return ClusterIds(found.cluster_id, found.topic_ids)
    raise Unavailable("Kafka", f"{servers}: {failure}") from failure


def _answer(connection: socket.socket, topics: Sequence[str]) -> bytes:
    connection.sendall(metadata_request(topics, "tidewatch-identity"))
    (length,) = LENGTH.unpack(_received(connection, LENGTH.size))
    if not 0 <= length <= MOST_BYTES:
        raise OSError(f"an answer of {length} bytes")
    return _received(connection, length)


def _received(connection: socket.socket, n: int) -> bytes:
    parts, missing = [], n
    while missing:
        part = connection.recv(missing)
        if not part:
            raise OSError("the connection was closed")
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)
