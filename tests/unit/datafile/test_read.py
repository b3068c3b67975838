"""DATA files: what is read from each form, in which order, and what a mistake in a file is answered with."""

from __future__ import annotations

import gzip
import os
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from infra.datafile.read import DataChunk, data_files, read_data, read_labels
from models.errors import Misconfigured
from models.labels import LabelWindow
from models.series import EntityRule

RULE = EntityRule(("service", "job"), ("instance", "host"), "host")
T0_NS = 1_763_632_800 * 10**9  # 2025-11-20T10:00:00Z
SECOND_NS = 10**9
SHARED = Path(os.environ.get("TIDEWATCH_SHARED", Path(__file__).parents[3].parent / "shared"))


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def read(path: Path, chunk_samples: int = 65_536) -> list[DataChunk]:
    return list(read_data(path, RULE, chunk_samples))


def samples(chunks: list[DataChunk]) -> list[tuple[str, float, float]]:
    """(series, seconds after T0, value)"""
    return [
        (chunk.columns.series_ids[number], (time_ns - T0_NS) / 1e9, value)
        for chunk in chunks
        for number, time_ns, value in zip(
            chunk.columns.series, chunk.columns.event_time_ns.tolist(), chunk.columns.values.tolist(), strict=True
        )
    ]


def test_a_wide_file_without_labels_is_the_entity_of_its_stem(tmp_path: Path) -> None:
    rows = ["2025-11-20T10:00:00Z,0.5,100", "2025-11-20T10:00:10Z,,101"]
    path = write(tmp_path / "web-1.csv", "timestamp,cpu,rps", *rows)
    chunks = read(path)
    assert samples(chunks) == [
        ('cpu{service="web-1"}', 0, 0.5),
        ('rps{service="web-1"}', 0, 100),
        ('rps{service="web-1"}', 10, 101),
    ]
    file = chunks[0].file
    assert (file.entities, file.rows, file.missing, file.labels, file.scored_from_ns) == (("web-1",), 2, 1, None, {})
    assert RULE.identify(chunks[0].columns.series_ids[0]).entity == "web-1"


def test_a_wide_file_takes_text_columns_and_entity_labels_as_labels(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.csv",
        "timestamp,service,instance,zone,cpu",
        "2025-11-20T10:00:00Z,web,1,eu,0.5",
        "2025-11-20T10:00:00Z,web,2,eu,0.6",
    )
    chunks = read(path)
    assert samples(chunks) == [
        ('cpu{instance="1",service="web",zone="eu"}', 0, 0.5),
        ('cpu{instance="2",service="web",zone="eu"}', 0, 0.6),
    ]
    assert chunks[0].file.entities == ("web/1", "web/2")


def test_a_long_file_takes_every_other_column_as_a_label(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.csv",
        "timestamp,metric,value,service,cpu",
        "2025-11-20T10:00:05Z,usage,2,web,0",
        "2025-11-20T10:00:00Z,usage,1,web,0",
        "2025-11-20T10:00:00Z,load,7,web,",
        "2025-11-20T10:00:01Z,load,,web,",
    )
    assert samples(read(path)) == [
        ('usage{cpu="0",service="web"}', 0, 1),
        ('load{service="web"}', 0, 7),
        ('usage{cpu="0",service="web"}', 5, 2),
    ]


def test_rows_without_an_entity_label_belong_to_the_stem(tmp_path: Path) -> None:
    path = write(tmp_path / "fleet.csv", "timestamp,metric,value,service", "1763632800,up,1,web", "1763632800,up,1,")
    assert read(path)[0].file.entities == ("fleet", "web")


TIMES = {
    "RFC 3339": "2025-11-20T10:00:00Z",
    "RFC 3339 with an offset": "2025-11-20T11:00:00+01:00",
    "date and time without a zone, which is UTC": "2025-11-20 10:00:00",
    "fractions": "2025-11-20T10:00:00.000Z",
    "epoch seconds": "1763632800",
    "epoch seconds with a fraction": "1763632800.0",
    "epoch milliseconds": "1763632800000",
    "epoch nanoseconds": "1763632800000000000",
}


@pytest.mark.parametrize("text", TIMES.values(), ids=TIMES)
def test_time_stamps_are_read_in_every_usual_form(tmp_path: Path, text: str) -> None:
    assert samples(read(write(tmp_path / "a.csv", "timestamp,v", f"{text},1"))) == [('v{service="a"}', 0, 1)]


