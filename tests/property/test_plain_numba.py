"""The plain path of numba's seam scores as the fast one does, bit by bit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PLAYED = """
import hashlib, sys
from models.seams import Library, choose_plain
choose_plain([Library.NUMBA] if sys.argv[1] == "plain" else [])
import numpy as np
from models import compiled, numba_seams
from tests.unit.streams import make, series, table
rng = np.random.default_rng(5)
found = hashlib.blake2b()
pipeline = make()
for part in range(3):
    names = [series(metric, instance) for metric in ("a", "b") for instance in ("x", "y")]
    values = {name: rng.normal(10, 1, 400) + 30 * (rng.random(400) < 0.01) for name in names}
    folded = pipeline.fold(table(values, first_tick=400 * part))
    for column in (folded.rows.score, folded.rows.parts, folded.rows.expected, folded.rows.tick_ns):
        found.update(np.ascontiguousarray(column).tobytes())
found.update(pipeline.snapshot())
print(numba_seams.SEAM.path, compiled.CACHE_FOLDER.name.rpartition("-")[2], found.hexdigest())
"""


def played(path: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PLAYED, path],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.timeout(600)  # the first run compiles every loop for the plain path
def test_both_paths_give_the_same_scores_and_the_same_state() -> None:
    fast, plain = played("fast"), played("plain")
    assert fast[:2] == ["fast", "fast"]
    assert plain[:2] == ["plain-chosen", "plain"]
    assert fast[2] == plain[2]
