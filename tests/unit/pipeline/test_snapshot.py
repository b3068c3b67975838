"""A restored pipeline goes on as if nothing had happened."""

import pickle

import msgspec
import numpy as np
import pytest

from models.drift.bank import StateUnusable
from models.pipeline.config import PipelineConfig
from models.pipeline.pipeline import Pipeline
from models.pipeline.snapshot import ARRAY_DTYPES, FORMAT
from models.series import EntityRule
from models.wire.array_file import pack, unpack
from tests.unit.pipeline.test_pipeline import eventful, summary, with_model
from tests.unit.streams import RULE, make, pieces

CONFIG = PipelineConfig(RULE)


@pytest.mark.parametrize("at", [3, 200, 2100, 4003])
def test_after_a_restart_everything_is_as_without_it(at):
    samples = eventful()
    head, *rest = pieces(samples, 700, first=at)
    through = with_model(make())
    through.fold(head)
    restored = Pipeline.restore(CONFIG, through.snapshot())
    assert restored.snapshot() == through.snapshot()
    assert summary([restored.fold(p) for p in rest] + [restored.finish()]) == summary(
        [through.fold(p) for p in rest] + [through.finish()]
    )
    assert restored.snapshot() == through.snapshot()
    assert restored.entities == through.entities


def test_a_restored_pipeline_still_has_its_models():
    pipeline = with_model(make())
    pipeline.fold(eventful(50))
    assert {s: m.version for s, m in Pipeline.restore(CONFIG, pipeline.snapshot()).models.items()} == {"shop": "1"}


def _snapshot() -> bytes:
    pipeline = make()
    pipeline.fold(eventful(200))
    return pipeline.snapshot()


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda body: b"", id="empty"),
        pytest.param(lambda body: body[: len(body) // 2], id="cut short"),
        pytest.param(lambda body: body[:2000] + b"\0" * 64 + body[2064:], id="overwritten in the middle"),
        pytest.param(lambda body: pickle.dumps({"series": []}), id="a pickle"),
    ],
)
def test_a_damaged_snapshot_is_refused(damage):
    with pytest.raises(StateUnusable):
        Pipeline.restore(CONFIG, damage(_snapshot()))


def test_a_snapshot_made_with_other_entity_labels_is_refused():
    with pytest.raises(StateUnusable, match="labels"):
        Pipeline.restore(PipelineConfig(EntityRule(("service",), ("host",), "host")), _snapshot())


def test_an_image_is_that_of_its_moment_whatever_is_folded_before_it_becomes_bytes():
    head, *_, tail = pieces(eventful(), 700, first=2100)
    pipeline = with_model(make())
    pipeline.fold(head)
    image, body = pipeline.image(), pipeline.snapshot()
    pipeline.fold(tail)
    assert image.to_bytes() == body


def test_a_snapshot_is_small():
    pipeline = make()
    pipeline.fold(eventful())
    assert len(pipeline.snapshot()) < 2048 * pipeline.n_series
    assert np.isfinite(pipeline.latest().score).all()


def _changed(body, **changes):
    """A snapshot whose plain values are others."""
    arrays = unpack(body, ARRAY_DTYPES)
    plain = msgspec.msgpack.decode(arrays["plain"].tobytes()) | changes
    return pack(arrays | {"plain": np.frombuffer(msgspec.msgpack.encode(plain), np.uint8)})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"format": FORMAT - 1}, "another format", id="of the format before"),
        pytest.param({"format": FORMAT + 1}, "another format", id="of a format to come"),
        pytest.param({"series": ["latency_ms{}"]}, "do not fit together", id="fewer names than rows"),
        pytest.param({"records": {"shop": {"nonsense": 1}}}, "not a snapshot", id="a record of other fields"),
    ],
)
def test_a_snapshot_that_means_something_else_is_refused_with_the_reason(changes, reason):
    with pytest.raises(StateUnusable, match=reason):
        Pipeline.restore(CONFIG, _changed(_snapshot(), **changes))


def test_the_same_state_gives_the_same_bytes_whatever_its_memory_was_before():
    body = _snapshot()
    assert _changed(body) == body == _snapshot()
