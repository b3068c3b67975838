"""Other stream processors on the same topic, each in a virtual environment of its own.

An environment is made when it is first asked for, from the pinned `requirements.txt` of its folder, and kept under
`.tidewatch/peers`; an installation that broke off is finished the next time.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from models.errors import Misconfigured

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ENVIRONMENTS = ROOT / ".tidewatch" / "peers"
INSTALL_TIMEOUT_S = 600.0
RUN_TIMEOUT_S = 180.0


class Consumed(NamedTuple):
    """What a peer did once it began to consume; CPU is user and system, of all its processes."""

    samples: int
    wall_s: float
    cpu_s: float
    versions: Mapping[str, str]

    @property
    def per_cpu_s(self) -> float:
        """Samples a CPU-second."""
        return self.samples / self.cpu_s


def run(peer: str, program: str, servers: str, topic: str, samples: int) -> Consumed:
    """Let `benchmarks/peers/<peer>/<program>.py` read `samples` records from a topic's start.

    Raises:
        Misconfigured: its packages can't be had.
    """
    return measured(environment(peer), f"benchmarks.peers.{peer}.{program}", servers, topic, samples)


def measured(python: Path, module: str, servers: str, topic: str, samples: int) -> Consumed:
    """What a program that counts itself by a `Meter` reports."""
    try:
        with tempfile.TemporaryDirectory(prefix="tidewatch-peer-") as folder:  # peers end without tidying up
            done = subprocess.run(
                [python, "-m", module, servers, topic, str(samples)],
                env={**os.environ, "TMPDIR": folder},
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=RUN_TIMEOUT_S,
                check=False,
            )
    except subprocess.TimeoutExpired as expired:
        last = (expired.stderr or b"")[-2000:].decode(errors="replace")
        raise RuntimeError(f"{module} did not end in {RUN_TIMEOUT_S:.0f} s:\n{last}") from expired
    report = next((line for line in reversed(done.stdout.splitlines()) if line.startswith("{")), None)
    if report is None:
        raise RuntimeError(f"{module} ended with {done.returncode} and no report:\n{done.stderr[-2000:]}")
    return Consumed(**json.loads(report))


def environment(peer: str) -> Path:
    """The Python of a peer's environment, which is made or finished where it is not there.

    Raises:
        Misconfigured: a package can't be had; one line says which, and how to go on without the peer.
    """
    wanted = HERE / peer / "requirements.txt"
    folder = ENVIRONMENTS / peer
    python, ready = folder / "bin" / "python", folder / "ready"
    digest = hashlib.sha256(wanted.read_bytes()).hexdigest()
    if ready.is_file() and ready.read_text() == digest:
        return python
    print(f"installing the peer {peer} (once)", file=sys.stderr, flush=True)
    uv = Path(sys.executable).with_name("uv")
    if not uv.exists():
        raise Misconfigured("uv is missing, which installs the peers: make setup")
    if not python.exists():
        _done(peer, [uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder])
    options = ("--quiet", "--require-hashes")
    _done(peer, [uv, "pip", "install", *options, "--python", python, "--requirement", wanted])
    ready.write_text(digest)
    return python


def _done(peer: str, command: Sequence[str | Path]) -> None:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False
    )
    if done.returncode != 0:
        why = " ".join(done.stderr.split())[-400:]
        raise Misconfigured(f"the peer {peer} can't be installed, its rows are left out: {why}")
