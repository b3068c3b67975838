"""Kafka's Metadata request, version 10, and what its answer says about ids: the first version that tells topics' ids.

aiokafka speaks version 5 at most. Source: Kafka's protocol guide, "Metadata API"; KIP-482 (compact fields), KIP-516.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

API_KEY: Final = 3
API_VERSION: Final = 10
"""Brokers from 2.8 on."""

LENGTH: Final = struct.Struct(">i")
"""What every request and answer begins with: how many bytes follow."""

NO_ID: Final = bytes(16)


class Metadata(NamedTuple):
    """Id of the cluster, empty where it has none, and id of each topic that is there, as Kafka's tools write it."""

    cluster_id: str
    topic_ids: dict[str, str]


def metadata_request(topics: Sequence[str], client_id: str) -> bytes:
    """A request for these topics, its length first; it makes none of them."""
    name = client_id.encode()
    header = struct.pack(">hhih", API_KEY, API_VERSION, 0, len(name)) + name + b"\0"
    asked = b"".join(NO_ID + _compact(topic.encode()) + b"\0" for topic in topics)
    # no topic is made by asking, and nobody asks who may do what
    body = header + _varint(len(topics) + 1) + asked + bytes(3) + b"\0"
    return LENGTH.pack(len(body)) + body


def read_metadata(answer: bytes) -> Metadata:
    """What an answer without its length says; raises `ValueError` where it is none."""
    try:
        return _Reader(answer).metadata()
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise ValueError(f"no answer to a Metadata request of version {API_VERSION}: {error}") from error


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))


def _compact(text: bytes) -> bytes:
    return _varint(len(text) + 1) + text


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def metadata(self) -> Metadata:
        self._skip(4)  # the request's number
        self._tags()
        self._skip(4)  # throttled for
        for _ in range(self._count()):  # brokers
            self._skip(4)
            self._text()
            self._skip(4)
            self._text()
            self._tags()
        cluster_id = self._text() or ""
        self._skip(4)  # the controller
        topics = [self._topic() for _ in range(self._count())]
        return Metadata(cluster_id, {name: topic_id for name, topic_id in topics if topic_id})

    def _topic(self) -> tuple[str, str]:
        """Name and id of a topic; an empty id where it is not there."""
        (error,) = struct.unpack(">h", self._take(2))
        name, number = self._text() or "", self._take(16)
        self._skip(1)  # whether it is internal
        for _ in range(self._count()):  # partitions
            self._skip(2 + 3 * 4)
            for _ in range(3):  # replicas, those in sync, those away
                self._skip(4 * self._count())
            self._tags()
        self._skip(4)
        self._tags()
        known = error == 0 and number != NO_ID
        return name, base64.urlsafe_b64encode(number).decode().rstrip("=") if known else ""

    def _take(self, n: int) -> bytes:
        taken = self._data[self._at : self._at + n]
        if len(taken) < n:
            raise IndexError("it ends too early")
        self._at += n
        return taken

    def _skip(self, n: int) -> None:
        self._take(n)

    def _number(self) -> int:
        number = shift = 0
        while True:
            byte = self._take(1)[0]
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return number
            shift += 7

    def _count(self) -> int:
        return max(self._number() - 1, 0)

    def _text(self) -> str | None:
        length = self._number()
        return self._take(length - 1).decode() if length else None

    def _tags(self) -> None:
        for _ in range(self._number()):
            self._number()
            self._skip(self._number())
