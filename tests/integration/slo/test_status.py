"""How SLOs stand, as API and command line read it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infra.slo import definitions, exclusions, status
from infra.slo.files import read_definitions
from infra.store.database import Database
from models.errors import Misconfigured

pytestmark = pytest.mark.integration

HOST = Path(__file__).parents[3] / "slos" / "host.yaml"
NOW_NS = 1_780_000_020_000_000_000


def test_an_slo_that_was_never_evaluated_is_there_without_figures(database: Database) -> None:
    with database.writing() as cursor:
        definitions.apply(cursor, read_definitions([HOST]), by="ann")
        (found,) = status.status(cursor, NOW_NS, "host-cpu")
    assert not found.fires
    assert found.explained is None
    told = json.loads(json.dumps(status.status_json(found)))
    assert (told["slo"], told["evaluated_at"], told["alerts"], told["exceptions"]) == ("host-cpu", None, [], [])
    assert "causes" not in told


def test_what_lasts_now_is_told_with_its_slo_and_with_no_other(database: Database) -> None:
    with database.writing() as cursor:
        definitions.apply(cursor, read_definitions([HOST]), by="ann")
        made = exclusions.pause(cursor, "host-cpu", reason="new disks", made_by="ann", now_ns=NOW_NS)
        now = {slo.summary.name: slo.exclusions for slo in status.status(cursor, NOW_NS)}
        before = {slo.summary.name: slo.exclusions for slo in status.status(cursor, NOW_NS - 1)}
    assert now["host-cpu"] == (made,)
    assert now["host-memory"] == before["host-cpu"] == ()


def test_causes_are_there_when_asked_for(database: Database) -> None:
    with database.writing() as cursor:
        definitions.apply(cursor, read_definitions([HOST]), by="ann")
        (found,) = status.status(cursor, NOW_NS, "host-cpu", with_causes=True)
    assert status.status_json(found)["causes"] == []


def test_a_name_that_is_none_is_misuse(database: Database) -> None:
    with database.reading() as cursor, pytest.raises(Misconfigured, match="no SLO is called 'nothing'"):
        status.status(cursor, NOW_NS, "nothing")
