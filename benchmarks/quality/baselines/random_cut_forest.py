"""AWS's Random Cut Forest, its own Java, with 50 trees, shingles of 8 values of a single series, normalised values.

Source: Guha, Mishra, Roy and Schrijvers, "Robust Random Cut Forest Based Anomaly Detection On Streams", ICML 2016.
Maven fetches the jars, and `javac` compiles the small program beside this file, when they are first asked for.
"""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.baselines.refit import filled
from benchmarks.quality.corpus import Stream
from models.errors import Misconfigured

HERE = Path(__file__).parent
PROGRAM = HERE / "RandomCutForestScores.java"
POM = HERE / "rcf-pom.xml"
JARS = HERE.parents[2] / ".tidewatch" / "cache" / "random-cut-forest-4.4.0"
SHINGLE = 8
FETCH_TIMEOUT_S = 300.0
QUICK = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Streams take seconds: what the optimising compiler would gain, it costs."""
OPTIMISED = ("-XX:+UseSerialGC",)


def score(stream: Stream) -> NDArray[np.float64]:
    """The forest's score, `(n,)`."""
    return _run(stream)[:, 0]


def grade(stream: Stream) -> NDArray[np.float64]:
    """The anomaly grade, 0 to 1, `(n,)`: what its own threshold makes of the score, 0 for most rows."""
    return _run(stream)[:, 1]


def why_not() -> str | None:
    """What is missing for it to run, None when nothing is."""
    for command, package in (("javac", "openjdk-17-jdk-headless"), ("mvn", "maven")):
        if shutil.which(command) is None:
            return f"{command} is missing: install the package {package}"
    return None


def fetch() -> None:
    """Have jars and program here; raises `Misconfigured` where Maven or the compiler fails."""
    if not JARS.is_dir():
        _fetch_jars()
    program = JARS / f"{PROGRAM.stem}.class"
    if not program.is_file() or program.stat().st_mtime < PROGRAM.stat().st_mtime:
        compiled = ["javac", "-cp", f"{JARS}/*", "-d", str(JARS), str(PROGRAM)]
        done = subprocess.run(compiled, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Misconfigured(f"{PROGRAM.name} does not compile: {done.stderr.strip()[-500:]}")


def _fetch_jars() -> None:
    part = JARS.with_suffix(".part")
    goal = ["dependency:copy-dependencies", f"-DoutputDirectory={part}"]
    done = subprocess.run(
        ["mvn", "-q", "-B", "-f", POM, *goal], capture_output=True, text=True, timeout=FETCH_TIMEOUT_S, check=False
    )
    if done.returncode != 0:
        problem = next((line for line in done.stdout.splitlines() if "ERROR" in line), "no reason given")
        raise Misconfigured(f"Maven could not fetch the Random Cut Forest: {problem}")
    shutil.rmtree(JARS, ignore_errors=True)
    part.rename(JARS)


def microseconds(values: NDArray[np.float64]) -> float:
    """Processing time of a value of a long series `(n,)`, by the optimising compiler, start and parsing left out."""
    done = _java(values[:, None], OPTIMISED)
    return int(done.stderr.split()[-1]) / 1000


def _run(stream: Stream) -> NDArray[np.float64]:
    return np.loadtxt(io.StringIO(_java(filled(stream.values), QUICK).stdout), delimiter=",", ndmin=2)


def _java(values: NDArray[np.float64], options: Sequence[str]) -> subprocess.CompletedProcess[str]:
    columns = values.shape[1]
    text = io.StringIO()
    np.savetxt(text, values, delimiter=",", fmt="%.9g")
    arguments = [str(columns), str(SHINGLE if columns == 1 else 1)]
    done = subprocess.run(
        ["java", *options, "-cp", f"{JARS}:{JARS}/*", PROGRAM.stem, *arguments],
        input=text.getvalue(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{PROGRAM.name}: {done.stderr.strip()[-500:]}")
    return done
