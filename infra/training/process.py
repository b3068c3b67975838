"""Runs the training job in its process: with a deadline, its log lines in ours, ended with us."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from typing import IO, Final

import msgspec

from infra.training.messages import JobResult, TrainingJob
from models.errors import TidewatchError, Unavailable

log = logging.getLogger("training")

DEADLINE_S: Final = 900.0
"""A million rows of 16 features take half a minute, MLflow's import included; this is a machine many times as slow. A
job beyond it hangs."""


class TrainingCrashed(TidewatchError):
    """The process died or ran over its deadline: a defect, or too little memory; the message has its last words."""


class TrainingProcess:
    """One training process at a time; `run` blocks its thread, `stop` may be called from another."""

    def __init__(self, deadline_s: float = DEADLINE_S) -> None:
        self._deadline_s = deadline_s
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False

    def run(self, job: TrainingJob) -> JobResult:
        """The job's result.

        Raises:
            Unavailable: a dependency does not answer (or this was stopped); the job can be repeated.
            TrainingCrashed: there is no result.
        """
        with subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "infra.training"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            self._process = process
            if self._stopped:
                process.kill()
            killer = threading.Timer(self._deadline_s, process.kill)
            killer.start()
            try:
                answer, last_words = _talk(process, job)
            finally:
                killer.cancel()
                process.kill()
                self._process = None
        if self._stopped:
            raise Unavailable("trainer", "the worker stops")
        if not answer:
            raise TrainingCrashed(f"exit code {process.returncode}: {last_words}")
        result = msgspec.json.decode(answer, type=JobResult)
        if result.unavailable:
            raise Unavailable(result.unavailable, result.detail)
        return result

    def stop(self) -> None:
        """End the present job and every later one at once; what it did is found when it is repeated."""
        self._stopped = True
        if self._process is not None:
            self._process.kill()


def _talk(process: subprocess.Popen[bytes], job: TrainingJob) -> tuple[bytes, str]:
    """Hand over the job and wait for the answer, logging what the job says; (answer, its last words)."""
    stdin, stdout, stderr = process.stdin, process.stdout, process.stderr
    if stdin is None or stdout is None or stderr is None:
        raise ValueError("a training process needs all three pipes")
    said: list[str] = []
    listener = threading.Thread(target=_listen, args=(stderr, said), daemon=True)
    listener.start()
    try:
        stdin.write(msgspec.json.encode(job) + b"\n")
        stdin.flush()
    except BrokenPipeError:
        log.warning("the training process died before it read its job")
    answer = stdout.readline()
    if not answer:
        process.wait()
        listener.join(1.0)
    return answer, " | ".join(said[-3:])


def _listen(stderr: IO[bytes], said: list[str]) -> None:
    for raw in stderr:
        line = raw.decode(errors="replace").rstrip()
        said.append(line)
        del said[:-20]
        log.info("%s", line)
