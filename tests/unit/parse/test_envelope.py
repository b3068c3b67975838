"""What is around a record's text."""

import gzip

import cramjam
import pytest

from models.errors import Rejected
from models.parse.envelope import is_text, opened
from models.reasons import RejectReason


@pytest.mark.parametrize("size", [10, 100_000, 1_000_000], ids=["small", "usual", "as large as allowed"])
def test_compressed_bodies_open_up_to_the_limit(size: int) -> None:
    body = b"x" * size
    assert opened(gzip.compress(body), 1_000_000) == body
    assert opened(bytes(cramjam.zstd.compress(body)), 1_000_000) == body


def test_one_byte_more_than_the_limit_is_too_large() -> None:
    for packed in (gzip.compress(b"x" * 1001), bytes(cramjam.zstd.compress(b"x" * 1001))):
        with pytest.raises(Rejected) as error:
            opened(packed, 1000)
        assert error.value.reason is RejectReason.TOO_LARGE


def test_a_body_that_is_not_compressed_stays_as_it_is() -> None:
    assert opened(b"\xef\xbb\xbfa", 10) == b"a"
    assert opened(b"a" * 100, 10) == b"a" * 100


def test_text_has_no_control_characters_but_white_space() -> None:
    assert is_text("cpu x=1 \t\r\n Zürich".encode())
    assert not is_text(b"a\x00b")
    assert not is_text("a".encode("utf-16"))
