"""Parquet files of the lake: complete or not there, the same samples back, one of every repeat."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from infra.lake import files
from models.errors import Unavailable


def write(folder: Path, name: str, samples: list[tuple[str, int, float, str, int]]) -> Path:
    """A file of (series, event time, value, source, offset)."""
    texts = [list(dict.fromkeys(column)) for column in ([s[0] for s in samples], [s[3] for s in samples])]
    series = np.array([texts[0].index(s[0]) for s in samples])
    table = files.make_table(
        series_id=(texts[0], series),
        entity=(["shop/ä"], np.zeros(len(samples))),
        metric=([text.partition("{")[0] for text in texts[0]], series),
        source=(texts[1], np.array([texts[1].index(s[3]) for s in samples])),
        event_time=np.array([s[1] for s in samples], np.int64),
        value=np.array([s[2] for s in samples]),
        source_offset=np.array([s[4] for s in samples], np.int64),
    )
    return files.write_file(table, folder, name)


def read(paths: list[Path], span_ns: tuple[int, int] | None = None) -> list[tuple[str, int, float, str, int]]:
    series: dict[str, int] = {}
    sources: dict[str, int] = {}
    part = files.deduplicate(files.read_files(paths, series, sources, span_ns))
    by_number, by_source = list(series), list(sources)
    return [
        (by_number[s], t, v, by_source[source], offset)
        for s, t, v, source, offset in zip(
            part.series.tolist(),
            part.event_time_ns.tolist(),
            part.values.tolist(),
            part.source.tolist(),
            part.offsets.tolist(),
            strict=True,
        )
    ]


FIRST = [("a{}", 10, 1.0, "metrics:0", 5), ("b{}", 10, 2.0, "metrics:0", 6), ("a{}", 20, 3.0, "metrics:0", 7)]
AGAIN = [("a{}", 10, 9.0, "metrics:1", 1), ("a{}", 20, 9.0, "metrics:0", 9), ("a{}", 30, 4.0, "metrics:1", 2)]


def test_samples_come_back_as_they_were_written(tmp_path: Path) -> None:
    assert sorted(read([write(tmp_path, "1.parquet", FIRST)])) == sorted(FIRST)


def test_of_repeats_the_first_by_source_and_offset_counts_whatever_the_files_are_called(tmp_path: Path) -> None:
    expected = sorted([*FIRST, AGAIN[2]])
    for order in ((FIRST, AGAIN), (AGAIN, FIRST)):
        paths = [write(tmp_path, f"{number}.parquet", part) for number, part in enumerate(order)]
        assert sorted(read(paths)) == expected


def test_a_span_ends_before_its_end(tmp_path: Path) -> None:
    path = write(tmp_path, "1.parquet", FIRST)
    assert [sample[1] for sample in read([path], (10, 20))] == [10, 10]


def test_statistics_tell_the_newest_time_and_names_tell_identities(tmp_path: Path) -> None:
    paths = [write(tmp_path, "1.parquet", FIRST), write(tmp_path, "2.parquet", AGAIN)]
    assert files.newest_event_ns(paths) == 30
    assert files.newest_event_ns([]) is None
    assert files.identity_columns(paths) == {"a{}": ("shop/ä", "a"), "b{}": ("shop/ä", "b")}


def test_a_file_without_its_name_is_none(tmp_path: Path) -> None:
    whole = write(tmp_path, "2.parquet", FIRST)
    (tmp_path / ".1.parquet.77").write_bytes(b"cut short")
    assert files.list_files(tmp_path) == [whole]
    assert files.list_files(tmp_path / "nowhere") == []


def test_a_file_that_is_none_is_the_lake_s_fault_for_now(tmp_path: Path) -> None:
    (tmp_path / "1.parquet").write_bytes(b"nonsense")
    for ask in (lambda: read([tmp_path / "1.parquet"]), lambda: files.newest_event_ns([tmp_path / "1.parquet"])):
        with pytest.raises(Unavailable, match="lake"):
            ask()
    with pytest.raises(FileNotFoundError):
        read([tmp_path / "2.parquet"])


def test_a_folder_is_a_service_and_a_day() -> None:
    folder = files.day_folder(Path("lake"), "shop/eu west", files.day_text(20_000))
    assert folder == Path("lake/service=shop%2Feu%20west/day=2024-10-04")
