"""A service's trained model as arrays: how rows become comparable, the channels that score them, what a score means.

A model file is `.npz` read with `allow_pickle=False`: numbers and text, never code.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled_to_make_arrays
from models.errors import TidewatchError
from models.service_model.calibration import Calibration
from models.service_model.distance import mean_square, nearest_mean_squares, shares
from models.service_model.forest import Forest, score_rows
from models.service_model.whitening import HARMONICS, Whitening, standardise_row, waves, whiten_row
from models.timestamps import DAY_NS

FORMAT = 2
"""Raised when the arrays of a model file change their meaning; a file of another format is refused."""

PROBE_TOLERANCE = 1e-9

CHANNELS = ("forest", "middle", "nearest")
"""Columns of `ServiceModel.raw`: the Isolation Forest's outlier score, and the logarithms (of 1 + the mean square) of
the distances to the middle of normal and to the nearest reference row."""

GROWN_NS = 3 * DAY_NS // 4
"""History of a model that is not young any more: what is left of the day is between hours that it knows."""

_FOREST = ("feature", "threshold", "left", "right", "path", "roots")


class ModelUnusable(TidewatchError):
    """A model file that is damaged, of another format, or not what it was: the present model goes on serving."""


@dataclass(frozen=True, slots=True)
class ServiceModel:
    """Everything that turns feature rows of one service into surprise.

    A row is whitened and scored by three channels; each channel's score becomes surprise by its own calibration, and
    their mean by the joint one, all on held-back rows. Equal weights: there is nothing to fit them on.

    Attributes:
        service: whose model it is. version: of the registry; empty until registered.
        features: names of the F columns, as in `SeriesIdentity.feature`.
        whitening: to K columns.
        forest: over K columns.
        reference: float32 `(R, K)`, whitened normal rows.
        channels: calibrations in the order of `CHANNELS`; joint: of their mean surprise.
        interval_s: seconds between the rows trained on.
        trained_from_ns, trained_to_ns: event times of the first and the last row trained on.
        rows: how many rows it was trained on.
        probe_x: float64 `(P, F)`, stored rows; probe_tick_ns: int64 `(P,)`, their event times;
        probe_nats: float64 `(P,)`, their surprise when the model was made.
    """

    service: str
    version: str
    features: tuple[str, ...]
    whitening: Whitening
    forest: Forest
    reference: NDArray[np.float32]
    channels: tuple[Calibration, ...]
    joint: Calibration
    interval_s: float
    trained_from_ns: int
    trained_to_ns: int
    rows: int
    probe_x: NDArray[np.float64]
    probe_tick_ns: NDArray[np.int64]
    probe_nats: NDArray[np.float64]

    @property
    def learnt_ns(self) -> int:
        """Length of the history that it was trained on."""
        return self.trained_to_ns - self.trained_from_ns

    @property
    def youth(self) -> float:
        """What its history lacks of a day, 0 to 1."""
        return max(0.0, 1.0 - self.learnt_ns / DAY_NS)

    @property
    def is_young(self) -> bool:
        """Whether it lacks so much of a day that it may take the next hours for anomalous."""
        return self.learnt_ns < GROWN_NS

    def raw(self, x: NDArray[np.float64], tick_ns: NDArray[np.int64]) -> NDArray[np.float64]:
        """Raw outlier scores `(n_rows, len(CHANNELS))` for feature rows `(n_rows, F)` where NaN is missing.

        Args:
            tick_ns: int64 `(n_rows,)`, event times.
        """
        return self._run(x, tick_ns, with_shares=False)[0]

    def nats(self, x: NDArray[np.float64], tick_ns: NDArray[np.int64]) -> NDArray[np.float64]:
        """Calibrated nats `(n_rows,)`, in two thirds of the time that `surprise` takes; arguments as of `raw`."""
        return self.joint.surprise_of(self.mean_surprise(self.raw(x, tick_ns)))

    def surprise(
        self, x: NDArray[np.float64], tick_ns: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Calibrated nats `(n_rows,)` and each feature's part in them `(n_rows, F)`; arguments as of `raw`."""
        raw, share = self._run(x, tick_ns, with_shares=True)
        return self.joint.surprise_of(self.mean_surprise(raw)), share

    def mean_surprise(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean of the channels' surprises `(n_rows,)` for raw scores `(n_rows, len(CHANNELS))`."""
        total = np.zeros(len(raw))
        for channel, calibration in enumerate(self.channels):
            total += calibration.surprise_of(raw[:, channel])
        return total / len(self.channels)

    def _run(
        self, x: NDArray[np.float64], tick_ns: NDArray[np.int64], *, with_shares: bool
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        x = np.ascontiguousarray(x, dtype=np.float64)
        out = _Results(np.empty((len(x), len(CHANNELS))), np.empty((len(x) if with_shares else 0, x.shape[1])))
        _run_rows(x, tick_ns, _Parts(self.whitening, self.forest, self.reference), out)
        return out.raw, out.share

    def with_probe(self, x: NDArray[np.float64], tick_ns: NDArray[np.int64]) -> ServiceModel:
        """The same model with `x` `(P, F)` as the rows that a worker scores before it serves the model."""
        probe = np.ascontiguousarray(x, dtype=np.float64)
        return replace(self, probe_x=probe, probe_tick_ns=tick_ns, probe_nats=self.nats(probe, tick_ns))

    def with_version(self, version: str) -> ServiceModel:
        """The same model under the version that the registry gave it."""
        return replace(self, version=version)

    def check_probe(self) -> None:
        """Raise `ModelUnusable` unless the stored rows score what they scored when the model was made."""
        again = self.nats(self.probe_x, self.probe_tick_ns)
        if len(again) == 0 or not np.allclose(again, self.probe_nats, rtol=0.0, atol=PROBE_TOLERANCE):
            raise ModelUnusable(f"model {self.service} {self.version}: the probe row does not reproduce its score")

    def to_bytes(self, *, compress: bool = True) -> bytes:
        """The model file: a `.npz`, not compressed where it becomes part of something that will be."""
        head = {
            "format": FORMAT,
            "service": self.service,
            "version": self.version,
            "features": list(self.features),
            "normaliser": self.forest.normaliser,
            "interval_s": self.interval_s,
            "trained_from_ns": int(self.trained_from_ns),
            "trained_to_ns": int(self.trained_to_ns),
            "rows": int(self.rows),
            "tails": {name: one.tail for name, one in self._calibrations().items()},
        }
        arrays: dict[str, Any] = {f"forest_{name}": getattr(self.forest, name) for name in _FOREST}
        arrays |= {f"whitening_{name}": array for name, array in self.whitening._asdict().items()}
        for name, one in self._calibrations().items():
            arrays |= {f"{name}_score": one.score, f"{name}_surprise": one.surprise}
        arrays |= {name: getattr(self, name) for name in ("reference", "probe_x", "probe_tick_ns", "probe_nats")}
        buffer = io.BytesIO()
        save = np.savez_compressed if compress else np.savez
        save(buffer, head=np.frombuffer(json.dumps(head).encode(), dtype=np.uint8), **arrays)
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
        model.check_shapes()
        return model

    @classmethod
    def _from_parts(cls, head: dict[str, Any], stored: dict[str, NDArray[Any]]) -> ServiceModel:
        def calibration(name: str) -> Calibration:
            return Calibration(stored[f"{name}_score"], stored[f"{name}_surprise"], float(head["tails"][name]))

        return cls(
            service=str(head["service"]),
            version=str(head["version"]),
            features=tuple(head["features"]),
            whitening=Whitening(*(stored[f"whitening_{name}"] for name in Whitening._fields)),
            forest=Forest(normaliser=float(head["normaliser"]), **{name: stored[f"forest_{name}"] for name in _FOREST}),
            reference=stored["reference"],
            channels=tuple(calibration(name) for name in CHANNELS),
            joint=calibration("joint"),
            interval_s=float(head["interval_s"]),
            trained_from_ns=int(head["trained_from_ns"]),
            trained_to_ns=int(head["trained_to_ns"]),
            rows=int(head["rows"]),
            probe_x=stored["probe_x"],
            probe_tick_ns=stored["probe_tick_ns"],
            probe_nats=stored["probe_nats"],
        )

    def _calibrations(self) -> dict[str, Calibration]:
        return dict(zip((*CHANNELS, "joint"), (*self.channels, self.joint), strict=True))

    def check_shapes(self) -> None:
        """A compiled loop does not check its bounds, so a file that would lead it outside of them is refused here."""
        f, k = len(self.features), self.whitening.matrix.shape[-1]
        sound = (
            self.whitening.sound
            and len(self.whitening.center) == f
            and self.forest.sound
            and int(self.forest.feature.max()) < k
            and self.reference.ndim == 2
            and self.reference.shape[1] == k
            and len(self.reference) > 0
            and bool(np.all(np.isfinite(self.reference)))
            and all(one.sound for one in self._calibrations().values())
            and self.probe_x.shape == (len(self.probe_nats), f)
            and self.probe_tick_ns.shape == self.probe_nats.shape
        )
        if not sound:
            raise ModelUnusable(f"model {self.service} {self.version}: its arrays do not fit together")


class _Parts(NamedTuple):
    whitening: Whitening
    forest: Forest
    reference: NDArray[np.float32]


class _Results(NamedTuple):
    """Room for what `_run_rows` finds; `share` has no rows where nobody asks."""

    raw: NDArray[np.float64]
    share: NDArray[np.float64]


@compiled_to_make_arrays
def _run_rows(x: NDArray[np.float64], tick_ns: NDArray[np.int64], model: _Parts, out: _Results) -> None:
    """Row by row, or as if it were, so that a row's scores do not depend on its company."""
    matrix = model.whitening.matrix
    wave, z, w = np.empty(2 * HARMONICS + 1), np.empty(x.shape[1]), np.empty(matrix.shape[1])
    columns = np.empty((x.shape[0], matrix.shape[1]), dtype=np.float32)
    for i in range(x.shape[0]):
        waves(tick_ns[i], wave)
        standardise_row(x[i], wave, model.whitening, z)
        whiten_row(x[i], z, matrix, w)
        for k in range(w.shape[0]):
            columns[i, k] = w[k]
        out.raw[i, 1] = np.log1p(mean_square(w))
        if out.share.shape[0] > 0:
            shares(matrix, w, out.share[i])
    isolation, nearest = np.empty(x.shape[0]), np.empty(x.shape[0])
    score_rows(columns, model.forest, isolation)
    nearest_mean_squares(columns, model.reference, nearest)
    for i in range(x.shape[0]):
        out.raw[i, 0], out.raw[i, 2] = isolation[i], np.log1p(nearest[i])
