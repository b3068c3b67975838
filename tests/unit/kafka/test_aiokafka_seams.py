"""What of aiokafka the fast path relies on, and that the plain one gives the same records."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import aiokafka.consumer.fetcher
import aiokafka.record.util
import pytest
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBatch
from faust.types import TP

from agents.kafka.aiokafka_seams import SEAM, Batches, RecordBatch
from agents.kafka.fetched import Fetched
from agents.kafka.records import Packed
from models.reasons import LibraryPath


def test_the_installed_version_is_one_that_the_fast_path_knows() -> None:
    assert SEAM.moved == ()


async def other_signature(self: Any, node_id: int) -> None:
    """Another version's."""


@pytest.mark.parametrize(
    ("owner", "name", "moved_to", "said"),
    [
        (aiokafka.consumer.fetcher.Fetcher, "_proc_fetch_request", other_signature, "takes (self, node_id), not"),
        (BatchBuilder, "another_method", lambda self: None, "BatchBuilder is missing or works in another way"),
        (BatchBuilder, "_build", lambda self, compressed: b"", "BatchBuilder is missing or works in another way"),
        (aiokafka.record.util, "calc_crc32c", lambda body: 0, "calc_crc32c is missing or works in another way"),
    ],
    ids=["the fetcher takes other things", "a builder is asked for more", "a builder builds otherwise", "a checksum"],
)
def test_what_has_moved_is_seen_at_the_start(
    owner: Any, name: str, moved_to: Any, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, name, moved_to, raising=False)
    looked_at_anew = replace(SEAM)
    assert said in looked_at_anew.warning()
    assert looked_at_anew.path is LibraryPath.PLAIN_MOVED


def test_both_paths_fetch_the_same_records() -> None:
    place = TP("samples", 2)
    builder = BatchBuilder(10**6, 0)
    for i in range(5):
        builder.append(timestamp=1_700_000_000_000 + i, key=None if i == 2 else b"k%d" % i, value=b"v" * i)
    data = bytes(builder._build())
    batches, handed_over = Batches(data), []
    while batches.has_next():
        batch = batches.next_batch()
        handed_over.append(SimpleNamespace(value=batch, offset=batch.offset))
    fast = Fetched.of_getmany(place, handed_over, 0)
    plain = Fetched.of_getmany(place, list(DefaultRecordBatch(data)), 0)
    assert list(fast) == list(plain)
    assert [record.offset for record in plain] == [0, 1, 2, 3, 4]
    assert len(Fetched.of_getmany(place, [], 0)) == 0


def test_a_batch_that_is_made_already_takes_no_more_records() -> None:
    batch = RecordBatch(Packed("t", 0, 3, 5, b"body"))
    assert batch.closed()
    assert batch.append(timestamp=1, key=None, value=b"") is None
    assert batch.record_count() == 3