def test_gzip_and_parquet_hold_the_same_as_plain_csv(tmp_path: Path) -> None:
    rows = ["2025-11-20T10:00:00Z,1.5,true,0,history", "2025-11-20T10:00:10Z,2.5,false,1,scored"]
    plain = write(tmp_path / "a.csv", "timestamp,v,up,label,part", *rows)
    packed = tmp_path / "z" / "a.csv.gz"
    packed.parent.mkdir()
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    table = pa.table(
        {
            "timestamp": pa.array([T0_NS // 1000, T0_NS // 1000 + 10_000_000], pa.timestamp("us", "UTC")),
            "v": pa.array([1.5, 2.5], pa.float32()),
            "up": [True, False],
            "label": pa.array([0, 1], pa.int8()),
            "part": pa.array(["history", "scored"], pa.large_string()),
        }
    )
    pyarrow.parquet.write_table(table, tmp_path / "z" / "a.parquet")
    v, up = 'v{service="a"}', 'up{service="a"}'
    expected = [(v, 0, 1.5), (up, 0, 1), (v, 10, 2.5), (up, 10, 0)]
    for path in (plain, packed, tmp_path / "z" / "a.parquet"):
        chunks = read(path)
        assert samples(chunks) == expected
        file = chunks[0].file
        assert file.labels == (LabelWindow("a", T0_NS + 10 * SECOND_NS, T0_NS + 10 * SECOND_NS),)
        assert file.scored_from_ns == {"a": T0_NS + 10 * SECOND_NS}


def test_label_windows_are_runs_of_marked_times_per_entity(tmp_path: Path) -> None:
    marks = {"web": "0110010", "db": "1000011"}
    rows = [
        f"{1763632800 + second},{service},{second},{mark}"
        for service, text in marks.items()
        for second, mark in enumerate(text)
    ]
    windows = read(write(tmp_path / "a.csv", "timestamp,service,v,label", *rows))[0].file.labels
    assert windows is not None
    assert [(w.entity, (w.start_ns - T0_NS) // SECOND_NS, (w.end_ns - T0_NS) // SECOND_NS) for w in windows] == [
        ("db", 0, 0),
        ("db", 5, 6),
        ("web", 1, 2),
        ("web", 5, 5),
    ]


@pytest.mark.parametrize("chunk_samples", [1, 7, 100])
def test_chunks_of_any_size_hold_the_same_samples_in_time_order(tmp_path: Path, chunk_samples: int) -> None:
    rows = [f"{1763632800 + second},{second},{-second}" for second in np.random.default_rng(1).permutation(50)]
    path = write(tmp_path / "a.csv", "timestamp,a,b", *rows)
    chunks = read(path, chunk_samples)
    assert len(chunks) == -(-50 // max(1, chunk_samples // 2))
    assert samples(chunks) == samples(read(path))
    assert [t for _, t, _ in samples(chunks)] == sorted(t for _, t, _ in samples(chunks))


def test_infinite_and_missing_values_give_no_sample_and_are_counted(tmp_path: Path) -> None:
    chunks = read(write(tmp_path / "a.csv", "timestamp,v", "1763632800,inf", "1763632801,NaN", "1763632802,1"))
    assert samples(chunks) == [('v{service="a"}', 2, 1)]
    assert chunks[0].file.missing == 2


def test_names_that_no_metric_may_have_are_made_fit(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "timestamp,CPU usage (%),5xx", "1763632800,1,2")
    assert read(path)[0].columns.series_ids == ['CPU_usage_{service="a"}', '_5xx{service="a"}']


def test_a_folder_is_its_data_files_by_name_without_label_files(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", ".hidden.csv"):
        write(tmp_path / name, "timestamp,v", "1763632800,1")
    write(tmp_path / "labels.csv", "entity,start,end", "a,2025-11-20T10:00:00Z,2025-11-20T10:00:10Z")
    write(tmp_path / "README.md", "about")
    assert [path.name for path in data_files(tmp_path)] == ["a.csv", "b.csv"]
    assert [chunk.file.entities for chunk in read(tmp_path)] == [("a",), ("b",)]
    assert read_labels(tmp_path / "labels.csv") == [LabelWindow("a", T0_NS, T0_NS + 10 * SECOND_NS)]


MISTAKES: dict[str, tuple[list[str], str]] = {
    "no timestamp column": (["time,v", "1,2"], "no column 'timestamp' among time, v"),
    "no rows": (["timestamp,v"], "no rows"),
    "an empty file": ([""], "cannot be read"),
    "no metric": (["timestamp,name", "1763632800,a"], "no metrics"),
    "a row too short": (["timestamp,v", "1763632800,1", "1763632801"], "Expected 2 columns, got 1"),
    "a column twice": (["timestamp,v,v", "1763632800,1,2"], "column 'v' appears more than once"),
    "a cell that is no number": (
        ["timestamp,v", "1763632800,1", "1763632801,abc"],
        "line 3, column 'v': 'abc' is not a number",
    ),
    "a value that is no number": (
        ["timestamp,metric,value", "1763632800,m,1", "1763632800,m,x"],
        "line 3, column 'value': 'x' is not a number",
    ),
    "a time that is none": (
        ["timestamp,v", "2025-11-20T10:00:00Z,1", "noon,2"],
        "line 3, column 'timestamp': timestamp 'noon' is neither",
    ),
    "no time in a row": (["timestamp,v", "1763632800,1", ",2"], "line 3, column 'timestamp': empty"),
    "a label that is neither 0 nor 1": (["timestamp,v,label", "1763632800,1,2"], "column 'label': 2 is neither"),
    "a part of another name": (["timestamp,v,part", "1763632800,1,test"], "column 'part': 'test' is neither"),
    "two metrics of one name": (["timestamp,a b,a_b", "1763632800,1,2"], "'a b' and 'a_b' would both be named 'a_b'"),
}


@pytest.mark.parametrize(("lines", "complaint"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_answered_with_file_line_and_column(tmp_path: Path, lines: list[str], complaint: str) -> None:
    path = write(tmp_path / "a.csv", *lines)
    with pytest.raises(Misconfigured) as refused:
        read(path)
    assert complaint in str(refused.value)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_files_that_are_not_there_or_not_data_are_refused(tmp_path: Path) -> None:
    for path, complaint in [
        (tmp_path / "none.csv", "no such file"),
        (tmp_path, "no data files"),
        (write(tmp_path / "a.xlsx", "x"), "not a data file"),
    ]:
        with pytest.raises(Misconfigured, match=complaint):
            data_files(path)
    (tmp_path / "b.parquet").write_bytes(b"PAR1 is not enough")
    with pytest.raises(Misconfigured, match="cannot be read"):
        read(tmp_path / "b.parquet")


@pytest.mark.parametrize(
    ("row", "complaint"),
    [("a,noon,2025-11-20T10:00:10Z", "line 2, column 'start'"), ("a,1763632810,1763632800", "ends before it starts")],
)
def test_mistakes_in_a_label_file_are_named(tmp_path: Path, row: str, complaint: str) -> None:
    with pytest.raises(Misconfigured, match=complaint):
        read_labels(write(tmp_path / "labels.csv", "entity,start,end", row))
    with pytest.raises(Misconfigured, match="no column 'start'"):
        read_labels(write(tmp_path / "labels.csv", "entity,end", "a,1"))


def test_ten_files_of_13_000_rows_and_19_metrics_are_read_in_seconds(tmp_path: Path) -> None:
    times = pa.array(T0_NS // 1000 + np.arange(13_000) * 60_000_000, pa.timestamp("us", "UTC"))
    values = np.random.default_rng(1).standard_normal((19, 13_000)).astype(np.float32)
    table = pa.table({"timestamp": times} | {f"m{n:02d}": values[n] for n in range(19)})
    pyarrow.parquet.write_table(table, tmp_path / "0.parquet")
    for n in range(1, 10):
        (tmp_path / f"{n}.parquet").hardlink_to(tmp_path / "0.parquet")
    began = time.process_time()
    count = sum(len(chunk.columns) for chunk in read_data(tmp_path, RULE))
    assert count == 10 * 13_000 * 19
    assert time.process_time() - began < 10  # it takes 0.5 s; the bound only catches work per cell


def test_the_labelled_real_metrics_are_read_as_described() -> None:
    folder = SHARED / "data" / "asd"
    if not folder.exists():
        pytest.skip(f"no data sets at {folder}: set TIDEWATCH_SHARED to the folder that holds data/")
    first = next(iter(read_data(folder / "omi-1.parquet", RULE))).file
    assert (first.entities, first.rows, first.missing) == (("omi-1",), 12_960, 0)
    assert first.labels
    assert list(first.scored_from_ns) == ["omi-1"]
    assert len(read_labels(SHARED / "data" / "nab_windows.csv")) == 116
