"""Dependencies that people state replace one another and leave what traces showed."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.slo import dependencies
from infra.slo.files import read_dependencies
from infra.store.database import Database
from infra.store.slo.dependencies import DependencySource, add
from models.errors import Misconfigured
from models.service_graph import Edge

pytestmark = pytest.mark.integration


def test_a_file_replaces_what_the_last_one_stated(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "map.yaml"
    file.write_text("dependencies: {checkout: [payments, search]}")
    with database.writing() as cursor:
        add(cursor, [Edge("search", "index")], DependencySource.TRACES)
        dependencies.state(cursor, {"old": ["older"]})
        assert dependencies.state(cursor, read_dependencies(file)) == 2
        told = [dependencies.dependency_json(one) for one in dependencies.known(cursor)]
    assert told == [
        {"client": "checkout", "server": "payments", "source": "file"},
        {"client": "checkout", "server": "search", "source": "file"},
        {"client": "search", "server": "index", "source": "traces"},
    ]


def test_a_file_that_is_not_there_is_misuse(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"none\.yaml: No such file"):
        read_dependencies(tmp_path / "none.yaml")
