"""`make ordinary`: every situation with five seeds, a table by kind, and JSON for who compares."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.ordinary.judge import Complaint, judge
from tests.ordinary.known import KNOWN_FILE, load_known, write_known
from tests.ordinary.play import play
from tests.ordinary.table.all import SITUATIONS

SEEDS = (1, 2, 3, 4, 5)

Results = dict[str, dict[int, list[Complaint]]]


def run(numbers: list[int], seeds: tuple[int, ...]) -> Results:
    """Complaints by situation and seed."""
    found: Results = {}
    for number in numbers:
        situation = SITUATIONS[number]
        found[situation.name] = {}
        for seed in seeds:
            w = situation.weeks(seed)
            found[situation.name][seed] = judge(w, play(w))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="make ordinary", description=__doc__)
    parser.add_argument("--only", default="", help="situations whose name or kind holds this text")
    parser.add_argument("--seeds", default=",".join(map(str, SEEDS)))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write results here")
    parser.add_argument("--record", action="store_true", help=f"write what fails into {KNOWN_FILE.name}")
    parser.add_argument("--verbose", action="store_true", help="every complaint of every run")
    given = parser.parse_args()
    seeds = tuple(int(seed) for seed in given.seeds.split(","))
    numbers = [n for n, s in enumerate(SITUATIONS) if given.only in s.name or given.only in s.kind]
    began = time.perf_counter()
    results: Results = {}
    if given.jobs > 1:
        with ProcessPoolExecutor(given.jobs) as pool:
            parts = pool.map(run, [numbers[k :: given.jobs] for k in range(given.jobs)], [seeds] * given.jobs)
            for part in parts:
                results |= part
    else:
        results = run(numbers, seeds)
    _print(results, verbose=given.verbose)
    print(f"{time.perf_counter() - began:.0f} s")
    if given.json:
        plain = {
            name: {seed: [[c.about, c.text] for c in cs] for seed, cs in by.items()} for name, by in results.items()
        }
        given.json.write_text(json.dumps(plain, indent=1))
    if given.record:
        write_known(results)
    return _against_known(results)


def _print(results: Results, *, verbose: bool) -> None:
    by_kind: dict[str, list[list[Complaint]]] = defaultdict(list)
    kinds = {situation.name: situation.kind for situation in SITUATIONS}
    for name, runs in results.items():
        by_kind[kinds[name]] += runs.values()
        right = sum(not complaints for complaints in runs.values())
        if verbose or right < len(runs):
            print(f"{right}/{len(runs)}  {name}")
        shown = set()
        for seed, complaints in runs.items():
            for complaint in complaints:
                if verbose or complaint.about not in shown:
                    print(f"       {seed} {complaint.about}: {complaint.text}")
                shown.add(complaint.about)
    print(f"\n{'kind':34} {'runs':>5} {'right':>6} {'but for bands':>14}")
    whole = [run for runs in by_kind.values() for run in runs]
    for kind, runs in [*by_kind.items(), ("all", whole)]:
        right = sum(not run for run in runs)
        but = sum(all(complaint.about == "band" for complaint in run) for run in runs)
        print(f"{kind:34} {len(runs):5} {right:6} {but:14}")


def _against_known(results: Results) -> int:
    known, wrong = load_known(), 0
    for name, runs in results.items():
        for seed, complaints in runs.items():
            listed = seed in known.get(name, {})
            if bool(complaints) != listed:
                wrong += 1
                print(f"{name}, seed {seed}: " + ("passes: take it off the list" if listed else "fails anew"))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
