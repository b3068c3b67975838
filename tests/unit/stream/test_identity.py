"""Whether a stored offset belongs to the stream that is read now."""

from __future__ import annotations

import pytest

from models.reasons import IdentityCheck
from models.stream.identity import UNKNOWN, StreamIdentity, check_identity, source_name, source_parts

HERE = StreamIdentity("cluster", "topic")
CASES = {
    "the same topic": (HERE, HERE, IdentityCheck.SAME),
    "a topic made anew": (StreamIdentity("cluster", "before"), HERE, IdentityCheck.TOPIC_MADE_ANEW),
    "another cluster": (StreamIdentity("elsewhere", "topic"), HERE, IdentityCheck.OTHER_CLUSTER),
    "another cluster and topic": (StreamIdentity("elsewhere", "before"), HERE, IdentityCheck.OTHER_CLUSTER),
    "stored by a version without ids": (UNKNOWN, HERE, IdentityCheck.ADOPTED),
    "brokers that tell no ids": (HERE, UNKNOWN, IdentityCheck.NOT_KNOWN),
    "a topic that is not there now": (HERE, StreamIdentity("cluster", ""), IdentityCheck.NOT_KNOWN),
}


@pytest.mark.parametrize(("stored", "present", "check"), CASES.values(), ids=CASES)
def test_check(stored: StreamIdentity, present: StreamIdentity, check: IdentityCheck) -> None:
    assert check_identity(stored, present) is check


@pytest.mark.parametrize("topic", ["metrics", "prod.metrics", "a-b_c"])
@pytest.mark.parametrize("topic_id", ["", "AAECAwQFBgcICQoLDA0ODw", "-_x"])
def test_a_sources_name_says_its_topic_id_and_partition(topic: str, topic_id: str) -> None:
    assert source_parts(source_name(topic, topic_id, 12)) == (topic, topic_id, 12)
