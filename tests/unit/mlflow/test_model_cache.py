"""Fetching model files: by path and over HTTP, cached by checksum, refused when they are not what is on record."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from infra.mlflow.model_cache import ModelFiles
from models.errors import Unavailable
from models.service_model.model import ModelUnusable
from models.training.fit import fit
from tests.unit.training.test_fit import table

BODY = b"a model, as far as anyone here looks"
SHA256 = hashlib.sha256(BODY).hexdigest()


class Artifacts(BaseHTTPRequestHandler):
    """MLflow's artifact proxy, with one whole file and one whose connection breaks."""

    def do_GET(self) -> None:
        name = self.path.removeprefix("/api/2.0/mlflow-artifacts/artifacts/")
        if name == "1/run%20x/artifacts/model.npz":
            self._send(BODY, len(BODY))
        elif name == "broken":
            self._send(BODY[:5], len(BODY))
        else:
            self.send_error(404)

    def _send(self, body: bytes, length: int) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on stderr."""


@pytest.fixture
def server() -> Iterator[str]:
    http = ThreadingHTTPServer(("127.0.0.1", 0), Artifacts)
    thread = threading.Thread(target=http.serve_forever, args=(0.01,))  # seconds until it sees its end
    thread.start()
    yield f"http://127.0.0.1:{http.server_port}"
    http.shutdown()
    thread.join()
    http.server_close()


def test_a_file_of_the_artifact_proxy_is_fetched_once(tmp_path: Path, server: str) -> None:
    files = ModelFiles(tmp_path / "cache", server)
    assert files.fetch("mlflow-artifacts:/1/run x/artifacts/model.npz", SHA256) == BODY
    offline = ModelFiles(tmp_path / "cache", "http://127.0.0.1:1")
    assert offline.fetch("mlflow-artifacts:/1/run x/artifacts/model.npz", SHA256) == BODY


@pytest.mark.parametrize("form", ["path", "uri"])
def test_a_file_of_a_shared_folder_is_fetched(tmp_path: Path, form: str) -> None:
    file = tmp_path / "with space" / "model.npz"
    file.parent.mkdir()
    file.write_bytes(BODY)
    assert ModelFiles(tmp_path / "cache", "").fetch(str(file) if form == "path" else file.as_uri(), SHA256) == BODY


def test_another_file_than_the_one_on_record_is_unusable_and_not_kept(tmp_path: Path) -> None:
    file = tmp_path / "model.npz"
    file.write_bytes(BODY + b".")
    with pytest.raises(ModelUnusable, match="on record is"):
        ModelFiles(tmp_path / "cache", "").fetch(str(file), SHA256)
    assert not (tmp_path / "cache").exists()


def test_a_damaged_cache_is_fetched_again(tmp_path: Path, server: str) -> None:
    files = ModelFiles(tmp_path, server)
    (tmp_path / f"{SHA256}.npz").write_bytes(b"half of it")
    assert files.fetch("mlflow-artifacts:/1/run x/artifacts/model.npz", SHA256) == BODY
    assert (tmp_path / f"{SHA256}.npz").read_bytes() == BODY


@pytest.mark.parametrize(
    ("artifact", "said"),
    [
        ("mlflow-artifacts:/broken", "bytes"),
        ("mlflow-artifacts:/gone", "404"),
        ("file:///nowhere/model.npz", "No such file"),
    ],
    ids=["a download that breaks off", "a file that is not there now", "a folder that is not mounted"],
)
def test_what_cannot_be_had_now_is_unavailable(tmp_path: Path, server: str, artifact: str, said: str) -> None:
    with pytest.raises(Unavailable, match=said):
        ModelFiles(tmp_path, server).fetch(artifact, SHA256)


def test_without_a_server_a_proxied_artifact_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="TIDEWATCH_MLFLOW_URL names none"):
        ModelFiles(tmp_path, "postgresql://x").fetch("mlflow-artifacts:/1/model.npz", SHA256)


def test_a_model_is_loaded_under_its_version_and_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    body = fit(table(200), "shop", seed=1).to_bytes()
    file = tmp_path / "model.npz"
    file.write_bytes(body)
    files = ModelFiles(tmp_path / "cache", "")
    assert files.load("7", str(file), hashlib.sha256(body).hexdigest()).version == "7"
    file.write_bytes(BODY)
    with pytest.raises(ModelUnusable, match="not a model file"):
        files.load("8", str(file), SHA256)
