"""The hash table under the raw forms, filled and read by compiled loops."""

from __future__ import annotations

import numpy as np

from models.parse.fast.series_lookup import RawSeriesKey, RawSeriesKeyTable, find, insert


def table(entries: list[tuple[bytes, bytes]], slots: int) -> RawSeriesKeyTable:
    """A table of as many slots as given; the n-th entry is series 10 n."""
    texts = [metric + labels for metric, labels in entries]
    lengths = np.array([len(text) for text in texts], np.int64)
    forms = RawSeriesKeyTable(
        np.full(slots, -1, np.int32),
        np.cumsum(lengths) - lengths,
        np.array([len(metric) for metric, _ in entries], np.int64),
        lengths,
        np.arange(0, 10 * len(entries), 10, dtype=np.int32),
        np.frombuffer(b"".join(texts), np.uint8),
    )
    insert(0, len(entries), forms)
    return forms


def look_up(forms: RawSeriesKeyTable, metric: bytes, labels: bytes) -> int:
    middle = len(metric)
    return find(np.frombuffer(metric + labels, np.uint8), RawSeriesKey(0, middle, middle, middle + len(labels)), forms)


def test_entries_that_share_a_slot_are_told_apart() -> None:
    """Seven entries of eight slots: some of them collide, whatever the hash."""
    entries = [(b"metric_%d" % number, b'{"a":"%d"}' % number) for number in range(7)]
    forms = table(entries, slots=8)
    assert sorted(forms.slot.tolist()) == [-1, 0, 1, 2, 3, 4, 5, 6]
    assert [look_up(forms, *entry) for entry in entries] == [0, 10, 20, 30, 40, 50, 60]
    assert look_up(forms, b"metric_7", b'{"a":"7"}') == -1


def test_entries_are_entered_by_ranges() -> None:
    entries = [(b"a", b"{}"), (b"b", b"{}")]
    forms = table(entries, slots=8)
    emptied = forms._replace(slot=np.full(8, -1, np.int32))
    insert(1, 2, emptied)
    assert [look_up(emptied, *entry) for entry in entries] == [-1, 10]
