"""A service's trained model as arrays: how rows become comparable, the forest that scores them, and what a score means.

A model file is `.npz` read with `allow_pickle=False`: numbers and text, never code.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
import zlib
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.errors import TidewatchError
from models.forest import Forest, path_score

FORMAT = 1
"""Raised when the arrays of a model file change their meaning; a file of another format is refused."""

Z_LIMIT = 50.0
"""Standardised values are cut here: far outside of anything trained on, and far inside of float32 after whitening."""

PROBE_TOLERANCE = 1e-9

MIN_TAIL = 10
"""Held-back rows beyond the last knot of a calibration: fewer make the mean excess of the tail a matter of luck."""

_FOREST = ("feature", "threshold", "left", "right", "path", "roots")


class ModelUnusable(TidewatchError):
    """A model file that is damaged, of another format, or not what it was: the present model goes on serving."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """How surprising a raw outlier score is among normal rows: `-ln P(score of a normal row >= raw)`.

    Piecewise linear between the knots, exponential tail of the probability (so linear in surprise) beyond the last.

    Attributes:
        score: float64 `(n_knots,)`, strictly increasing raw outlier scores.
        surprise: float64 `(n_knots,)`, nats, starting at 0.
        tail: mean excess of raw scores beyond the last knot; positive.
    """

    score: NDArray[np.float64]
    surprise: NDArray[np.float64]
    tail: float

    @classmethod
    def fit(cls, raw: NDArray[np.float64]) -> Calibration:
        """Calibration on the raw scores `(n_rows,)` of held-back normal rows.

        Raises:
            ValueError: fewer than 20 finite scores, which say nothing about a tail.

        >>> c = Calibration.fit(np.linspace(.3, .5, 1000))
        >>> bool(abs(c.surprise_of(np.array([.48]))[0] - 2.3) < .01)
        True
        """
        finite = np.sort(raw[np.isfinite(raw)])
        n = len(finite)
        if n < 2 * MIN_TAIL:
            raise ValueError(f"a calibration needs at least {2 * MIN_TAIL} scores, got {n}")
        last = math.log(n / MIN_TAIL)
        surprise = np.linspace(0.0, last, 32)
        score = np.quantile(finite, 1.0 - np.exp(-surprise))
        keep = np.concatenate(([True], np.diff(score) > 0))
        score, surprise = score[keep], surprise[keep]
        beyond = finite[finite > score[-1]] - score[-1]
        # a tenth of the spread at least: identical scores must not make the next different one infinitely surprising
        floor = max(0.1 * float(finite[-1] - finite[0]), 1e-6)
        return cls(score, surprise, max(float(beyond.mean()) if len(beyond) else 0.0, floor / last))

    def surprise_of(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Nats `(n_rows,)` for raw scores `(n_rows,)`."""
        inside = np.interp(raw, self.score, self.surprise)
        return np.asarray(inside + np.maximum(raw - self.score[-1], 0.0) / self.tail, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class ServiceModel:
    """Everything that turns feature rows of one service into outlier scores.

    A row goes through: signed log compression where a feature's `log_scale` is positive, `(y - center) / scale`,
    NaN to 0 (the center), a cut at +-50, `@ whitening`, the forest.

    Attributes:
        service: whose model it is. version: of the registry; empty until registered.
        features: names of the F columns, as in `SeriesIdentity.feature`.
        log_scale: float64 `(F,)`; `y = sign(x) ln(1 + |x| / log_scale)` where positive, `y = x` where 0.
        center, scale: float64 `(F,)` of y; scale positive.
        whitening: float64 `(F, K)`, the identity where whitening was not wanted.
        forest: over K columns.
        calibration: of raw scores on held-back normal rows.
        interval_s: seconds between the rows trained on.
        trained_from_ns, trained_to_ns: event times of the first and the last row trained on.
        rows: how many rows it was trained on.
        probe_x: float64 `(P, F)`, stored rows. probe_score: float64 `(P,)`, their raw scores when the model was made.
    """

    service: str
    version: str
    features: tuple[str, ...]
    log_scale: NDArray[np.float64]
    center: NDArray[np.float64]
    scale: NDArray[np.float64]
    whitening: NDArray[np.float64]
    forest: Forest
    calibration: Calibration
    interval_s: float
    trained_from_ns: int
    trained_to_ns: int
    rows: int
    probe_x: NDArray[np.float64]
    probe_score: NDArray[np.float64]

    def transform(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the forest sees, `(n_rows, K)`, for feature rows `(n_rows, F)` where NaN is missing."""
        return self._run(x)[1]

    def score(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Raw outlier score `(n_rows,)`, 0 to 1, for feature rows `(n_rows, F)` where NaN is missing."""
        return self._run(x)[2]

    def surprise(self, x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Calibrated nats `(n_rows,)` and the standardised values `(n_rows, F)` they come from."""
        z, _, raw = self._run(x)
        return self.calibration.surprise_of(raw), z

    def _run(self, x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        x = np.ascontiguousarray(x, dtype=np.float64)
        z, w, raw = np.empty_like(x), np.empty((len(x), self.whitening.shape[1])), np.empty(len(x))
        scaling = _Scaling(self.log_scale, self.center, self.scale, self.whitening)
        _run_rows(x, scaling, self.forest, _Stages(z, w, raw))
        return z, w, raw

    def with_probe(self, x: NDArray[np.float64]) -> ServiceModel:
        """The same model with `x` `(P, F)` as the rows that a worker scores before it serves the model."""
        probe = np.ascontiguousarray(x, dtype=np.float64)
        return replace(self, probe_x=probe, probe_score=self.score(probe))

    def with_version(self, version: str) -> ServiceModel:
        """The same model under the version that the registry gave it."""
        return replace(self, version=version)

    def check_probe(self) -> None:
        """Raise `ModelUnusable` unless the stored rows score what they scored when the model was made."""
        again = self.score(self.probe_x)
        if len(again) == 0 or not np.allclose(again, self.probe_score, rtol=0.0, atol=PROBE_TOLERANCE):
            raise ModelUnusable(f"model {self.service} {self.version}: the probe row does not reproduce its score")

    def to_bytes(self) -> bytes:
        """The model file: a compressed `.npz`."""
        head = {
            "format": FORMAT, "service": self.service, "version": self.version, "features": list(self.features),
            "normaliser": self.forest.normaliser, "tail": self.calibration.tail, "interval_s": self.interval_s,
            "trained_from_ns": int(self.trained_from_ns), "trained_to_ns": int(self.trained_to_ns),
            "rows": int(self.rows),
        }  # fmt: skip
        arrays: dict[str, Any] = {f"forest_{name}": getattr(self.forest, name) for name in _FOREST}
        arrays |= {name: getattr(self, name) for name in ("log_scale", "center", "scale", "whitening")}
        arrays |= {"calibration_score": self.calibration.score, "calibration_surprise": self.calibration.surprise}
        arrays |= {"probe_x": self.probe_x, "probe_score": self.probe_score}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, head=np.frombuffer(json.dumps(head).encode(), dtype=np.uint8), **arrays)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, body: bytes) -> ServiceModel:
        """The model in a model file; raises `ModelUnusable` for anything that is not a sound one."""
        try:
            with np.load(io.BytesIO(body), allow_pickle=False) as file:
                stored = {name: np.ascontiguousarray(file[name]) for name in file.files}
            head = json.loads(stored.pop("head").tobytes())
            if head["format"] != FORMAT:
                raise ModelUnusable(f"model file has format {head['format']}, this version reads {FORMAT}")
            model = cls._from_parts(head, stored)
        except (KeyError, TypeError, ValueError, EOFError, OSError, zlib.error, zipfile.BadZipFile) as error:
            raise ModelUnusable(f"not a model file: {error}") from error
        model._check_shapes()
        return model

    @classmethod
    def _from_parts(cls, head: dict[str, Any], stored: dict[str, NDArray[Any]]) -> ServiceModel:
        return cls(
            service=str(head["service"]),
            version=str(head["version"]),
            features=tuple(head["features"]),
            log_scale=stored["log_scale"],
            center=stored["center"],
            scale=stored["scale"],
            whitening=stored["whitening"],
            forest=Forest(normaliser=float(head["normaliser"]), **{name: stored[f"forest_{name}"] for name in _FOREST}),
            calibration=Calibration(stored["calibration_score"], stored["calibration_surprise"], float(head["tail"])),
            interval_s=float(head["interval_s"]),
            trained_from_ns=int(head["trained_from_ns"]),
            trained_to_ns=int(head["trained_to_ns"]),
            rows=int(head["rows"]),
            probe_x=stored["probe_x"],
            probe_score=stored["probe_score"],
        )

    def _check_shapes(self) -> None:
        """A compiled loop does not check its bounds, so a file that would lead it outside of them is refused here."""
        f, forest = len(self.features), self.forest
        nodes = len(forest.feature)
        children = np.concatenate((forest.left, forest.right, forest.roots))
        inner = forest.feature >= 0
        here = np.arange(nodes)[inner]
        sound = (
            self.whitening.ndim == 2
            and self.whitening.shape[0] == f
            and self.log_scale.shape == self.center.shape == self.scale.shape == (f,)
            and bool(np.all(self.scale > 0) and np.all(np.isfinite(self.center)))
            and bool(np.all(np.isfinite(self.whitening)))
            and all(len(a) == nodes for a in (forest.threshold, forest.left, forest.right, forest.path))
            and nodes > 0
            and int(children.min()) >= 0
            and int(children.max()) < nodes
            and int(forest.feature.max()) < self.whitening.shape[1]
            # children come after their parent, so every walk ends
            and bool(np.all(forest.left[inner] > here))
            and bool(np.all(forest.right[inner] > here))
            and len(self.calibration.score) == len(self.calibration.surprise) > 0
            and self.calibration.tail > 0
            and self.probe_x.shape == (len(self.probe_score), f)
        )
        if not sound:
            raise ModelUnusable(f"model {self.service} {self.version}: its arrays do not fit together")


class _Scaling(NamedTuple):
    log_scale: NDArray[np.float64]
    center: NDArray[np.float64]
    scale: NDArray[np.float64]
    whitening: NDArray[np.float64]


class _Stages(NamedTuple):
    z: NDArray[np.float64]
    whitened: NDArray[np.float64]
    raw: NDArray[np.float64]


@compiled
def _run_rows(x: NDArray[np.float64], scaling: _Scaling, forest: Forest, out: _Stages) -> None:
    """Row by row with plain loops: a matrix product may round differently for another number of rows."""
    n_columns = scaling.whitening.shape[1]
    columns = np.empty(n_columns, dtype=np.float32)
    for i in range(x.shape[0]):
        out.whitened[i, :] = 0.0
        for f in range(x.shape[1]):
            y = x[i, f]
            if np.isnan(y):
                out.z[i, f] = 0.0
                continue
            if scaling.log_scale[f] > 0.0:
                y = np.sign(y) * np.log1p(abs(y) / scaling.log_scale[f])
            y = min(max((y - scaling.center[f]) / scaling.scale[f], -Z_LIMIT), Z_LIMIT)
            out.z[i, f] = y
            for k in range(n_columns):
                out.whitened[i, k] += y * scaling.whitening[f, k]
        for k in range(n_columns):
            columns[k] = out.whitened[i, k]
        out.raw[i] = path_score(columns, forest)
