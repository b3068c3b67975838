"""A Faust app as its documentation shows it, with what a benchmark has no use for turned off."""

from __future__ import annotations

import os
import sys
import tempfile
import uuid
from typing import NoReturn

import faust


def stock_app(servers: str) -> faust.App:
    """An app in a group of its own that reads from the start; call `app.main()` on it."""
    sys.argv[1:] = ["worker", "--loglevel", "warn", "--without-web"]
    return faust.App(
        f"faust-{uuid.uuid4().hex}",
        broker=f"kafka://{servers}",
        autodiscover=False,
        store="memory://",
        datadir=tempfile.mkdtemp(prefix="faust-"),
        topic_disable_leader=True,
        topic_allow_declare=False,
        consumer_auto_offset_reset="earliest",
        worker_redirect_stdouts=False,
    )


def finish(report: str) -> NoReturn:
    """Print the report, past the logger that Faust puts in place of stdout, and end: a clean stop would be work."""
    os.write(1, f"\n{report}\n".encode())
    os._exit(0)
