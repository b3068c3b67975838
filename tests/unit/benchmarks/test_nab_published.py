"""Our scorer against NAB's published scores, where somebody has NAB's result files at hand."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from benchmarks.quality import nab
from benchmarks.quality.nab_published import PUBLISHED, read_results

RESULTS = os.environ.get("TIDEWATCH_TEST_NAB_RESULTS", "")

pytestmark = pytest.mark.skipif(
    not RESULTS, reason="TIDEWATCH_TEST_NAB_RESULTS does not name the folder `results` of a checkout of numenta/NAB"
)


@pytest.mark.parametrize("detector", ["ARTime", "contextOSE", "randomCutForest", "knncad", "windowedGaussian"])
def test_scores_are_those_that_were_published(detector: str) -> None:
    published = json.loads((Path(RESULTS) / "final_results.json").read_text())[detector]
    files, scores = read_results(Path(RESULTS) / detector, detector)
    for profile in nab.PROFILES:
        ours = nab.curve(files, scores, profile).best()[1]
        assert ours == pytest.approx(published[PUBLISHED[profile.name]], abs=0.005)
