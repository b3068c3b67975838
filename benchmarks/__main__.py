"""`python -m benchmarks`: every benchmark there is."""

from __future__ import annotations

import sys

from benchmarks.causes.__main__ import main as causes
from benchmarks.forecast.__main__ import main as forecast
from benchmarks.speed.__main__ import main as speed

if __name__ == "__main__":
    sys.exit(speed(sys.argv[1:]) or causes([]) or forecast([]))
