"""The lake on a local folder: round trip, repeats after a crash, compaction, errors."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from infra.lake.compaction import run
from infra.lake.lake import LakeReader, LakeWriter, compact, crowded_days
from models.errors import Unavailable
from models.reasons import RejectReason
from models.records import SampleColumns
from models.series import EntityRule, Owner, SeriesBook

RULE = EntityRule(("service",), ("instance",), "host")
DAY_NS = 86_400 * 10**9
CHECKOUT = 'latency_ms{instance="a",service="checkout"}'
SEARCH = 'latency_ms{instance="b",service="search/eu"}'


def columns(series_ids: list[str], series: list[int], times: list[int], values: list[float]) -> SampleColumns:
    return SampleColumns(
        series_ids, np.array(series, np.int32), np.array(times, np.int64), np.array(values, np.float64)
    )


def offsets(*numbers: int) -> NDArray[np.int64]:
    return np.array(numbers, np.int64)


def test_what_is_flushed_is_read_back_by_service_and_range_in_event_time_order(tmp_path: Path) -> None:
    writer = LakeWriter(tmp_path, RULE)
    writer.append(
        columns([CHECKOUT, SEARCH], [0, 1, 0, 0], [30, 40, 10, DAY_NS + 5], [3.0, 4.0, 1.0, 9.0]),
        "metrics:0",
        offsets(7, 8, 9, 9),
    )
    files = writer.flush()
    assert sorted(str(f.relative_to(tmp_path)) for f in files) == [
        "service=checkout/day=1970-01-01/metrics-0-00000000000000000007-00000000000000000009.parquet",
        "service=checkout/day=1970-01-02/metrics-0-00000000000000000009-00000000000000000009.parquet",
        "service=search%2Feu/day=1970-01-01/metrics-0-00000000000000000008-00000000000000000008.parquet",
    ]
    reader = LakeReader(tmp_path)
    assert reader.newest_ns("checkout") == DAY_NS + 5
    assert reader.newest_ns("nobody") is None
    assert reader.services() == ["checkout", "search/eu"]
    both_days = reader.read("checkout", 0, 2 * DAY_NS, 100)
    assert both_days.event_time_ns.tolist() == [10, 30, DAY_NS + 5]
    assert both_days.values.tolist() == [1.0, 3.0, 9.0]
    assert [both_days.series_ids[s] for s in both_days.series] == [CHECKOUT] * 3
    assert reader.read("checkout", 11, DAY_NS, 100).values.tolist() == [3.0]
    assert reader.read("search/eu", 0, DAY_NS, 100).values.tolist() == [4.0]
    assert len(reader.read("nobody", 0, DAY_NS, 100)) == 0


def test_the_newest_samples_are_returned_where_there_are_more_than_asked_for(tmp_path: Path) -> None:
    writer = LakeWriter(tmp_path, RULE)
    writer.append(
        columns([CHECKOUT], [0, 0, 0], [5, DAY_NS, DAY_NS + 1], [1.0, 2.0, 3.0]), "metrics:0", offsets(0, 1, 2)
    )
    writer.flush()
    assert LakeReader(tmp_path).read("checkout", 0, 2 * DAY_NS, 2).values.tolist() == [2.0, 3.0]


@pytest.mark.parametrize("second_range", [(4, 5), (5, 6)], ids=["the same range", "another range that overlaps"])
def test_a_repeat_after_a_crash_is_read_once_and_the_first_value_counts(
    tmp_path: Path, second_range: tuple[int, int]
) -> None:
    first = LakeWriter(tmp_path, RULE)
    first.append(columns([CHECKOUT], [0, 0], [40, 50], [4.0, 5.0]), "metrics:0", offsets(4, 5))
    first.flush()
    again = LakeWriter(tmp_path, RULE)
    times = [10 * offset for offset in second_range]
    again.append(
        columns([CHECKOUT], [0, 0], times, [float(o) for o in second_range]), "metrics:0", offsets(*second_range)
    )
    # a producer's own repeat of an event time, later in the partition: not the first
    again.append(columns([CHECKOUT], [0], [50], [99.0]), "metrics:0", offsets(9))
    again.flush()
    read = LakeReader(tmp_path).read("checkout", 0, 55, 100)
    assert list(zip(read.event_time_ns.tolist(), read.values.tolist(), strict=True)) == [(40, 4.0), (50, 5.0)]


def test_a_file_that_a_crash_left_unfinished_is_not_read(tmp_path: Path) -> None:
    writer = LakeWriter(tmp_path, RULE)
    writer.append(columns([CHECKOUT], [0], [1], [1.0]), "metrics:0", offsets(0))
    (file,) = writer.flush()
    (file.parent / ".metrics-0-1-1.parquet.77").write_bytes(b"PAR1 and then nothing")
    assert len(LakeReader(tmp_path).read("checkout", 0, DAY_NS, 100)) == 1


def test_compaction_keeps_every_sample_and_leaves_one_file(tmp_path: Path) -> None:
    for number in range(5):
        writer = LakeWriter(tmp_path, RULE)
        writer.append(
            columns([CHECKOUT], [0, 0], [number, number + 1], [float(number), float(number + 1)]),
            f"metrics:{number % 2}",
            offsets(number, number + 1),
        )
        writer.flush()
    before = LakeReader(tmp_path).read("checkout", 0, DAY_NS, 100)
    assert crowded_days(tmp_path, 5) == [("checkout", date(1970, 1, 1))]
    assert compact(tmp_path, "checkout", date(1970, 1, 1), 5) == 5
    assert len(list(tmp_path.rglob("*.parquet"))) == 1
    after = LakeReader(tmp_path).read("checkout", 0, DAY_NS, 100)
    assert after.values.tolist() == before.values.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert compact(tmp_path, "checkout", date(1970, 1, 1), 5) == 0


def test_a_lake_that_cannot_be_written_is_unavailable_and_loses_nothing(tmp_path: Path) -> None:
    blocked = tmp_path / "lake"
    blocked.write_text("a file where the folder should be")
    writer = LakeWriter(blocked, RULE)
    writer.append(columns([CHECKOUT], [0], [1], [1.0]), "metrics:0", offsets(0))
    with pytest.raises(Unavailable, match="lake"):
        writer.flush()
    assert writer.rows == 1
    blocked.unlink()
    assert len(writer.flush()) == 1
    assert LakeReader(blocked).read("checkout", 0, DAY_NS, 100).values.tolist() == [1.0]


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    writer = LakeWriter(tmp_path, RULE)
    writer.append(columns([CHECKOUT], [0], [1], [1.0]), "metrics:0", offsets(0))
    (file,) = writer.flush()
    file.write_bytes(b"not parquet")
    with pytest.raises(Unavailable, match=file.name):
        LakeReader(tmp_path).read("checkout", 0, DAY_NS, 100)


def test_a_repeat_of_files_that_were_merged_is_merged_beside_them(tmp_path: Path) -> None:
    for first in (0, 32):
        for number in range(first, first + 64):
            writer = LakeWriter(tmp_path, RULE)
            writer.append(columns([CHECKOUT], [0], [number], [float(number)]), "metrics:0", offsets(number))
            writer.flush()
        assert run(str(tmp_path)) == 64
    assert len(list(tmp_path.rglob("*.parquet"))) == 2
    assert LakeReader(tmp_path).read("checkout", 0, DAY_NS, 1000).values.tolist() == [float(n) for n in range(96)]


def test_names_in_any_script_come_back(tmp_path: Path) -> None:
    names = [f'latency_ms{{instance="{name}",service="checkout"}}' for name in ("a", "zürich", "東京", "é")]
    writer = LakeWriter(tmp_path, RULE)
    writer.append(columns(names, [3, 2, 1, 0], [1, 2, 3, 4], [4.0, 3.0, 2.0, 1.0]), "metrics:0", offsets(0, 1, 2, 3))
    writer.flush()
    found = LakeReader(tmp_path).read("checkout", 0, DAY_NS, 10)
    assert [found.series_ids[number] for number in found.series] == names[::-1]


def test_what_a_series_belongs_to_need_not_be_found_out_twice(tmp_path: Path) -> None:
    writer = LakeWriter(tmp_path, RULE)
    text = 'latency_ms{instance="a",service="checkout"}'
    book = SeriesBook()
    book.add(SEARCH, RULE.identify(SEARCH).owner)
    number = np.array([book.add(text, Owner("told", "told/a", "latency_ms"))], np.int32)
    writer.append(columns([text], [0], [1], [1.0]), "metrics:0", offsets(0), (book, number))
    writer.append(columns([text], [0], [2], [2.0]), "metrics:0", offsets(1))
    writer.flush()
    assert LakeReader(tmp_path).services() == ["told"]
    assert LakeReader(tmp_path).read("told", 0, DAY_NS, 10).values.tolist() == [1.0, 2.0]


def test_numbers_of_another_book_are_other_series(tmp_path: Path) -> None:
    writer = LakeWriter(tmp_path, RULE)
    for text, service in ((CHECKOUT, "checkout"), (SEARCH, "search/eu"), (CHECKOUT, "checkout")):
        book = SeriesBook()
        number = np.array([book.add(text, RULE.identify(text).owner)], np.int32)
        writer.append(columns([text], [0], [1], [1.0]), "metrics:0", offsets(0), (book, number))
        writer.flush()
        assert LakeReader(tmp_path).read(service, 0, DAY_NS, 10).series_ids == [text]


def test_a_service_that_no_folder_can_be_named_after_is_parked_and_others_are_written(tmp_path: Path) -> None:
    writer = LakeWriter(tmp_path, RULE)
    names = [f'm{{service="{service}"}}' for service in ("before", "x" * 300, "after")]
    writer.append(columns(names, [0, 1, 2, 1], [DAY_NS] * 4, [0.0, 1.0, 2.0, 3.0]), "metrics:0", offsets(5, 6, 7, 8))
    files = writer.flush()
    assert sorted(file.parts[-3] for file in files) == ["service=after", "service=before"]
    (parked,) = writer.parked
    assert (parked.service, parked.source, parked.samples) == ("x" * 300, "metrics:0", 2)
    assert (parked.first_offset, parked.last_offset) == (6, 8)
    assert parked.error.reason is RejectReason.UNSTORABLE
    assert writer.flush() == []
    assert writer.parked == []
