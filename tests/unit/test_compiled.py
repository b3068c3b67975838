"""The cache of compiled loops follows everything that goes into them."""

import ast
from pathlib import Path

from models import compiled

MODELS = Path(compiled.__file__).parent


def _imports(module: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(MODELS.joinpath(f"{module}.py").read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = (
                [alias.name for alias in node.names]
                if node.module == "models"
                else [node.module.removeprefix("models.")]
            )
            found.update(name for name in names if MODELS.joinpath(f"{name}.py").exists())
    return found


def test_every_module_with_compiled_loops_is_a_source_of_the_digest():
    with_loops = {file.stem for file in MODELS.glob("*.py") if "\n@compiled\n" in file.read_text()}
    assert with_loops <= set(compiled.SOURCES)


def test_modules_that_loops_import_are_sources_or_hold_nothing_that_is_compiled():
    plain = {"errors", "metric_rules", "records", "reasons", "results", "scaling", "series", "timestamps"}
    for module in set(compiled.SOURCES) - {"compiled"}:
        assert _imports(module) <= set(compiled.SOURCES) | plain, module
