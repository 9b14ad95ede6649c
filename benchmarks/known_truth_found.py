"""What a run of `benchmarks.known_truth` says, and what is true."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.terms import SteeringType
from phase4_5.analysis.metrics import WANTED
from phase4_5.analysis.random_directions import compare_directions, wanted_effect
from phase4_5.analysis.recommendation import quality_shortcomings
from phase4_5.analysis.statistics import SIGNIFICANCE
from phase4_5.records import CoefficientSummary, ProgramRecord
from phase4_5.results.records_table import RECORDS_FILE
from phase4_5.results.run_files import Run

_DRAWS = 200
_SEED = 0


def told(found: Run, steering_type: SteeringType) -> dict[str, Any]:
    """What a run says of a direction, as JSON values."""
    chosen = found.selected.of(steering_type)
    final = chosen.final_evaluation
    assert final is not None and final.directions is not None
    return {
        "recommended": chosen.coefficient,
        "qualifies": chosen.qualifies,
        "verdict": chosen.verdict,
        "reason": chosen.verdict_reason,
        "outcome": final.directions.outcome,
        "difference": final.directions.difference,
        "p": final.directions.p,
        "valid_syntax_rate": final.valid_syntax_rate,
    }


def truth(everywhere: Run, tool: Run, steering_type: SteeringType) -> dict[str, Any]:
    """What all problems show on the finer grid, as JSON values.

    `true_best` is the strength with the largest effect wanted, less its opposite (`true_net`, in
    points), of those that keep the code's quality by the rule's bounds; None if none does.

    Args:
        everywhere: the run on all problems and the finer grid.
        tool: the run that is judged.
        steering_type: the direction.
    """
    rows = everywhere.summary.results[steering_type]
    nets = {row.coefficient: _net(row, steering_type) for row in rows}
    kept = [row.coefficient for row in rows if not quality_shortcomings(row)]
    found: dict[str, Any] = {
        "nets": {f"{strength:g}": net for strength, net in nets.items()},
        "keep_quality": kept,
        "true_best": None,
    }
    if kept:
        best = max(kept, key=lambda strength: (nets[strength], -strength))
        recommended = tool.selected.of(steering_type).coefficient
        found |= {
            "true_best": best,
            "true_net": nets[best],
            "net_where_recommended": nets.get(recommended),
            "power": power(everywhere.examples[steering_type, best], tool.folder, steering_type),
        }
    return found


def _net(row: CoefficientSummary, steering_type: SteeringType) -> float:
    """The effect wanted less its opposite, as the rule has it: corruptions have no opposite."""
    wanted = WANTED[steering_type][1].of(row) or 0.0
    return wanted if steering_type == "incorrect" else wanted - (row.corruption_rate or 0.0)


def power(latent: Sequence[ProgramRecord], run: Path, steering_type: SteeringType) -> float:
    """How often the comparison with random directions would show an effect.

    Held-out problems are drawn anew, each with the effects that a run's random directions had on it
    (at the strength that the run chose).

    Args:
        latent: the true effect, on all problems.
        run: the folder of the run.
        steering_type: the direction.
    """
    effects = {record.task_id: wanted_effect(record) for record in latent}
    tasks, others, tried = _random_directions(run, steering_type)
    true = np.array([effects[task] for task in tasks], dtype=float)
    rng = np.random.default_rng(_SEED)
    shown = 0
    for _ in range(_DRAWS):
        drawn = rng.integers(len(tasks), size=len(tasks))
        compared = compare_directions(true[drawn], others[drawn], tried[drawn])
        p = max(compared.p_directions, compared.p_problems)
        shown += p < SIGNIFICANCE and compared.difference > 0
    return shown / _DRAWS


def _random_directions(
    run: Path, steering_type: SteeringType
) -> tuple[list[int], np.ndarray, np.ndarray]:
    """The held-out problems, and what was tried on each: [n_problems, n_directions]."""
    import pandas as pd

    table = pd.read_parquet(run / RECORDS_FILE)
    rows = table[(table.stage == "final_controls") & (table.steering_type == steering_type)]
    tasks, names = sorted(set(rows.task_id)), sorted(set(rows.control))
    others = np.zeros((len(tasks), len(names)))
    tried = np.zeros(others.shape, dtype=bool)
    for row in rows.itertuples():
        place = tasks.index(row.task_id), names.index(row.control)
        tried[place] = True
        others[place] = wanted_effect(row)
    return tasks, others, tried
