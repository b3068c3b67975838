"""MLflow's tracking server by its REST API (version 2.0), without importing MLflow.

Importing MLflow costs 8 s of CPU and 200 MB, in every training and every command; these requests take milliseconds.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from infra.http import Answer, HttpClient
from infra.mlflow.backend import ModelVersion, Run
from models.errors import Misconfigured
from models.timestamps import MILLISECOND_NS

EXPERIMENT: Final = "tidewatch"
TIMEOUT_S: Final = 20.0
"""A server with one worker answers one request at a time, and its first one slowly. Whoever calls repeats."""

PAGE: Final = 200
API: Final = "/api/2.0/"
MISSING: Final = "RESOURCE_DOES_NOT_EXIST"
THERE: Final = "RESOURCE_ALREADY_EXISTS"
REFUSALS: Final = (401, 403)


class MlflowRefused(Exception):
    """MLflow finds a request wrong: a defect of ours, unless the code is one that the caller expects."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class HttpBackend:
    """A tracking server at `address`."""

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")
        self._http = HttpClient("MLflow", timeout_s=TIMEOUT_S, follow_redirects=True, through_proxy=True)

    def create_run(self, run_name: str, tags: Mapping[str, str]) -> Run:
        """A run in our experiment."""
        answer = self._call(
            "POST",
            "mlflow/runs/create",
            {
                "experiment_id": self._experiment(),
                "run_name": run_name,
                "start_time": _now_ms(),
                "tags": _pairs(tags),
            },
        )
        info = answer["run"]["info"]
        return Run(info["run_id"], info["artifact_uri"])

    def finish_run(
        self, run: Run, params: Mapping[str, str], metrics: Mapping[str, float], name: str, body: bytes
    ) -> None:
        """Figures, the file through the artifact proxy, the end."""
        now_ms = _now_ms()
        figures = [{"key": k, "value": v, "timestamp": now_ms, "step": 0} for k, v in metrics.items()]
        batch = {"run_id": run.run_id, "params": _pairs(params), "metrics": figures}
        self._call("POST", "mlflow/runs/log-batch", batch)
        folder = urlsplit(run.artifact_uri)
        if folder.scheme != "mlflow-artifacts":
            raise Misconfigured(
                f"MLflow keeps artifacts at {run.artifact_uri}, out of our reach: start it with --serve-artifacts"
            )
        path = quote(f"{folder.path.strip('/')}/{name}")
        self._request("PUT", f"{API}mlflow-artifacts/artifacts/{path}", body, "application/octet-stream")
        self._call("POST", "mlflow/runs/update", {"run_id": run.run_id, "status": "FINISHED", "end_time": _now_ms()})

    def metrics(self, run_id: str) -> dict[str, float]:
        """Figures of a run."""
        data = self._call("GET", "mlflow/runs/get", {"run_id": run_id})["run"]["data"]
        return {metric["key"]: float(metric["value"]) for metric in data.get("metrics", [])}

    def create_model(self, name: str) -> None:
        """Make a registered model, unless it is there."""
        try:
            self._call("POST", "mlflow/registered-models/create", {"name": name})
        except MlflowRefused as error:
            if error.code != THERE:
                raise

    def models(self) -> list[str]:
        """Names of all registered models."""
        return [model["name"] for model in self._pages("mlflow/registered-models/search", "registered_models", {})]

    def aliases(self, name: str) -> dict[str, str]:
        """Alias → version."""
        found = self._found("mlflow/registered-models/get", {"name": name})
        aliases = [] if found is None else found["registered_model"].get("aliases", [])
        return {alias["alias"]: str(alias["version"]) for alias in aliases}

    def set_alias(self, name: str, alias: str, number: str) -> None:
        """Point an alias to a version."""
        self._call("POST", "mlflow/registered-models/alias", {"name": name, "alias": alias, "version": number})

    def create_version(self, name: str, run: Run, source: str, tags: Mapping[str, str]) -> ModelVersion:
        """Register a file of a run."""
        body = {"name": name, "source": source, "run_id": run.run_id, "tags": _pairs(tags)}
        return _version(self._call("POST", "mlflow/model-versions/create", body)["model_version"])

    def version(self, name: str, number: str) -> ModelVersion | None:
        """One version."""
        if not number.isdigit():
            return None
        found = self._found("mlflow/model-versions/get", {"name": name, "version": number})
        return None if found is None else _version(found["model_version"])

    def versions(self, name: str) -> list[ModelVersion]:
        """All versions, newest first."""
        found = self._pages("mlflow/model-versions/search", "model_versions", {"filter": f"name = '{name}'"})
        return sorted((_version(version) for version in found), key=lambda version: -int(version.number))

    def tag_version(self, name: str, number: str, key: str, value: str) -> None:
        """Set a tag of a version."""
        body = {"name": name, "version": number, "key": key, "value": value}
        self._call("POST", "mlflow/model-versions/set-tag", body)

    def _experiment(self) -> str:
        found = self._found("mlflow/experiments/get-by-name", {"experiment_name": EXPERIMENT})
        if found is not None:
            return str(found["experiment"]["experiment_id"])
        try:
            return str(self._call("POST", "mlflow/experiments/create", {"name": EXPERIMENT})["experiment_id"])
        except MlflowRefused as error:
            if error.code != THERE:
                raise
            return self._experiment()  # somebody else made it in between

    def _pages(self, path: str, key: str, query: Mapping[str, str]) -> list[Any]:
        found: list[Any] = []
        token = ""
        while True:
            page = self._call("GET", path, {**query, "max_results": PAGE, **({"page_token": token} if token else {})})
            found += page.get(key, [])
            token = page.get("next_page_token", "")
            if not token:
                return found

    def _found(self, path: str, query: Mapping[str, str]) -> Any:
        """Answer to a GET; None where MLflow says that there is no such thing."""
        try:
            return self._call("GET", path, query)
        except MlflowRefused as error:
            if error.code == MISSING:
                return None
            raise

    def _call(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        if method == "GET":
            return json.loads(self._request("GET", f"{API}{path}?{urlencode(body)}", None, "") or b"{}")
        return json.loads(self._request(method, API + path, json.dumps(body).encode(), "application/json") or b"{}")

    def _request(self, method: str, path: str, body: bytes | None, content_type: str) -> bytes:
        answer = self._http.ask(method, self._address + path, body=body, content_type=content_type)
        if not answer.ok:
            raise _meaning(answer)
        return answer.body


def _meaning(answer: Answer) -> Exception:
    """What a refusal is: the operator's or ours."""
    try:
        said = json.loads(answer.body)
        code, message = str(said["error_code"]), str(said["message"])
    except (ValueError, KeyError, TypeError):
        code, message = str(answer.status), answer.text
    message = message.splitlines()[0][:300] if message else ""
    if answer.status in REFUSALS:
        return Misconfigured(f"MLflow refuses: {message or answer.status}")
    return MlflowRefused(code, message)


def _pairs(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in values.items()]


def _version(plain: Mapping[str, Any]) -> ModelVersion:
    return ModelVersion(
        number=str(plain["version"]),
        source=plain["source"],
        run_id=plain.get("run_id", ""),
        created_ms=int(plain["creation_timestamp"]),
        tags={tag["key"]: tag.get("value", "") for tag in plain.get("tags", [])},
    )


def _now_ms() -> int:
    return time.time_ns() // MILLISECOND_NS
