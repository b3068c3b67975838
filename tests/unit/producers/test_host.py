"""What a machine is called."""

from __future__ import annotations

import pytest

from infra.producers.host import machine_name
from models.errors import Misconfigured


@pytest.mark.parametrize("name", ["web-1", "db.example.org", "cafe", "0123456789ab.example.org"])
def test_a_machine_is_called_by_its_host_name(name: str) -> None:
    assert machine_name(name) == name


def test_a_containers_id_is_no_name() -> None:
    with pytest.raises(Misconfigured, match="--instance"):
        machine_name("85299745bb41")
