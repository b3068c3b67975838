"""The embedded stack's small decisions."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from infra.local.processes.restarts import LONGEST_DELAY_S, STEADY_AFTER_S, Restarts
from infra.local.services.alertmanager import deliver_to
from infra.local.stack import external_addresses
from infra.local.stack_file import read_stack_file, take_home, write_stack_file
from infra.settings import load
from models.errors import Misconfigured


def test_quick_deaths_wait_longer_and_longer_up_to_a_limit() -> None:
    restarts = Restarts()
    delays = [restarts.died(now_s=0.0, lived_s=1.0) for _ in range(10)]
    assert delays == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 30.0]
    assert delays[-1] == LONGEST_DELAY_S


def test_a_long_life_is_forgiven_its_end() -> None:
    restarts = Restarts(quick_deaths=5)
    assert restarts.died(now_s=10.0, lived_s=STEADY_AFTER_S) == 0.5
    assert not restarts.is_due(10.4)
    assert restarts.is_due(10.5)


def test_only_the_shipped_webhook_is_replaced() -> None:
    settings = {
        "receivers": [
            {"name": "page", "webhook_configs": [{"url": "http://receiver:9095/page"}]},
            {"name": "theirs", "webhook_configs": [{"url": "https://hooks.example.org/x"}]},
            {"name": "silent"},
        ]
    }
    deliver_to(settings, "http://127.0.0.1:4000/")
    urls = [webhook["url"] for receiver in settings["receivers"] for webhook in receiver.get("webhook_configs", [])]
    assert urls == ["http://127.0.0.1:4000/page", "https://hooks.example.org/x"]


def test_settings_find_what_the_stack_wrote_down_and_nobody_else_can_read_it(tmp_path: Path) -> None:
    write_stack_file(tmp_path, {"kafka": "127.0.0.1:4", "database_url": "postgresql://a:b@c/d"}, {})
    assert load(home=tmp_path).kafka == "127.0.0.1:4"
    assert stat.S_IMODE((tmp_path / "stack.json").stat().st_mode) == 0o600
    assert read_stack_file(tmp_path)["addresses"]["kafka"] == "127.0.0.1:4"


def test_a_home_has_one_stack(tmp_path: Path) -> None:
    with take_home(tmp_path), pytest.raises(Misconfigured, match="already runs"):
        take_home(tmp_path)
    take_home(tmp_path).close()


def test_an_address_set_by_a_person_takes_the_services_place(tmp_path: Path) -> None:
    settings = load(home=tmp_path, database_url="postgresql://a:b@c/d")
    assert external_addresses(settings) == {"database_url": "postgresql://a:b@c/d"}
