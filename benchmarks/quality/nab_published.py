"""`python -m benchmarks.quality.nab_published RESULTS`: our scorer on the result files that NAB publishes.

RESULTS is the folder `results` of a checkout of numenta/NAB. Prints, per detector and profile, the score that NAB
published (`final_results.json`) and ours.

Published scores were taken at thresholds that an optimiser had found; newer NAB versions, and we, try every score that
occurs. Where the two differ, ours is the larger.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.quality import nab

PUBLISHED = {"standard": "standard", "low_fp": "reward_low_FP_rate", "low_fn": "reward_low_FN_rate"}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.nab_published", description=__doc__)
    parser.add_argument("results", type=Path, help="the folder `results` of a checkout of numenta/NAB")
    chosen = parser.parse_args(arguments)
    final = chosen.results / "final_results.json"
    if not final.is_file():
        print(f"{final}: no such file; name the folder `results` of a checkout of numenta/NAB", file=sys.stderr)
        return 2
    print(f"{'detector':<20} {'profile':<9} {'published':>9} {'ours':>9} {'larger by':>9}")
    for detector, published in sorted(json.loads(final.read_text()).items()):
        files, scores = read_results(chosen.results / detector, detector)
        for profile in nab.PROFILES:
            theirs = published[PUBLISHED[profile.name]]
            ours = nab.curve(files, scores, profile).best()[1]
            print(f"{detector:<20} {profile.name:<9} {theirs:9.2f} {ours:9.2f} {ours - theirs:9.2f}")
    return 0


def read_results(folder: Path, detector: str) -> tuple[list[nab.JudgedFile], list[NDArray[np.float64]]]:
    """Judged rows and anomaly scores of a detector's result files. Windows are the runs of their `label` column."""
    files, scores = [], []
    for path in sorted(folder.glob(f"*/{detector}_*.csv")):
        table = pd.read_csv(path)
        # row numbers stand for times: repeated ones would make a window's edge ambiguous
        edges = np.flatnonzero(np.diff(np.concatenate(([0], table["label"], [0]))))
        windows = [(int(start), int(end) - 1) for start, end in edges.reshape(-1, 2)]
        files.append(nab.judge(np.arange(len(table)), windows))
        scores.append(table["anomaly_score"].to_numpy(np.float64))
    return files, scores


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
