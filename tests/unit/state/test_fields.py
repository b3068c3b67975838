"""A table's dtype follows from the Protocols that its owners declare."""

import math
from typing import Annotated, Protocol

import numpy as np

from models.state.fields import F8, I4, Field, Floats, Layout


class First(Protocol):
    first_n: I4
    first_level: Annotated[Floats, Field("f8", (2,), start=math.nan)]


class Second(First, Protocol):
    second_n: F8


def test_a_layout_has_the_fields_that_each_protocol_declares_itself():
    assert Layout.of(First, Second).dtype.names == ("first_n", "first_level", "second_n")
    assert Layout.of(Second).dtype.names == ("second_n",)


def test_fields_have_the_format_and_shape_that_they_are_declared_with():
    dtype = Layout.of(First).dtype
    assert dtype["first_n"] == np.dtype("i4")
    assert dtype["first_level"] == np.dtype(("f8", (2,)))
    assert dtype.isalignedstruct


def test_empty_rows_hold_what_their_fields_start_with():
    rows = Layout.of(First, Second).empty(2)
    assert rows["first_n"].tolist() == [0, 0]
    assert np.isnan(rows["first_level"]).all()
    assert rows["second_n"].tolist() == [0.0, 0.0]
