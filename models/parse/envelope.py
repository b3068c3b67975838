"""What is around a record's text: compression, byte order marks, frames; and what a body is that nobody can read."""

from __future__ import annotations

import re
import zlib
from typing import Final

import cramjam

from models.errors import Rejected
from models.reasons import RejectReason

GZIP: Final = b"\x1f\x8b"
ZSTD: Final = b"\x28\xb5\x2f\xfd"
_UTF8_MARK: Final = b"\xef\xbb\xbf"
_UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
_ZLIB_OR_GZIP: Final = 32 + zlib.MAX_WBITS
# bytes that no text format of ours contains, and that protobuf and compressed bodies always do
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_SCHEMA_FRAME_BYTES: Final = 5
# metrics compress to a tenth or a twentieth
_USUAL_RATIO: Final = 32
# what cramjam says where the buffer is too small; a test holds it to that
_FULL: Final = "write whole buffer"


def opened(body: bytes, limit: int) -> bytes:
    """The body without compression and byte order mark.

    Args:
        limit: most bytes that it may have once decompressed.

    Raises:
        Rejected: `too-large` beyond the limit, however small it came; `unparsable` where it does not decompress.
    """
    if body.startswith(GZIP):
        return _gunzipped(body, limit)
    if body.startswith(ZSTD):
        return _decompressed(body, limit)
    return body.removeprefix(_UTF8_MARK)


def is_text(body: bytes) -> bool:
    """Whether the body can be a text at all."""
    return _CONTROL.search(body) is None and not body.startswith(_UTF16_MARKS)


def unreadable(body: bytes) -> Rejected:
    """What a body is that no format reads, in words that its author knows, and what to change."""
    return Rejected(RejectReason.UNPARSABLE, _what_it_is(body))


def _what_it_is(body: bytes) -> str:
    if not body.strip():
        return "the record is empty"
    if body.startswith(_UTF16_MARKS):
        return "UTF-16 text: write UTF-8"
    if body[0] == 0 and len(body) > _SCHEMA_FRAME_BYTES:
        schema = int.from_bytes(body[1:_SCHEMA_FRAME_BYTES], "big")
        return f"Schema Registry frame (schema {schema}): Avro and framed messages are not read, send plain JSON"
    if body.startswith(b"Obj\x01"):
        return "an Avro file: send JSON, OTLP or line protocol"
    if is_text(body):
        return f"text that is neither JSON nor influx line protocol: {body[:40].decode('utf-8', 'replace')!r}"
    return f"binary that is neither OTLP nor Prometheus remote write: starts with bytes {body[:8].hex(' ')}"


def _gunzipped(body: bytes, limit: int) -> bytes:
    unpacker = zlib.decompressobj(_ZLIB_OR_GZIP)
    try:
        text = unpacker.decompress(body, limit + 1)
    except zlib.error as error:
        raise Rejected(RejectReason.UNPARSABLE, f"gzip: {error}") from error
    if len(text) > limit:
        raise Rejected(RejectReason.TOO_LARGE, f"gzip of more than {limit} bytes")
    if not unpacker.eof:
        raise Rejected(RejectReason.UNPARSABLE, "gzip: cut off")
    return text


def _decompressed(body: bytes, limit: int) -> bytes:
    """As `_gunzipped`, of zstd: into a buffer of the usual size first; the largest takes milliseconds to make."""
    for size in (min(_USUAL_RATIO * len(body), limit), limit):
        buffer = bytearray(size)
        try:
            return bytes(memoryview(buffer)[: cramjam.zstd.decompress_into(body, buffer)])
        except cramjam.DecompressionError as error:
            if _FULL not in str(error):
                raise Rejected(RejectReason.UNPARSABLE, f"zstd: {error}") from error
    raise Rejected(RejectReason.TOO_LARGE, f"zstd of more than {limit} bytes")
