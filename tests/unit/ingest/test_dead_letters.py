"""Dead letters: the producer's bytes whole where they fit, cut and accounted for where they do not."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from agents.ingest.dead_letters import dead_letter, parked_samples, shortened
from agents.kafka.publisher import Outgoing
from agents.kafka.records import FetchedRecord
from models.errors import Rejected
from models.limits import MAX_LETTER_BYTES, MAX_LETTER_KEY_BYTES, RECORD_BYTES
from models.parse.outcome import Reject
from models.reasons import RejectReason
from models.records import SampleColumns
from models.wire.sample_records import encode

REJECT = Reject(0, RejectReason.TOO_LARGE, "5000000 bytes, 1000000 are allowed")


def letter_of(value: bytes | None, key: bytes | None = None):
    letter = dead_letter("dead", FetchedRecord("metrics", 3, 42, 0, key, value), REJECT)
    return letter, {name: text.decode() for name, text in letter.headers}


def test_a_record_that_fits_is_there_as_it_came() -> None:
    value = b"x" * MAX_LETTER_BYTES
    letter, headers = letter_of(value, b"k")
    assert (letter.topic, letter.value, letter.key) == ("dead", value, b"k")
    assert headers == {
        "reason": "too-large",
        "detail": "5000000 bytes, 1000000 are allowed",
        "topic": "metrics",
        "partition": "3",
        "offset": "42",
    }


def test_a_longer_one_is_cut_and_tells_size_and_checksum_of_the_whole() -> None:
    value = bytes(range(256)) * 20_000
    letter, headers = letter_of(value)
    assert letter.value == value[:MAX_LETTER_BYTES]
    assert (headers["size"], headers["sha256"]) == ("5120000", hashlib.sha256(value).hexdigest())


def test_the_longest_letter_fits_into_a_topic_that_nobody_configured() -> None:
    letter, headers = letter_of(b"v" * 5_000_000, b"k" * 5_000_000)
    assert len(letter.key) == MAX_LETTER_KEY_BYTES
    most_of_the_rest = 4_096  # names and values of headers, a detail of 200 characters, lengths
    assert len(letter.value) + len(letter.key) + most_of_the_rest < RECORD_BYTES
    assert sum(len(name) + len(text) for name, text in headers.items()) < most_of_the_rest


def test_a_tombstone_stays_one() -> None:
    letter, headers = letter_of(None)
    assert letter.value is None
    assert letter.key is None
    assert "size" not in headers


def test_a_letter_that_its_topic_refuses_is_shortened_until_nothing_is_left() -> None:
    refused = Rejected(RejectReason.UNSTORABLE, "too large")
    letter, _ = letter_of(b"x" * 150, b"key")
    once = shortened(letter, refused)
    assert (once.value, once.key) == (b"x" * 15, None)
    assert dict(once.headers)["size"] == b"150"
    thrice = shortened(shortened(once, refused), refused)
    assert thrice.value == b""
    assert thrice.headers == once.headers
    with pytest.raises(Rejected, match="too large"):
        shortened(thrice, refused)


def test_samples_that_their_topic_refuses_are_told_by_where_they_come_from() -> None:
    columns = SampleColumns(["m{}"], np.zeros(3, np.int32), np.zeros(3, np.int64), np.zeros(3))
    ((_, value),) = encode(columns, np.zeros(1, np.int64), np.full(3, 77), "metrics:5", 1)
    letter = parked_samples("dead", Outgoing("samples", value), Rejected(RejectReason.UNSTORABLE, "too large"))
    assert letter.value is None
    assert dict(letter.headers) == {
        "reason": b"unstorable",
        "detail": b"3 samples: too large",
        "topic": b"metrics",
        "partition": b"5",
        "offset": b"77",
    }
