"""What a parse call is bounded by, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.parse.crowds import Crowd
from models.reasons import RejectReason
from models.records import SampleColumns
from models.series import SeriesBook


@dataclass(frozen=True, slots=True)
class Limits:
    """What a record and a sample may be; anything beyond is rejected with the reason named here.

    Attributes:
        max_record_bytes: longest record (`too-large`).
        max_inflated_bytes: longest record once decompressed (`too-large`): a hundred scrapes; a bomb is a thousand.
        max_labels: labels of one series (`too-many-labels`).
        max_series_per_entity, max_series_per_service: distinct series that are alive (`too-many-series`).
        max_services: distinct services that are alive (`too-many-services`).
        max_future_s: event time ahead of the present (`in-the-future`).
        max_age_s: event time behind the record's time (`too-old`).
    """

    max_record_bytes: int = 1_000_000
    max_inflated_bytes: int = 16_000_000
    max_labels: int = 40
    max_series_per_entity: int = 10_000
    max_series_per_service: int = 50_000
    max_services: int = 1_000
    max_future_s: float = 300.0
    max_age_s: float = 14 * 86_400.0


class Reject(NamedTuple):
    """Samples of one record that were refused for one reason; a record has at most one `Reject` per reason.

    Attributes:
        record: index of the record in the parse call.
        reason: member of the closed set.
        detail: what was wrong with the first of them, for people; at most 200 characters.
        samples: how many samples of the record (1 where the record could not be taken apart).
    """

    record: int
    reason: RejectReason
    detail: str
    samples: int = 1


@dataclass(frozen=True, slots=True)
class Parsed:
    """Outcome of a parse call. Every record has samples, a reject, both, or is counted in `empty`.

    Attributes:
        columns: the good samples, in the order of the records and of the samples within them.
        book, numbers: the columns' series by number, int32 `(n_series,)`, in the book of all that are known.
        record: int32 `(n_samples,)`, index of the record each sample came from.
        rejected: the bad ones.
        empty: records that were well formed and held no numeric value, such as a Telegraf metric with text fields only.
        crowded: how many samples found no room, and where.
    """

    columns: SampleColumns
    book: SeriesBook
    numbers: NDArray[np.int32]
    record: NDArray[np.int32]
    rejected: list[Reject]
    empty: int
    crowded: dict[Crowd, int]
