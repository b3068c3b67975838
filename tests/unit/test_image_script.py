"""`make image` and `make image-test` say what is missing, and how to get it, before they do anything."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "infra" / "docker" / "image.sh"


def said_with(docker: str | None, folder: Path) -> str:
    """What the script says where `docker` is a program of these lines; None: where there is none."""
    for name in ("bash", "dirname", "env"):
        (folder / name).symlink_to(Path("/usr/bin") / name)
    if docker is not None:
        (folder / "docker").write_text(f"#!/usr/bin/env bash\n{docker}\n")
        (folder / "docker").chmod(0o755)
    done = subprocess.run(
        ["bash", SCRIPT, "build"],
        env={**os.environ, "PATH": str(folder)}, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    return done.stderr


@pytest.mark.parametrize(
    ("docker", "says"),
    [
        pytest.param(None, "docker is missing: install Docker Engine 25 or newer", id="no docker"),
        pytest.param("exit 1", "daemon does not answer: start it", id="a daemon that does not answer"),
        pytest.param("echo 20.10.24", "Docker Engine is 20.10.24: docker-compose.yml needs 25", id="an old engine"),
        pytest.param('[ "$1" = version ] && echo 28.5.1', "docker compose is missing", id="no compose plugin"),
    ],
)
def test_what_is_missing_is_said(docker: str | None, says: str, tmp_path: Path) -> None:
    assert says in said_with(docker, tmp_path)
