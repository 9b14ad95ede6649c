"""Running the pipeline, and reading what it has left, for the tests."""

import json
import shutil

DIRECTIONS = ("correct", "incorrect")
GRID = [1, 3, 10, 30, 100, 300, 1000]
"""The default coefficients."""


def copy_what_4_5_needs(whole, folder):
    """Copy what the earlier phases have made for Phase 4.5; returns `folder`."""
    for phase in ("phase2_5", "phase3_6"):
        shutil.copytree(whole / phase, folder / phase)
    return folder


def results_of(data, direction, coefficient):
    """The records of one coefficient of a direction."""
    folder = data / "phase4_5" / "coefficient_examples" / f"{direction}_coeff_{coefficient:g}"
    return json.loads((folder / "all_results.json").read_text())


def summary_of(data):
    """The summary."""
    return json.loads((data / "phase4_5" / "phase_4_5_summary.json").read_text())
