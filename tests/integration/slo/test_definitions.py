"""Applying SLOs, listing them and their history, as API and command line call them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infra.slo import definitions
from infra.slo.files import read_definitions
from infra.store.database import Database
from infra.store.slo.definitions import ChangeKind
from models.errors import Misconfigured
from models.slo.openslo.read import Definitions

pytestmark = pytest.mark.integration

HOST = Path(__file__).parents[3] / "slos" / "host.yaml"


def test_trying_changes_nothing_and_applying_does_what_was_tried(database: Database) -> None:
    wanted = read_definitions([HOST])
    with database.writing() as cursor:
        tried = definitions.apply(cursor, wanted, by="ann", dry_run=True)
        assert definitions.in_force(cursor) == []
        done = definitions.apply(cursor, wanted, by="ann")
        assert [slo.name for slo in definitions.in_force(cursor)] == [change.name for change in done.changes]
    assert (tried.applied, done.applied) == (False, True)
    assert tried.changes == done.changes
    assert {change.kind for change in done.changes} == {ChangeKind.CREATED}
    assert done.warnings == []


def test_alerts_that_can_never_fire_are_warned_of(tmp_path: Path, database: Database) -> None:
    lenient = tmp_path / "host.yaml"
    lenient.write_text(HOST.read_text().replace("target: 0.95", "target: 0.9"))
    with database.writing() as cursor:
        tried = definitions.apply(cursor, read_definitions([lenient]), by="ann", dry_run=True)
    assert any(text.startswith("host-cpu: a total outage burns 10× at this target") for text in tried.warnings)


def test_pruning_removes_what_is_not_wanted_and_history_says_who(database: Database) -> None:
    wanted = read_definitions([HOST])
    with database.writing() as cursor:
        definitions.apply(cursor, wanted, by="ann")
        definitions.apply(cursor, Definitions([], []), by="bob", prune=True)
        entries = definitions.history(cursor, "host-cpu")
    assert [(entry.changed_by, entry.after is None) for entry in entries] == [("bob", True), ("ann", False)]


def test_history_of_a_name_that_never_was_is_misuse(database: Database) -> None:
    with database.reading() as cursor, pytest.raises(Misconfigured, match="never was an SLO called 'nothing'"):
        definitions.history(cursor, "nothing")


def test_results_are_json(database: Database) -> None:
    with database.writing() as cursor:
        done = definitions.apply(cursor, read_definitions([HOST]), by="ann")
        (entry,) = definitions.history(cursor, "host-cpu")
    told = json.loads(json.dumps(definitions.applied_json(done)))
    assert told["applied"] is True
    assert told["changes"][0]["change"] == "created"
    assert json.loads(json.dumps(definitions.history_json(entry)))["by"] == "ann"
