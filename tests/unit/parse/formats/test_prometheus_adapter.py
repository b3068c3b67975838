"""prometheus-kafka-adapter's JSON."""

import pytest

from models.reasons import RejectReason
from tests.unit.parse.formats.reading import parse, samples


def record(value: str, labels: str = '{"__name__":"up","instance":"lab-1:9100","job":"node"}') -> bytes:
    return f'{{"timestamp":"2025-11-20T10:00:00Z","value":{value},"name":"up","labels":{labels}}}'.encode()


def test_a_sample_has_its_labels_without_the_name_that_is_repeated_among_them() -> None:
    assert samples(parse(record('"9876"'))) == [('up{instance="lab-1:9100",job="node"}', 9876.0, 0)]


def test_a_value_that_is_a_number_is_taken_as_well() -> None:
    assert samples(parse(record("0.5"))) == [('up{instance="lab-1:9100",job="node"}', 0.5, 0)]


@pytest.mark.parametrize(
    ("value", "labels", "reason"),
    [
        pytest.param('"NaN"', "{}", RejectReason.NOT_FINITE, id="NaN"),
        pytest.param('"+Inf"', "{}", RejectReason.NOT_FINITE, id="infinity"),
        pytest.param('"1_0"', "{}", RejectReason.WRONG_TYPE, id="what only Python calls a number"),
        pytest.param('"abc"', "{}", RejectReason.WRONG_TYPE, id="a word"),
        pytest.param("true", "{}", RejectReason.WRONG_TYPE, id="a boolean"),
        pytest.param('"1"', '{"a":1}', RejectReason.WRONG_TYPE, id="a label that is a number"),
    ],
)
def test_what_is_no_sample_is_refused(value: str, labels: str, reason: RejectReason) -> None:
    assert [reject.reason for reject in parse(record(value, labels)).rejected] == [reason]
