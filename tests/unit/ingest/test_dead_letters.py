"""Dead letters: the producer's bytes whole where they fit, cut and accounted for where they do not."""

from __future__ import annotations

import hashlib

from agents.ingest.dead_letters import dead_letter
from agents.kafka.fetched import Record
from models.limits import MAX_LETTER_BYTES, MAX_LETTER_KEY_BYTES, RECORD_BYTES
from models.parse.outcome import Reject
from models.reasons import RejectReason

REJECT = Reject(0, RejectReason.TOO_LARGE, "5000000 bytes, 1000000 are allowed")


def letter_of(value: bytes | None, key: bytes | None = None):
    letter = dead_letter("dead", Record("metrics", 3, 42, 0, key, value), REJECT)
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
