"""Faust's private parts have no stand-in: a version that moves them is refused, by name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from faust.transport.consumer import Consumer
from faust.transport.drivers import aiokafka as driver

from agents.kafka.faust_seams import SEAM
from models.errors import Misconfigured
from models.seams import Library, plain


def test_the_installed_version_is_one_that_we_know() -> None:
    SEAM.require()
    assert SEAM.moved == ()


@pytest.mark.parametrize(
    ("owner", "name", "moved_to"),
    [
        (Consumer, "_new_offset", lambda self, tp, generation: None),
        (Consumer, "_filter_committable_offsets", lambda self, tps: {}),
        (driver.AIOKafkaConsumerThread, "_ensure_consumer", lambda self, again: None),
    ],
    ids=[
        "offsets are asked for otherwise",
        "commits no longer ask our ledgers",
        "the thread is another",
    ],
)
def test_a_version_that_moves_them_is_refused(
    owner: Any, name: str, moved_to: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, name, moved_to)
    with pytest.raises(Misconfigured, match=rf"{name}.*install {SEAM.tested[-1]}"):
        replace(SEAM).require()


def test_nobody_can_choose_a_path_that_does_not_exist() -> None:
    with plain(Library.FAUST):
        assert SEAM.fast
