"""Influx line protocol, line by line."""

import pytest

from models.reasons import RejectReason
from tests.unit.parse.formats.reading import NOW_S, parse, samples

LINES = {
    "a line as Telegraf writes it": (
        f"cpu,cpu=cpu0,host=a usage_idle=93.1,usage_user=2i {NOW_S}000000000\n",
        [('cpu_usage_idle{cpu="cpu0",host="a"}', 93.1, 0), ('cpu_usage_user{cpu="cpu0",host="a"}', 2.0, 0)],
    ),
    "several lines, blank ones and a comment between": (
        f"a x=1 {NOW_S}\n\n# comment\r\nb x=2 {NOW_S - 5}\n",
        [("a_x{}", 1.0, 0), ("b_x{}", 2.0, -5)],
    ),
    "no time is the record's own": ("a x=1", [("a_x{}", 1.0, 0)]),
    "unsigned and negative integers, exponents": (
        "a x=3u,y=-4i,z=1.5e-3,w=-.5",
        [("a_x{}", 3.0, 0), ("a_y{}", -4.0, 0), ("a_z{}", 0.0015, 0), ("a_w{}", -0.5, 0)],
    ),
    "booleans are numbers, texts are left out": (
        'a up=true,down=F,state="ok, fine = yes",n=1',
        [("a_up{}", 1.0, 0), ("a_down{}", 0.0, 0), ("a_n{}", 1.0, 0)],
    ),
    "a text with a quote, a blank and a line break": (
        'a s="say \\"hi\\" \n there",n=1 ' + str(NOW_S),
        [("a_n{}", 1.0, 0)],
    ),
    "escaped commas, blanks and equal signs": (
        "my\\ disk,path=/a\\,b,k\\=1=C:\\ x used=5i",
        [],  # a blank in a name is no metric: see the reject below
    ),
    "escapes in tags": ("disk,path=/a\\,b\\ c,k=x\\=y used=5i", [('disk_used{k="x=y",path="/a,b c"}', 5.0, 0)]),
}


@pytest.mark.parametrize(("record", "expected"), LINES.values(), ids=LINES)
def test_lines_become_samples(record: str, expected: list[tuple[str, float, int]]) -> None:
    assert samples(parse(record.encode())) == expected


BAD = {
    "a field without a value": ("a x=1\nb y\nc z=3", RejectReason.WRONG_TYPE, "field y: expected a number, got ''"),
    "a line without fields": ("a x=1\nb\nc z=3", RejectReason.UNPARSABLE, "not a line of influx line protocol: 'b'"),
    "a field that is no number": ("a x=1,y=abc,z=3", RejectReason.WRONG_TYPE, "field y: expected a number, got 'abc'"),
    "a name with a blank": ("a x=1\nb\\ c y=2\nc z=3", RejectReason.BAD_NAME, "metric name 'b c_y'"),
    "a tag that stands twice": ("a x=1\nb,t=1,t=2 y=2\nc z=3", RejectReason.BAD_NAME, "tag 't' stands twice"),
    "a time beyond 64 bits": (
        f"a x=1\nb y=2 {'9' * 30}\nc z=3",
        RejectReason.BAD_TIMESTAMP,
        f"timestamp '{'9' * 30}' is neither RFC 3339 nor an epoch time",
    ),
}


@pytest.mark.parametrize(("record", "reason", "detail"), BAD.values(), ids=BAD)
def test_what_is_bad_is_refused_and_spoils_no_neighbour(record: str, reason: RejectReason, detail: str) -> None:
    parsed = parse(record.encode())
    assert [(reject.reason, reject.detail) for reject in parsed.rejected] == [(reason, detail)]
    assert [series for series, _, _ in samples(parsed)][:1] == ["a_x{}"]
    assert [series for series, _, _ in samples(parsed)][-1] in ("c_z{}", "a_z{}")


def test_a_line_of_nothing_but_commas_takes_no_time() -> None:
    record = b"a" + b"," * 100_000 + b" x=1"
    assert [reject.reason for reject in parse(record).rejected] == [RejectReason.UNPARSABLE]


def test_a_text_without_an_end_takes_no_time() -> None:
    record = b'a x="' + b'\\"' * 100_000
    assert [reject.reason for reject in parse(record).rejected] == [RejectReason.UNPARSABLE]
