"""`python -m benchmarks [options]`: speed, then causes and forecasts; `--only` and `--quick` leave it at speed."""

from __future__ import annotations

import sys

from benchmarks.causes.__main__ import main as causes
from benchmarks.forecast.__main__ import main as forecast
from benchmarks.speed.__main__ import main as speed


def main(arguments: list[str]) -> int:
    """Exit code: the first that is not 0."""
    partly = any(option in arguments for option in ("--only", "--quick", "--table", "--help", "-h"))
    codes = [speed(arguments)]
    if not partly:
        codes += [causes([]), forecast([])]
    return next((code for code in codes if code), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
