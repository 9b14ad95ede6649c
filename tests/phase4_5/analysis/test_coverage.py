"""Each interval that is shown holds the truth as often as it says: the benchmark, smaller."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from benchmarks.coverage import curve, directions, pairs, rate, weighted
from phase4_5.analysis import statistics

CASES: dict[str, tuple[Callable[[np.random.Generator], bool | None], int]] = {
    "rate": (partial(rate, 100, 0.05, 0.95), 400),
    "correction of failed": (partial(rate, 35, 0.02, 0.5), 400),
    "weighted flip rate": (partial(weighted, 50, 50, 1), 400),
    "change of the pass rate": (partial(weighted, 65, 35, -1), 400),
    "difference to controls": (partial(pairs, 40), 100),
    "difference to directions": (partial(directions, 60), 100),
    "best strength": (partial(curve, "window, thresholds differ", 60), 100),
}


@pytest.mark.parametrize("name", CASES)
def test_an_interval_holds_the_truth_in_95_of_100(name, monkeypatch):
    # Of p values, which no interval needs.
    monkeypatch.setattr(statistics, "_RESAMPLES", 19)
    once, repetitions = CASES[name]
    rng = np.random.default_rng(1)
    found = [one for one in (once(rng) for _ in range(repetitions)) if one is not None]
    assert len(found) > repetitions / 2
    # Three standard deviations of the share.
    margin = 3 * np.sqrt(0.95 * 0.05 / len(found))
    assert 0.95 - margin <= np.mean(found) <= 1.0
