"""Raw forms of series: found by their very bytes, however many there are."""

from __future__ import annotations

import numpy as np
import pytest

from models.parse.fast.series_keys import RawSeriesKeys
from models.parse.fast.series_lookup import RawSeriesKey, find


def number_of(keys: RawSeriesKeys, metric: bytes, labels: bytes) -> int:
    """Looked up in a buffer that has other bytes around them."""
    text = np.frombuffer(b"<<" + metric + b"|" + labels + b">>", np.uint8)
    middle = 2 + len(metric)
    place = RawSeriesKey(2, middle, middle + 1 if labels else -1, middle + 1 + len(labels))
    return find(text, place, keys.table)


@pytest.fixture
def keys() -> RawSeriesKeys:
    found = RawSeriesKeys()
    found.add(b"latency_ms", b'{"service":"shop"}', 3)
    found.add(b"up", b"{}", 4)
    return found


@pytest.mark.parametrize(
    ("metric", "labels", "expected"),
    [
        pytest.param(b"latency_ms", b'{"service":"shop"}', 3, id="the very bytes"),
        pytest.param(b"latency_ms", b'{"service": "shop"}', -1, id="another notation of the same labels"),
        pytest.param(b"latency_m", b's{"service":"shop"}', -1, id="the same bytes parted elsewhere"),
        pytest.param(b"up", b"{}", 4, id="empty labels"),
        pytest.param(b"up", b"", 4, id="no labels at all"),
        pytest.param(b"down", b"", -1, id="an unknown metric"),
    ],
)
def test_a_form_is_found_by_its_bytes(keys: RawSeriesKeys, metric: bytes, labels: bytes, expected: int) -> None:
    assert number_of(keys, metric, labels) == expected


def test_tables_grow_and_forget_nothing() -> None:
    keys = RawSeriesKeys()
    for number in range(5000):  # more forms than the first table has slots, more bytes than the first buffer has
        keys.add(b"requests_total", b'{"instance":"i-%d"}' % number, number)
        if number % 777 == 0:
            assert number_of(keys, b"requests_total", b'{"instance":"i-%d"}' % number) == number
    found = [number_of(keys, b"requests_total", b'{"instance":"i-%d"}' % number) for number in range(5000)]
    assert found == list(range(5000))
    assert len(keys.table.slot) >= 2 * 5000, "at most half full, or a search for what is not there takes long"
