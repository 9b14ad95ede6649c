"""The stages on the embedded model: one set of problems, controls, other problems at the end."""

import json

import numpy as np
import pandas as pd
import pytest
from pipeline_runs import DIRECTIONS, GRID, results_of, summary_of

import run

pytestmark = pytest.mark.usefixtures("only_the_grid")


def test_every_coefficient_sees_the_same_problems_of_both_outcomes(whole):
    for direction in DIRECTIONS:
        first = [record["task_id"] for record in results_of(whole, direction, 1)]
        for coefficient in GRID:
            records = results_of(whole, direction, coefficient)
            assert [record["task_id"] for record in records] == first
        assert {record["baseline_passed"] for record in records} == {True, False}


def test_the_response_is_neither_flat_nor_broken(whole):
    in_band = []
    for direction in DIRECTIONS:
        rows = summary_of(whole)["results"][direction]
        assert rows[0]["flip_rate"] <= 20
        assert rows[-1]["corruption_rate"] > 50
        in_band += [row for row in rows[1:-1] if 20 <= row["flip_rate"] <= 60]
    assert in_band


def test_the_controls_are_run_and_said_plainly(whole):
    summary = summary_of(whole)
    for direction in DIRECTIONS:
        controls = summary["controls"][direction]
        assert controls["n_random"] == 1
        for kind in ("random", "opposite"):
            assert [row["coefficient"] for row in controls[kind]["coefficients"]] == GRID
            words = controls[kind]["statement"]
            for name in ("report.html", "phase_4_5_report.md"):
                assert words.split("(")[0][:40] in (whole / "phase4_5" / name).read_text()


def test_the_final_evaluation_is_on_other_problems(whole):
    baseline = pd.read_parquet(whole / "phase3_6/dataset_hyperparams_temp_0_0.parquet")
    passed = baseline.set_index("task_id")["test_passed"]
    summary = summary_of(whole)
    used = {record["task_id"] for record in results_of(whole, "correct", 1)}
    n_held_out = summary["config"]["phase4_5_final_eval_problems"]
    assert n_held_out >= 20
    for direction in DIRECTIONS:
        final = summary["final_evaluation"][direction]
        assert final == summary["selected_coefficients"][direction]["final_evaluation"]
        folder = whole / "phase4_5/final_examples" / f"{direction}_coeff_{final['coefficient']:g}"
        records = json.loads((folder / "all_results.json").read_text())
        tasks = [record["task_id"] for record in records]
        assert len(set(tasks)) == final["n_problems"] == n_held_out
        assert used.isdisjoint(tasks)
        still = [record["steered_passed"] for record in records if passed[record["task_id"]]]
        assert final["preservation_rate"] == pytest.approx(100 * np.mean(still))
        assert final["preservation_rate"] + final["corruption_rate"] == pytest.approx(100)
        directions = final["directions"]
        assert directions["n_problems"] == n_held_out
        assert directions["n_directions"] == summary["config"]["phase4_5_final_controls"]
        selected = summary["selected_coefficients"][direction]
        assert selected["verdict"] in ("supported", "unproven", "contradicted")
        for name in ("report.html", "phase_4_5_report.md"):
            assert selected["verdict"] in (whole / "phase4_5" / name).read_text()


def test_latents_that_fire_as_often_take_the_latent_s_place_too(earlier, monkeypatch):
    monkeypatch.setenv("PVA_SAE_PHASE4_5_LATENT_CONTROLS", "2")
    monkeypatch.setenv("PVA_SAE_PHASE4_5_PROBLEMS_PER_COEFF", "2")
    for name in ("RANDOM_CONTROLS", "OPPOSITE_CONTROL", "FINAL_CONTROLS"):
        monkeypatch.setenv(f"PVA_SAE_PHASE4_5_{name}", "0")
    monkeypatch.setenv("PVA_SAE_PHASE4_5_FINAL_EVAL_PROBLEMS", "6")
    assert run.main(["phase", "4.5", "--data-dir", str(earlier), "--coefficients", "3"]) == 0
    matched = json.loads((earlier / "phase2_5/matched_latents.json").read_text())
    table = pd.read_parquet(earlier / "phase4_5/all_records.parquet")
    for direction in DIRECTIONS:
        names = {f"latent_{one['feature_idx']}" for one in matched[direction]["latents"][:2]}
        rows = table[(table.stage == "final_latents") & (table.steering_type == direction)]
        assert set(rows.control) == names and len(rows) == 6 * 2
        final = summary_of(earlier)["final_evaluation"][direction]
        assert final["directions"] is None
        assert (final["latents"]["n_directions"], final["latents"]["n_programs"]) == (2, 12)
        passed = rows.steered_passed.astype(int) - rows.baseline_passed.astype(int)
        if direction == "correct":
            assert final["latents"]["directions_effect"] == pytest.approx(100 * passed.mean())
        words = final["latents"]["statement"].split(" (")[0]
        assert (
            "latents of the nearest firing rates that separate nothing"
            in final["latents"]["statement"]
        )
        for name in ("report.html", "phase_4_5_report.md"):
            assert words in " ".join((earlier / "phase4_5" / name).read_text().split())


@pytest.mark.long
def test_a_second_stage_adds_coefficients_between_neighbours(earlier, monkeypatch):
    monkeypatch.setenv("PVA_SAE_PHASE4_5_PROBLEMS_PER_COEFF", "4")
    arguments = ["phase", "4.5", "--data-dir", str(earlier), "--coefficients", "3,10,30"]
    assert run.main([*arguments, "--refine", "3"]) == 0
    summary = summary_of(earlier)
    for direction in DIRECTIONS:
        rows = summary["results"][direction]
        coefficients = [row["coefficient"] for row in rows]
        assert coefficients == sorted(coefficients)
        added = [row["coefficient"] for row in rows if row["refined"]]
        assert set(coefficients) - set(added) == {3, 10, 30}
        assert 1 <= len(added) <= 3
        for coefficient in added:
            assert 3 < coefficient < 30
            assert len(results_of(earlier, direction, coefficient)) == 4
        names = {record["task_id"] for record in results_of(earlier, direction, added[0])}
        assert names == {record["task_id"] for record in results_of(earlier, direction, 3)}
    assert run.main(arguments) == 0
    assert [row["coefficient"] for row in summary_of(earlier)["results"]["correct"]] == [
        3,
        10,
        30,
    ]
