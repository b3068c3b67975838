"""Model files on this machine: fetched once by URI, kept by checksum, without importing MLflow (200 MB) in a worker."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from infra.http import HttpClient
from models.errors import Unavailable
from models.service_model.model import ModelUnusable, ServiceModel

TIMEOUT_S: Final = 15.0
"""One request; a model is under 2 MB, and whoever asks retries."""

MAX_BYTES: Final = 256 * 1024 * 1024
"""A file beyond this is no model of ours (100 trees on 1,000 features are 2 MB): not read into memory."""

KEPT_FILES: Final = 200
"""Cached files; the least recently used go first. At 2 MB each it bounds the folder to 400 MB."""

ARTIFACTS_API: Final = "/api/2.0/mlflow-artifacts/artifacts/"


class ModelFiles:
    """Cache of model files in `folder`, filled from MLflow's artifact store; safe for several processes at once."""

    def __init__(self, folder: Path, mlflow_url: str) -> None:
        """`mlflow_url` serves `mlflow-artifacts:` URIs; others do not need it."""
        self._folder = folder
        self._mlflow_url = mlflow_url.rstrip("/")

    def fetch(self, artifact: str, sha256: str) -> bytes:
        """The file's bytes, with the checksum that is on record.

        Args:
            artifact: `mlflow-artifacts:/...`, `http(s)://...`, `file:///...` or a path.
            sha256: hex digest that the bytes must have.

        Raises:
            Unavailable: the file cannot be had at present, or the download broke off.
            ModelUnusable: all of it was read and it is another file than the one on record.
        """
        cached = self._folder / f"{sha256}.npz"
        body = _read_cached(cached)
        if body is not None and hashlib.sha256(body).hexdigest() == sha256:
            return body
        body = self._download(artifact)
        found = hashlib.sha256(body).hexdigest()
        if found != sha256:
            raise ModelUnusable(f"{artifact} has SHA-256 {found[:12]}..., on record is {sha256[:12]}...")
        self._keep(cached, body)
        return body

    def load(self, version: str, artifact: str, sha256: str) -> ServiceModel:
        """A version that may serve: fetched, its checksum right, its stored rows scored as recorded.

        Raises:
            Unavailable: the file cannot be had at present.
            ModelUnusable: it is not the file on record, or does not do what it did.
        """
        model = ServiceModel.from_bytes(self.fetch(artifact, sha256)).with_version(version)
        model.check_probe()
        return model

    def _download(self, artifact: str) -> bytes:
        parts = urlsplit(artifact)
        if parts.scheme in ("", "file"):
            return _read_file(Path(unquote(parts.path) if parts.scheme else artifact))
        if parts.scheme == "mlflow-artifacts":
            base = f"http://{parts.netloc}" if parts.netloc else self._mlflow_url
            if not base.startswith(("http://", "https://")):
                raise Unavailable("MLflow", f"{artifact} needs a tracking server, and TIDEWATCH_MLFLOW_URL names none")
            return _get(base + ARTIFACTS_API + quote(unquote(parts.path.lstrip("/"))))
        if parts.scheme in ("http", "https"):
            return _get(artifact)
        raise ModelUnusable(f"{artifact}: cannot fetch from {parts.scheme}:")

    def _keep(self, cached: Path, body: bytes) -> None:
        """Put a file into the cache under its final name at once; a full disk costs the cache, not the model."""
        self._folder.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=self._folder, prefix=".")
        with os.fdopen(descriptor, "wb") as out:
            out.write(body)
        Path(temporary).replace(cached)
        files = sorted(self._folder.glob("*.npz"), key=lambda p: p.stat().st_mtime, reverse=True)
        for old in files[KEPT_FILES:]:
            old.unlink(missing_ok=True)


def _read_cached(path: Path) -> bytes | None:
    """Bytes of a cached file, marked as used; None where it is not there."""
    try:
        body = path.read_bytes()
        os.utime(path)
    except FileNotFoundError:
        return None
    return body


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unavailable("MLflow artifacts", f"{path}: {error.strerror or error}") from error


def _get(url: str) -> bytes:
    client = HttpClient(
        "MLflow artifacts", timeout_s=TIMEOUT_S, most_bytes=MAX_BYTES, follow_redirects=True, through_proxy=True
    )
    answer = client.get(url)
    if not answer.ok:
        raise Unavailable("MLflow artifacts", f"{url} answered {answer.status}")
    if not answer.whole:
        raise ModelUnusable(f"{url}: larger than {MAX_BYTES} bytes")
    return answer.body
