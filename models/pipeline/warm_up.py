"""Compiles every loop of the fold before the first sample comes: some 20 s the first time, a second from the cache."""

from __future__ import annotations

import numpy as np

from models.parse.outcome import Limits
from models.parse.parser import Parser
from models.pipeline.config import PipelineConfig
from models.pipeline.pipeline import Pipeline
from models.records import SampleColumns
from models.series import EntityRule
from models.service_model.calibration import Calibration
from models.service_model.forest import Forest
from models.service_model.model import CHANNELS, ServiceModel
from models.service_model.whitening import Whitening
from models.sli.binding import Role, SloBinding, ThresholdOp
from models.timestamps import SECOND_NS
from models.wire.byte_columns import ByteColumn
from models.wire.kafka_record_batch import RecordLayout, RecordSpan, laid_out, lay_out
from models.wire.score_json import ScoreColumns, score_texts


def warm_up() -> None:
    """Read and fold a few made-up samples, with a model and an SLO, and forget them."""
    warm_up_reading()
    warm_up_writing()
    pipeline = Pipeline(PipelineConfig(EntityRule((), (), "warm-up")))
    pipeline.use_slos([SloBinding(1, "a", (), Role.THRESHOLD, ThresholdOp.LT, 0.5)])
    pipeline.use_model("warm-up", _model())
    ticks = np.repeat(np.arange(40, dtype=np.int64) * SECOND_NS, 2)
    pipeline.fold(
        SampleColumns(["a{}", "b{}"], np.tile(np.array([0, 1], np.int32), 40), ticks, (ticks % 7).astype(float))
    )
    pipeline.finish()


def warm_up_reading() -> None:
    """The part that ingest needs: records in a batch, samples in records."""
    parser = Parser(Limits(), EntityRule((), (), "warm-up"))
    for _ in range(2):  # the first time the series is unknown
        parser.parse([b'{"metric":"a","value":1}'], [0], 0)
    # one record without key, value and headers
    lay_out(
        np.frombuffer(bytes((12, 0, 0, 0, 1, 1, 0)), np.uint8), RecordSpan(0, 7, 0, 1, 0, 0, -1), RecordLayout.room(1)
    )


def warm_up_writing() -> None:
    """The part that makes events of scores."""
    text, number, real = ByteColumn.of([b'""']), np.zeros(1, np.int64), np.zeros(1)
    events = score_texts(
        ScoreColumns(
            entity=number,
            ids=text,
            names=text,
            versions=text,
            tick_ns=number,
            tick=number,
            ticks=text,
            score=real,
            is_anomaly=np.zeros(1, np.bool_),
            cause=np.zeros((1, 1), np.int64),
            part=np.zeros((1, 1)),
            features=text,
            value=text,
            expected=real,
            lower=real,
            upper=real,
            readiness=number,
            readiness_texts=text,
        )
    )
    laid_out(text, events)


def _model() -> ServiceModel:
    """The smallest model there is: one feature, one tree of one split."""
    forest = Forest(
        feature=np.array([0, -1, -1], np.int32),
        threshold=np.zeros(3, np.float32),
        left=np.array([1, 0, 0], np.int32),
        right=np.array([2, 0, 0], np.int32),
        path=np.array([0.0, 1.0, 1.0]),
        roots=np.zeros(1, np.int32),
        normaliser=1.0,
    )
    one, calibration = np.ones(1), Calibration(np.array([0.0, 1.0]), np.array([0.0, 1.0]), 1.0)
    model = ServiceModel(
        service="warm-up",
        version="0",
        features=("a",),
        whitening=Whitening(0 * one, 0 * one, one, np.zeros((0, 1)), np.eye(1)),
        forest=forest,
        reference=np.zeros((1, 1), np.float32),
        channels=(calibration,) * len(CHANNELS),
        joint=calibration,
        interval_s=1.0,
        trained_from_ns=0,
        trained_to_ns=0,
        rows=2,
        probe_x=np.zeros((0, 1)),
        probe_tick_ns=np.zeros(0, np.int64),
        probe_nats=np.zeros(0),
    )
    return model.with_probe(np.zeros((1, 1)), np.zeros(1, np.int64))
