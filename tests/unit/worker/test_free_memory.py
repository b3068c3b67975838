"""What the process has no use for goes back to the system."""

import subprocess
import sys
from pathlib import Path

import pytest

from agents.worker.free_memory import MAPPINGS

LOADED_THEN_LET_GO = """
import psutil
from agents.worker.free_memory import let_go_of_compiler
from models.pipeline.warm_up import warm_up_reading
warm_up_reading()
before = psutil.Process().memory_info().rss
freed = let_go_of_compiler()
after = psutil.Process().memory_info().rss
warm_up_reading()
print(freed > 0, before - after > 20_000_000, psutil.Process().memory_info().rss - after < 5_000_000)
"""


@pytest.mark.skipif(not MAPPINGS.exists(), reason="this system does not tell what is mapped where")
def test_the_compiler_takes_no_memory_once_the_loops_are_loaded_and_they_still_run():
    command = [sys.executable, "-c", LOADED_THEN_LET_GO]
    root = Path(__file__).parents[3]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout.split() == ["True", "True", "True"], done.stderr


def test_a_worker_that_reads_and_writes_imports_neither_pandas_nor_scipy(tmp_path):
    code = f"""
import sys
import numpy as np
from agents import ingest, watch
from infra.lake.lake import LakeWriter
from models.records import SampleColumns
from models.series import EntityRule
from models.pipeline.warm_up import warm_up
warm_up()
writer = LakeWriter({str(tmp_path)!r}, EntityRule((), (), "shop"))
columns = SampleColumns(["up{{}}"], np.zeros(1, np.int32), np.zeros(1, np.int64), np.zeros(1))
writer.append(columns, "metrics:0", np.zeros(1, np.int64))
writer.flush()
print([name for name in ("pandas", "scipy", "sklearn", "mlflow", "river") if sys.modules.get(name)])
"""
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.stdout.strip() == "[]", done.stderr
