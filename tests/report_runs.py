"""Runs of Phase 4.5 for the tests of its report: made-up programs, real metrics."""

from datetime import UTC, datetime
from typing import Any

from common.terms import SteeringType
from common.typed_files import write_model
from phase4_5.analysis.metrics import similarity, summarise_coefficient
from phase4_5.analysis.recommendation import recommend, shortcomings
from phase4_5.analysis.significance import compare_neighbours, with_corrected_p
from phase4_5.records import (
    CoefficientSummary,
    ProgramRecord,
    RunSummary,
    flip_direction,
)
from phase4_5.results.choice import SELECTED_FILE
from phase4_5.results.outputs import save_examples
from phase4_5.results.run_files import SUMMARY_FILE, Run

BASELINE = "def add(a, b):\n    return a + b\n"
CHANGED = "def add(a, b):\n    return a - b\n"


def make_record(task_id=1, direction="correct", coefficient=30.0, **other):
    """A record in which a right program became a wrong one."""
    record = {
        "task_id": task_id,
        "steering_type": direction,
        "coefficient": float(coefficient),
        "prompt": f"Write a function, number {task_id}.\n",
        "baseline_code": BASELINE,
        "steered_code": CHANGED,
        "baseline_passed": True,
        "steered_passed": False,
        "outcome": "wrong_answer",
        "error": None,
        "n_new_tokens": 20,
        "stop_reason": "eos",
        "failure_mode": "wrong_answer",
        "changes": ["operators"],
        "valid_syntax": True,
        "signature_intact": True,
    } | other
    if record["steered_passed"]:
        record |= {"outcome": "passed", "failure_mode": None}
    record["flip_direction"] = flip_direction(record["baseline_passed"], record["steered_passed"])
    record["flipped"] = record["flip_direction"] is not None
    if "token_similarity" not in other:
        record |= similarity(record["baseline_code"], record["steered_code"])
    return ProgramRecord.model_validate(record)


def make_summary(coefficient=30.0, flip_rate=40.0, direction="correct", **other):
    """The summary of a coefficient with rates that no records need to have."""
    n_flipped = round(flip_rate / 10)
    return CoefficientSummary.model_validate(
        {
            "steering_type": direction,
            "refined": False,
            "coefficient": float(coefficient),
            "n_problems": 10,
            "n_baseline_passed": 5,
            "n_baseline_failed": 5,
            "n_flipped": n_flipped,
            "n_pass_to_fail": n_flipped,
            "n_fail_to_pass": 0,
            "flip_rate": float(flip_rate),
            "flip_rate_interval": [flip_rate / 2, 100.0],
            "correction_rate": 10.0,
            "correction_rate_interval": [2.0, 40.0],
            "corruption_rate": 10.0,
            "corruption_rate_interval": [2.0, 40.0],
            "mean_token_similarity": 0.7,
            "mean_char_similarity": 0.7,
            "mean_length_ratio": 1.0,
            "valid_syntax_rate": 100.0,
            "valid_syntax_rate_interval": [72.0, 100.0],
            "signature_intact_rate": 100.0,
            "signature_intact_rate_interval": [72.0, 100.0],
            "failure_modes": {},
            "changes": {},
            "mcnemar_p": 0.25,
            "mcnemar_p_holm": 1.0,
            **other,
        }
    )


def make_comparison(*flip_rates, coefficients=(30.0,), flip_rate=None, **other):
    """The comparison with controls of these flip rates, at each coefficient."""
    common = {
        "difference": 12.5,
        "interval": [-3.2, 28.4],
        "p": 0.125,
        "n_differing": 4,
        "p_holm": 0.5,
    }
    mean = sum(flip_rates) / len(flip_rates) if flip_rate is None else flip_rate
    return {
        "coefficients": [
            {
                "coefficient": float(coefficient),
                "flip_rate": mean,
                "flip_rates": list(flip_rates),
                "wanted_rate": None,
                **common,
            }
            for coefficient in coefficients
        ],
        "curve": {"flip_rate": mean, "control_flip_rate": mean, **common},
        "statement": f"A statement of {len(flip_rates)}.",
        **other,
    }


def make_direction_test(**other):
    """What a comparison with 20 random directions may have found, changed in these fields."""
    return {
        "n_directions": 20,
        "n_problems": 100,
        "n_programs": 500,
        "effect": 25.0,
        "directions_effect": 2.0,
        "difference": 23.0,
        "interval": [14.0, 32.0],
        "p_directions": 0.001,
        "p_problems": 0.0001,
        "p": 0.001,
        "n_less": 20,
        "outcome": "more",
        "statement": "It does more.",
        **other,
    }


