"""Ranges of past time: values that compare, sort and serve as keys."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from models.labels import IncidentWindow, LabelWindow


def test_a_label_cannot_be_changed_and_is_equal_to_its_like() -> None:
    label = LabelWindow("shop/a", 10, 20)
    assert {label, LabelWindow("shop/a", 10, 20)} == {label}
    with pytest.raises(FrozenInstanceError):
        label.end_ns = 30  # type: ignore[misc]


def test_an_incident_is_confirmed_unless_it_says_otherwise() -> None:
    assert IncidentWindow("shop/a", 10, 20) == IncidentWindow("shop/a", 10, 20, suspected=False)


def test_incidents_sort_by_entity_and_time() -> None:
    windows = [IncidentWindow("b", 1, 2), IncidentWindow("a", 5, 6), IncidentWindow("a", 1, 9)]
    assert sorted(windows) == [windows[2], windows[1], windows[0]]
