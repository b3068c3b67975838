"""The Metadata request and its answer, byte by byte; a real broker answers in `test_topic_made_anew.py`."""

from __future__ import annotations

import pytest

from models.wire.kafka_metadata import metadata_request, read_metadata

TOPIC_ID = bytes(range(16))


def answer(error: int = 0, cluster: bytes = b"\x06local") -> bytes:
    broker = b"\0\0\0\1" + b"\x0alocalhost" + b"\0\0\x23\x84" + b"\0" + b"\0"
    partition = b"\0\0" + b"\0\0\0\0" + b"\0\0\0\1" + b"\0\0\0\0" + b"\x02\0\0\0\1" + b"\x02\0\0\0\1" + b"\x01" + b"\0"
    topic = error.to_bytes(2, "big") + b"\x08metrics" + TOPIC_ID + b"\0" + b"\x02" + partition + b"\x80\0\0\0" + b"\0"
    head = b"\0\0\0\0" + b"\0" + b"\0\0\0\0"
    return head + b"\x02" + broker + cluster + b"\0\0\0\1" + b"\x02" + topic + b"\x80\0\0\0" + b"\0"


def test_a_request_asks_for_topics_by_name_and_makes_none() -> None:
    request = metadata_request(["ab"], "me")
    assert (
        request
        == (
            b"\0\0\0\x26"  # 38 bytes follow
            b"\0\x03\0\x0a\0\0\0\0\0\x02me\0"  # key, version, number, client, no tags
            b"\x02" + bytes(16) + b"\x03ab\0"  # one topic
            b"\0\0\0"  # make none, and do not say who may do what
            b"\0"
        )
    )


def test_an_answer_tells_the_clusters_id_and_the_topics() -> None:
    found = read_metadata(answer())
    assert (found.cluster_id, found.topic_ids) == ("local", {"metrics": "AAECAwQFBgcICQoLDA0ODw"})


def test_a_topic_that_is_not_there_has_no_id() -> None:
    assert read_metadata(answer(error=3)).topic_ids == {}


def test_a_cluster_without_an_id_has_an_empty_one() -> None:
    assert read_metadata(answer(cluster=b"\0")).cluster_id == ""


@pytest.mark.parametrize("length", [0, 3, 9, 30, 60, 90])
def test_what_ends_too_early_is_no_answer(length: int) -> None:
    with pytest.raises(ValueError, match="no answer"):
        read_metadata(answer()[:length])
