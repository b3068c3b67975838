"""One name, one thing: a reader who has met a class once knows what its name means everywhere."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]


def public_classes() -> dict[str, list[str]]:
    """Files that define each public class, by name."""
    found = defaultdict(list)
    for package in ("models", "infra", "agents"):
        for file in sorted((ROOT / package).rglob("*.py")):
            for node in ast.parse(file.read_text()).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    found[node.name].append(str(file.relative_to(ROOT)))
    return found


def test_no_two_public_classes_have_the_same_name():
    found = public_classes()
    assert "ServiceModel" in found
    assert {name: files for name, files in found.items() if len(files) > 1} == {}
