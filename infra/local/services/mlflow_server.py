"""`python -m infra.local.services.mlflow_server`: MLflow's tracking server in one process.

`mlflow server` loads the whole of MLflow twice, in a parent that only waits and in the web server under it: 30 s to its
first answer and 430 MB on two busy cores, where this takes 11 s and 250 MB. The store's address comes in through the
environment (`STORE_VARIABLE`), because command lines can be read by every user and it holds a password.
"""

from __future__ import annotations

import argparse
import os

STORE_VARIABLE = "TIDEWATCH_MLFLOW_STORE"


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve MLflow's tracking, registry and artifacts.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--artifacts", required=True, help="folder or address that holds the artifacts")
    parser.add_argument("--host", default="127.0.0.1")
    arguments = parser.parse_args()

    from mlflow.server import constants

    os.environ[constants.BACKEND_STORE_URI_ENV_VAR] = os.environ[STORE_VARIABLE]
    os.environ[constants.ARTIFACT_ROOT_ENV_VAR] = "mlflow-artifacts:/"
    os.environ[constants.ARTIFACTS_DESTINATION_ENV_VAR] = arguments.artifacts
    os.environ[constants.SERVE_ARTIFACTS_ENV_VAR] = "true"
    from mlflow.server import handlers

    # makes or migrates the tables now, not under the first request
    handlers.initialize_backend_stores(os.environ[STORE_VARIABLE], None, "mlflow-artifacts:/")
    import uvicorn
    from mlflow.server.fastapi_app import app

    uvicorn.run(app, host=arguments.host, port=arguments.port, log_level="warning")


if __name__ == "__main__":
    main()
