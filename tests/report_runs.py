"""Runs of Phase 4.5 for the tests of its report: made-up programs, real metrics."""

from datetime import UTC, datetime

from common.files import write_json
from phase4_5.analysis.metrics import similarity, summarise_coefficient
from phase4_5.analysis.recommendation import recommend
from phase4_5.analysis.significance import add_p_values, compare_neighbours
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
    before, after = record["baseline_passed"], record["steered_passed"]
    record["flipped"] = before != after
    record["flip_direction"] = None
    if record["flipped"]:
        record["flip_direction"] = "pass→fail" if before else "fail→pass"
    if "token_similarity" not in other:
        record |= similarity(record["baseline_code"], record["steered_code"])
    return record


def make_run(folder, records, model_name="a/model", **summary):
    """The run of these records, not on disk."""
    examples = {}
    for record in records:
        examples.setdefault((record["steering_type"], record["coefficient"]), []).append(record)
    results = {"correct": [], "incorrect": []}
    for (direction, _), column in examples.items():
        results[direction].append(
            {**summarise_coefficient(column), "relative_strength": 0.25, "refined": False}
        )
    add_p_values(results)
    evaluations = {
        direction: [{**row, "results": examples[direction, row["coefficient"]]} for row in rows]
        for direction, rows in results.items()
    }
    recommended = {
        direction: {"coefficient": found.coefficient, "qualifies": found.qualifies}
        | {"rationale": found.rationale}
        for direction, found in ((name, recommend(rows, name)) for name, rows in results.items())
    }
    now = datetime(2026, 1, 2, 3, 4, tzinfo=UTC).isoformat()
    nothing = {"correct": None, "incorrect": None}
    return Run(
        folder,
        {
            "phase": "4.5",
            "timestamp": now,
            "config": {"model_name": model_name, "residual_site": "resid_pre"},
            "environment": {"device": "cpu", "dtype": "float32"},
            "features": {
                name: {"layer": 3, "feature_idx": 14, "separation_score": 0.2} for name in results
            },
            "residual_norm": nothing,
            "results": results,
            "neighbours": compare_neighbours(evaluations),
            "controls": nothing,
            "final_evaluation": nothing,
            "recommended": recommended,
            "selected_coefficients": {
                "phase": "4.5",
                "timestamp": now,
                "selection_method": "recommended",
                "reviewer": None,
                "model_name": model_name,
                **{
                    name: {**entry, "selection_method": "recommended", "marks": []}
                    for name, entry in recommended.items()
                },
            },
            **summary,
        },
        examples,
    )


def save_run(run):
    """Write what `load_run` and the review read."""
    for column in run.examples.values():
        save_examples(run.folder, column)
    write_json(run.folder / SELECTED_FILE, run.summary["selected_coefficients"])
    write_json(run.folder / SUMMARY_FILE, run.summary)
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
                        failure_mode="wrong_answer" if broken else None,
                        outcome="wrong_answer" if broken else "passed",
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
