"""One Kafka admin client, and one way to produce outside of the workers."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
PACKAGES = ("agents", "infra", "models")


def makers(*names: str) -> set[str]:
    """Modules that make an object of one of these classes."""

    def found() -> Iterator[str]:
        for package in PACKAGES:
            for path in (ROOT / package).rglob("*.py"):
                for node in ast.walk(ast.parse(path.read_text())):
                    called = node.func if isinstance(node, ast.Call) else None
                    if (getattr(called, "id", None) or getattr(called, "attr", "")) in names:
                        yield str(path.relative_to(ROOT))

    return set(found())


def test_one_module_makes_an_admin_client() -> None:
    assert makers("AIOKafkaAdminClient", "KafkaAdminClient") == {"infra/kafka/admin.py"}


def test_outside_of_the_workers_one_module_makes_a_producer() -> None:
    made = makers("KafkaProducer", "AIOKafkaProducer")
    assert {module for module in made if not module.startswith("agents/")} == {"infra/kafka/record_publisher.py"}
