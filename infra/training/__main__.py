"""`python -m infra.training`: one training as a process; see `job`."""

from __future__ import annotations

from infra.settings import plain_libraries
from models.seams import choose_plain

if __name__ == "__main__":
    choose_plain(plain_libraries())
    # only now: loops are compiled as modules are imported
    from infra.training.job import main

    main()