def make_final(row, **other):
    """A coefficient's summary as that of a final evaluation, changed in these fields."""
    values = {**row.dump(), **other}
    for name in ("steering_type", "refined", "relative_strength", "mcnemar_p_holm"):
        del values[name]
    return {
        "preservation_rate": None,
        "preservation_rate_interval": None,
        "shortcomings": shortcomings(row),
        "directions": None,
        **values,
    }


def make_run(folder, records, model_name="a/model", **summary):
    """The run of these records, not on disk; `summary` replaces parts of its summary."""
    columns: dict[SteeringType, dict[float, list[ProgramRecord]]] = {"correct": {}, "incorrect": {}}
    for record in records:
        column = columns[record.steering_type].setdefault(record.coefficient, [])
        column.append(record)
    results = with_corrected_p(
        {
            direction: [
                summarise_coefficient(column).model_copy(update={"relative_strength": 0.25})
                for column in of_direction.values()
            ]
            for direction, of_direction in columns.items()
        }
    )
    recommended = {name: recommend(rows, name).dump() for name, rows in results.items()}
    neighbours = compare_neighbours(results, columns)
    now = datetime(2026, 1, 2, 3, 4, tzinfo=UTC).isoformat()
    nothing = {"correct": None, "incorrect": None}
    norm = {"median": 20.0, "n_positions": 100, "direction_norm": 1.0}
    feature = {"layer": 3, "feature_idx": 14}
    values: dict[str, Any] = {
        "timestamp": now,
        "duration_seconds": 1.0,
        "lanes": None,
        "config": {"model_name": model_name, "residual_site": "resid_pre"},
        "environment": {"device": "cpu", "dtype": "float32"},
        "features": {name: {**feature, "separation_score": 0.2} for name in results},
        "residual_norm": {name: norm for name in results},
        "results": {name: [row.dump() for row in rows] for name, rows in results.items()},
        "neighbours": {name: [pair.dump() for pair in pairs] for name, pairs in neighbours.items()},
        "controls": nothing,
        "final_evaluation": nothing,
        "recommended": recommended,
        "selected_coefficients": {
            "timestamp": now,
            "selection_method": "recommended",
            "model_name": model_name,
        }
        | {
            name: {
                **feature,
                "residual_site": "resid_pre",
                "coefficient": entry["coefficient"],
                "flip_rate": entry["flip_rate"],
                "qualifies": entry["qualifies"],
                "rationale": entry["rationale"],
            }
            for name, entry in recommended.items()
        },
    } | summary
    examples = {
        (direction, coefficient): column
        for direction, of_direction in columns.items()
        for coefficient, column in of_direction.items()
    }
    return Run(folder, RunSummary.model_validate(values), examples)


def changed(run, *path, **fields):
    """The run with these fields of its summary changed, in what lies at `path`."""
    values = run.summary.dump()
    part = values
    for key in path:
        part = part[key]
    part.update(fields)
    return Run(run.folder, RunSummary.model_validate(values), run.examples)


def save_run(run):
    """Write what `load_run` and the review read."""
    for column in run.examples.values():
        save_examples(run.folder, column)
    write_model(run.folder / SELECTED_FILE, run.selected)
    write_model(run.folder / SUMMARY_FILE, run.summary)
    return run


def big_run(folder, n_problems=100, coefficients=(1, 3, 10, 30, 100, 300, 1000)):
    """1,400 examples, each with programs of about 500 tokens, all of them different."""
    records = []
    for direction in ("correct", "incorrect"):
        for step, coefficient in enumerate(coefficients):
            for task_id in range(n_problems):
                baseline = _long_program(task_id, 0)
                steered = _long_program(task_id, step + 7 * (direction == "correct"))
                broken = (task_id + step) % 3 == 0
                records.append(
                    make_record(
                        task_id,
                        direction,
                        coefficient,
                        baseline_code=baseline,
                        steered_code=steered,
                        baseline_passed=task_id % 2 == 0,
                        steered_passed=not broken,
                        # Computing them takes longer than all the rest.
                        token_similarity=0.9,
                        char_similarity=0.9,
                        length_ratio=1.0,
                    )
                )
    return make_run(folder, records)


def _long_program(task_id, variant):
    lines = [f"def solve_{task_id}(values, limit={variant}):", "    total = 0"]
    for number in range(40):
        # About every third line differs between two variants.
        salt = variant if (number + task_id) % 3 == 0 else 0
        lines.append(f"    if values[{number}] > limit + {salt}:  # step {number}")
        lines.append(f"        total += values[{number}] * {number + salt}")
    return "\n".join([*lines, f"    return total  # {variant}\n"])
