"""What of the stack runs: read from what the supervisor noted and from the processes themselves."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import psutil
import pytest

from infra.local.status import process_state, stack_status, status_json, without_password


def test_no_stack_is_not_well(tmp_path: Path) -> None:
    found = stack_status(tmp_path, 0.0)
    assert not found.well
    assert json.loads(json.dumps(status_json(found))) == {
        "home": str(tmp_path),
        "supervisor": None,
        "addresses": {},
        "processes": {},
    }


def test_a_process_is_ready_when_it_answers_and_starting_before() -> None:
    began_s = psutil.Process().create_time()
    with socket.create_server(("127.0.0.1", 0)) as server:
        noted = {"pid": os.getpid(), "address": f"127.0.0.1:{server.getsockname()[1]}", "restarts": 1}
        state = process_state(noted, began_s + 5.0)
    assert (state["state"], state["age_s"], state["restarts"]) == ("ready", 5.0, 1)
    assert state["memory_mib"] > 0
    assert process_state(noted, began_s)["state"] == "starting"


def test_a_process_that_is_gone_is_down() -> None:
    state = process_state({"pid": 2**22 - 1, "address": "127.0.0.1:1"}, 0.0)
    assert (state["state"], state["age_s"], state["memory_mib"]) == ("down", None, None)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://me:s3cret@h:1/d", "postgresql://me:***@h:1/d"),
        ("http://h:1", "http://h:1"),
        ("h:1", "h:1"),
    ],
    ids=["a password", "none", "no scheme"],
)
def test_passwords_are_never_shown(address: str, shown: str) -> None:
    assert without_password(address) == shown
