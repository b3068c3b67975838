"""What is said about refused samples."""

import re

from models.parse.hints import HINTS
from tests.unit.test_operations_docs import TEXT


def test_settings_that_hints_name_are_documented() -> None:
    named = {name for hint in HINTS.values() for name in re.findall(r"TIDEWATCH_[A-Z_]+", hint)}
    assert named
    assert {name for name in named if f"`{name}`" not in TEXT} == set()
