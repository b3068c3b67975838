"""Tables as the bytes of one file: a head that says what follows, then the rows as they lie in memory, compressed."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any, Final

import cramjam
import msgspec
import numpy as np
from numpy.typing import NDArray

COMPRESSION_LEVEL: Final = 1
"""Of zstd: 400 MB/s for rows of state; level 3 takes twice as long for two per cent less."""

CHUNK_BYTES: Final = 1024 * 1024
"""Handed to the compressor at once, which wants an object of its own."""

_CHECKSUM_BYTES: Final = 4
_LENGTH_BYTES: Final = 8


class ArrayFileDamaged(ValueError):
    """Bytes that are no array file."""


class OtherArrays(ArrayFileDamaged):
    """An array file, but one of arrays of other names or dtypes."""


def pack(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Bytes of arrays `(n_rows,)` by name; equal arrays give equal bytes."""
    head = msgspec.msgpack.encode([(name, repr(array.dtype), len(array)) for name, array in arrays.items()])
    compressor = cramjam.zstd.Compressor(level=COMPRESSION_LEVEL)
    for part in (len(head).to_bytes(_LENGTH_BYTES, "little"), head):
        compressor.compress(part)
    for array in arrays.values():
        rows = np.ascontiguousarray(array).view(np.uint8).data
        for start in range(0, len(rows), CHUNK_BYTES):
            compressor.compress(rows[start : start + CHUNK_BYTES].tobytes())
    body = bytes(compressor.finish())
    return zlib.crc32(body).to_bytes(_CHECKSUM_BYTES, "little") + body


def unpack(body: bytes, dtypes: Mapping[str, np.dtype[Any]]) -> dict[str, NDArray[Any]]:
    """The arrays of a file, which may not be written to.

    Args:
        forms: the dtype of each array that there has to be; the bytes are looked at as nothing else.

    Raises:
        OtherArrays: the bytes are those that `pack` made of other arrays.
        ArrayFileDamaged: they are no array file.
    """
    packed = memoryview(body)[_CHECKSUM_BYTES:]
    if zlib.crc32(packed) != int.from_bytes(body[:_CHECKSUM_BYTES], "little"):
        raise ArrayFileDamaged("its checksum differs")
    try:
        data = bytes(cramjam.zstd.decompress(packed))
        at = _LENGTH_BYTES + int.from_bytes(data[:_LENGTH_BYTES], "little")
        listed = msgspec.msgpack.decode(data[_LENGTH_BYTES:at], type=list[tuple[str, str, int]])
    except (cramjam.DecompressionError, msgspec.DecodeError) as error:
        raise ArrayFileDamaged(str(error)) from error
    if [(name, dtype) for name, dtype, _ in listed] != [(name, repr(dtype)) for name, dtype in dtypes.items()]:
        raise OtherArrays("it has arrays of another form")
    found = {}
    for name, _, n_rows in listed:
        found[name] = np.frombuffer(data, dtypes[name], n_rows, at)
        at += found[name].nbytes
    return found
