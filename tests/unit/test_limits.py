"""The limits fit the stores that they come from, by arithmetic."""

from __future__ import annotations

import math
from urllib.parse import quote

from models import limits
from models.names import registered_model
from models.state.results import drift_id

INDEX_TEXT_BYTES = limits.INDEX_ROW_BYTES - 8 - 4
"""What a text may have in an index row: its header takes 8 bytes, the text's length 4."""


def test_the_longest_keys_fit_into_an_index_row() -> None:
    entity, feature = "e" * limits.MAX_ENTITY_BYTES, "f" * limits.MAX_SERIES_BYTES
    assert len(drift_id(entity, feature, 2**63 - 1)) <= INDEX_TEXT_BYTES
    # topic and service, or client and server of a call
    assert 249 + limits.MAX_ENTITY_BYTES <= INDEX_TEXT_BYTES
    assert limits.MAX_SERIES_BYTES <= INDEX_TEXT_BYTES


def test_the_longest_service_names_a_folder_and_a_model() -> None:
    service = "s" * limits.MAX_SERVICE_BYTES
    assert len(f"service={quote(service, safe='')}") <= limits.FILE_NAME_BYTES
    assert len(registered_model(service)) <= limits.MLFLOW_NAME_CHARACTERS


def test_sums_and_fourth_powers_of_the_largest_value_are_finite() -> None:
    largest_rate = limits.MAX_MAGNITUDE * 1e9
    assert math.isfinite(largest_rate**4 * 1e20)


def test_what_a_record_grows_to_fits_into_a_record_of_samples() -> None:
    assert limits.MAX_SAMPLES_BYTES + 1024 * 1024 < 16 * 1024 * 1024
