"""What measuring the damage costs: `python3 -m benchmarks.damage_cost --help`.

Phase 4.5's grid on the embedded model, from an empty journal to the last verdict, with and without
the measurement in turn, after a round that isn't counted. The time of this process's own computing
is told beside the wall's: the sandbox waits for its clock, and other work takes the cores.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

from common.config import load_config
from common.journal import Journal
from common.logging import setup_logging
from common_simplified.code_generator import CodeGenerator
from common_simplified.generation import Job
from phase3_6.baseline import BaselineProblem
from phase4_5.search import cells
from phase4_5.search.damage import Damage, Written, with_damage
from phase4_5.search.executors.local import LocalExecutor
from phase4_5.search.runner import Runner
from phase4_5.search.stages import Search
from phase4_5.steering_coefficient_selector import SteeringCoefficientSelector


def main() -> int:
    """Print a row for each round, and the medians of the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data-dir", default="data", help="with the outputs of Phases 2.5 and 3.6")
    parser.add_argument("--rounds", type=int, default=5)
    parsed = parser.parse_args()
    setup_logging(False)
    selector = SteeringCoefficientSelector(load_config(data_dir=parsed.data_dir))
    selector._load_dependencies()
    _grid(selector, with_damage)
    ratios = []
    for number in range(1, parsed.rounds + 1):
        without, measured = _grid(selector, _unmeasured), _grid(selector, with_damage)
        ratios.append([new / old for old, new in zip(without, measured, strict=True)])
        sys.stdout.write(
            f"round {number}: {without[0]:.2f} s and {measured[0]:.2f} s measured (computing "
            f"{without[1]:.2f} and {measured[1]:.2f}); ratios {ratios[-1][0]:.2f} and "
            f"{ratios[-1][1]:.2f}\n"
        )
    wall, computing = (median(column) for column in zip(*ratios, strict=True))
    sys.stdout.write(f"medians of the ratios: {wall:.2f} (computing {computing:.2f})\n")
    return 0


def _grid(selector: SteeringCoefficientSelector, measure: Any) -> tuple[float, float]:
    """Fill the grid; seconds on the wall and of computing."""
    inputs = selector._load_dependencies()
    with tempfile.TemporaryDirectory() as folder, patch.object(cells, "with_damage", measure):
        config = selector.config.model_copy(update={"phase4_5_output_dir": folder})
        with Journal(Path(folder) / "journal.jsonl", {}, False) as journal:
            search = Search(config, inputs, Runner(LocalExecutor(selector.generator), journal))
            wall, computing = time.perf_counter(), time.process_time()
            search.grid(inputs.problems)
            return time.perf_counter() - wall, time.process_time() - computing


def _unmeasured(
    _generator: CodeGenerator,
    _jobs: Sequence[Job],
    _problems: Sequence[BaselineProblem],
    written: Iterator[Written],
    _measured: Sequence[bool],
) -> Iterator[tuple[Written, Damage]]:
    for entry in written:
        yield entry, Damage(None, None, None)


if __name__ == "__main__":
    sys.exit(main())
