"""What only a training and MLflow need, and an installation may lack: the image `tidewatch-worker` does."""

from __future__ import annotations

from importlib.util import find_spec

from models.errors import Misconfigured


def require_packages(*modules: str) -> None:
    """Return when all of `modules` are installed; raises `Misconfigured` otherwise."""
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise Misconfigured(
            f"{', '.join(missing)} is not installed here: the image tidewatch-worker is made without what only"
            " trainings and MLflow need. Use the image tidewatch"
        )
