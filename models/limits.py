"""What a sample may be so that everything behind ingest can store it: every limit of every store, with its source.

Ingest refuses what is beyond a limit, with a reason. `tests/integration/store/test_limits.py` writes what ingest
accepts to the real stores.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

INDEX_ROW_BYTES: Final = 2704
"""Longest row of a PostgreSQL B-tree index (a third of an 8 KiB page, `BTMaxItemSize`), its header of 8 bytes and a
text's of 4 included. Long texts may be compressed there; a text that does not compress is what counts."""

MAX_SERIES_BYTES: Final = 2048
"""Of a canonical series text. The longest key made of it is a drift's, `entity:feature:time`, and a feature is no
longer than its series: 512 + 2,048 + 22 bytes fit into an index row, with its headers."""

MAX_ENTITY_BYTES: Final = 512
"""Of an entity, which contains its service's name. Keys that name both fit into an index row as well."""

FILE_NAME_BYTES: Final = 255
"""Longest name of a file or folder on Linux (`NAME_MAX`)."""

MLFLOW_NAME_CHARACTERS: Final = 256
"""Longest name of a registered model in MLflow (`registered_models.name`, VARCHAR(256))."""

MAX_SERVICE_BYTES: Final = 240
"""Of a service's name, percent-encoded: `service=` and it name a folder of the lake (`FILE_NAME_BYTES`), `tidewatch-`
and it name a model (`MLFLOW_NAME_CHARACTERS`). A letter beyond ASCII takes six to twelve bytes: 26 Japanese ones
fit."""

MAX_MAGNITUDE: Final = 1e60
"""Of a value. A rate may be 1e9 times as much (growth within a nanosecond); its fourth power, the highest that a
detector takes, is 1e276, and 1e20 of those can still be summed in 64 bits. Sums of an SLO's month are far below."""

RECORD_BYTES: Final = 1_048_576
"""Longest record of a Kafka topic whose `max.message.bytes` nobody has set (1,048,588 with the batch's header)."""

MAX_LETTER_BYTES: Final = 1_000_000
"""Of a rejected record's value in the dead-letter topic; it stays under `RECORD_BYTES` with key and headers, whoever
created the topic. What is longer is cut, and the headers say so."""

MAX_LETTER_KEY_BYTES: Final = 16_384
"""The same of its key."""

MAX_SAMPLES_BYTES: Final = 12 * 1024 * 1024
"""Of the samples that one source record grows to: its record in `samples` may not be cut, and that topic takes 16 MiB.
Telegraf's fields share one set of tags, which each of their series repeats."""

SAMPLE_BYTES: Final = 32
"""Of one sample in a record of `samples`: number of the series, time, value and offset (28), and a name's length."""


def encoded_bytes(service: str) -> int:
    """Bytes of a service's name as the lake's folders and MLflow's models carry it.

    >>> encoded_bytes("checkout"), encoded_bytes("a/b"), encoded_bytes("é")
    (8, 5, 6)
    """
    return len(quote(service, safe=""))
