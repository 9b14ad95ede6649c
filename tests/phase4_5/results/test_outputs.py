"""What Phase 4.5 leaves for programs: it fits together, and nothing of earlier runs is in it."""

import difflib
import json

import numpy as np
import pandas as pd
import pytest
from pipeline_runs import DIRECTIONS, GRID, results_of, summary_of

import run
from phase4_5 import calculate_flip_rate, calculate_generation_divergence

pytestmark = pytest.mark.usefixtures("only_the_grid")


def test_rates_and_similarities_can_be_recomputed_from_the_files(whole):
    baseline = pd.read_parquet(whole / "phase3_6/dataset_hyperparams_temp_0_0.parquet").set_index(
        "task_id"
    )
    for direction in DIRECTIONS:
        rows = summary_of(whole)["results"][direction]
        assert [row["coefficient"] for row in rows] == GRID
        for row in rows:
            results = results_of(whole, direction, row["coefficient"])
            assert len(results) == 10
            flips, tokens, characters = [], [], []
            for result in results:
                before = baseline.loc[result["task_id"]]
                flips.append(bool(before["test_passed"]) != result["steered_passed"])
                old, new = before["generated_code"], result["steered_code"]
                tokens.append(difflib.SequenceMatcher(None, old.split(), new.split()).ratio())
                characters.append(difflib.SequenceMatcher(None, old, new).ratio())
                assert result["prompt"] == before["prompt"]
            assert row["flip_rate"] == pytest.approx(100 * np.mean(flips))
            assert row["mean_token_similarity"] == pytest.approx(np.mean(tokens))
            assert row["mean_char_similarity"] == pytest.approx(np.mean(characters))
            assert calculate_flip_rate(results) == row["flip_rate"]
            divergence = calculate_generation_divergence(results)
            assert divergence["mean_token_similarity"] == row["mean_token_similarity"]


def test_the_summary_is_strict_json_with_what_it_was_made_with(whole):
    def refuse(constant):
        raise AssertionError(constant)

    text = (whole / "phase4_5/phase_4_5_summary.json").read_text()
    summary = json.loads(text, parse_constant=refuse)
    assert summary["phase"] == "4.5"
    assert summary["duration_seconds"] > 0
    assert summary["environment"]["dtype"] == "float32"
    assert summary["config"]["phase4_5_coefficients"] == GRID


def test_every_rate_has_its_interval_and_every_coefficient_its_test(whole):
    summary = summary_of(whole)
    for direction in DIRECTIONS:
        for row in summary["results"][direction]:
            for name in ("flip_rate", "corruption_rate", "valid_syntax_rate"):
                low, high = row[f"{name}_interval"]
                assert 0 <= low <= row[name] <= high <= 100
                assert high - low > 20, "ten problems tell no more"
            assert 0 < row["mcnemar_p"] <= row["mcnemar_p_holm"] <= 1
        strengths = [row["relative_strength"] for row in summary["results"][direction]]
        assert strengths[3] == pytest.approx(30 * strengths[0])
        assert 5 < summary["residual_norm"][direction]["median"] < 100


def test_examples_of_an_earlier_grid_go_and_come_back_from_the_journal(earlier):
    examples = earlier / "phase4_5" / "coefficient_examples"
    for grid in ("1,3", "3", "1,3"):
        arguments = ["phase", "4.5", "--data-dir", str(earlier), "--problems", "2"]
        assert run.main([*arguments, "--coefficients", grid]) == 0
        expected = {f"{d}_coeff_{c}" for d in DIRECTIONS for c in grid.split(",")}
        assert {folder.name for folder in examples.iterdir()} == expected
    stale = [
        earlier / "phase4_5" / name / "all_results.json"
        for name in ("control_examples/random_1_correct_coeff_1", "final_examples/correct_coeff_1")
    ]
    for path in stale:
        path.parent.mkdir(parents=True)
        path.write_text("[]")
    (examples / "correct_coeff_1" / "my notes.txt").write_text("keep")
    assert run.main([*arguments, "--coefficients", "3"]) == 0
    assert (examples / "correct_coeff_1" / "my notes.txt").exists()
    assert not any(path.parent.exists() for path in stale)
