"""Whether private parts of libraries are where we know them, and which path is taken."""

from __future__ import annotations

import sys

import pytest

from models.errors import Misconfigured
from models.reasons import LibraryPath
from models.seams import Library, LibraryPart, Seam, choose_plain, plain

THERE = LibraryPart("json:JSONDecoder.decode", "all", "none", ("self", "s", "_w"))


def seam(*parts: LibraryPart, has_plain_path: bool = True, library: Library = Library.AIOKAFKA) -> Seam:
    return Seam(library, ("1.0", "1.1"), parts, has_plain_path)


@pytest.mark.parametrize(
    ("part", "said"),
    [
        pytest.param(
            LibraryPart("no_such_module:x", "", ""), "no_such_module:x: No module named", id="the module is gone"
        ),
        pytest.param(
            LibraryPart("json:gone.further", "", ""), "json:gone.further: module 'json' has no", id="a name is gone"
        ),
        pytest.param(
            LibraryPart("json:JSONDecoder.decode", "", "", ("self", "text")),
            "json:JSONDecoder.decode takes (self, s, _w), not (self, text)",
            id="a function takes other parameters",
        ),
        pytest.param(
            LibraryPart("json:loads", "", "", works=lambda loads: loads("1") == 2, name="reading"),
            "reading is missing or works in another way",
            id="it does something else",
        ),
        pytest.param(
            LibraryPart("json:loads", "", "", works=lambda loads: loads("{")), "json:loads: Expecting", id="it fails"
        ),
    ],
)
def test_a_part_that_has_moved_is_named_and_the_plain_path_taken(part: LibraryPart, said: str) -> None:
    one = seam(THERE, part)
    assert [text[: len(said)] for text in one.moved] == [said]
    assert one.path is LibraryPath.PLAIN_MOVED
    assert not one.fast
    assert one.warning().startswith(
        f"aiokafka: the slower plain path is taken, because parts have moved since 1.1: {said}"
    )


def test_parts_that_are_where_we_know_them_are_used() -> None:
    one = seam(THERE)
    assert (one.moved, one.path, one.warning()) == ((), LibraryPath.FAST, "")


def test_a_person_may_choose_the_plain_path() -> None:
    one, other = seam(THERE), seam(THERE, library=Library.LIBC)
    with plain(Library.AIOKAFKA):
        assert (one.path, other.path) == (LibraryPath.PLAIN_CHOSEN, LibraryPath.FAST)
        assert one.warning() == "aiokafka: the slower plain path is taken, because plain_libraries says so"
    assert one.path is LibraryPath.FAST


def test_without_a_plain_path_the_process_says_which_versions_it_runs_on() -> None:
    gone = seam(LibraryPart("json:gone", "", ""), has_plain_path=False, library=Library.FAUST)
    with pytest.raises(Misconfigured, match=r"faust-streaming \(json:gone: .*\): install 1\.0 or 1\.1"):
        gone.require()
    with plain(Library.FAUST):
        assert seam(THERE, has_plain_path=False, library=Library.FAUST).path is LibraryPath.FAST


def test_what_imports_have_decided_is_not_decided_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "models.numba_seams", sys)
    with pytest.raises(ValueError, match="a process of its own"):
        choose_plain([Library.NUMBA])
    choose_plain([])
