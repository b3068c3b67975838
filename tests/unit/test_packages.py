"""A smaller installation says what it lacks."""

from __future__ import annotations

import pytest

from infra.packages import require_packages
from models.errors import Misconfigured


def test_what_is_installed_is_enough() -> None:
    require_packages("sklearn", "river", "mlflow")


def test_what_is_missing_is_named_and_so_is_the_way_out() -> None:
    with pytest.raises(Misconfigured, match="no_such_package is not installed here.*image tidewatch"):
        require_packages("json", "no_such_package")
