"""What Python has no name for, where the C library has it and where not."""

from __future__ import annotations

import pytest

from agents.worker.free_memory import MAPPINGS, let_go_of_compiler
from infra import libc_seams
from models.seams import Library, plain

needs_glibc = pytest.mark.skipif(bool(libc_seams.SEAM.moved), reason="another C library")


@needs_glibc
def test_memory_is_handed_back() -> None:
    trim = libc_seams.trim()
    assert trim is not None
    assert trim(0) in (0, 1)


def test_on_the_plain_path_nothing_is_called() -> None:
    with plain(Library.LIBC):
        assert libc_seams.trim() is None
        assert not libc_seams.drop_pages(0, 4096)
        assert let_go_of_compiler() == 0


@needs_glibc
@pytest.mark.skipif(not MAPPINGS.exists(), reason="this system does not tell what is mapped where")
def test_pages_that_nobody_has_are_not_let_go_of() -> None:
    assert not libc_seams.drop_pages(4096, 8192)
